"""Each fault changes the answers as requested, then stops."""

from collections import Counter

import pytest

from tests.fakes.test_recalls import COUNTS_BY_YEAR

IN_2019 = (
    "report_received_date >= '2019-01-01T00:00:00' AND report_received_date < '2020-01-01T00:00:00'"
)


@pytest.mark.parametrize(("loses", "rows", "distinct"), [(False, 1201, 1200), (True, 1200, 1199)])
def test_repeated_row_fault_duplicates_a_row(page, replica, loses, rows, distinct):
    replica.fault("repeated_row", loses=loses)
    found = page()
    assert (len(found), len({row[":id"] for row in found})) == (rows, distinct)


DIRTY = {
    "bad_date": lambda row: row.get("report_received_date") == "sometime in spring",
    "missing_date": lambda row: "report_received_date" not in row,
    "missing_key": lambda row: "nhtsa_id" not in row,
    "wrong_type": lambda row: row.get("potentially_affected") == "many",
    "negative_number": lambda row: row.get("potentially_affected") == "-5",
    "completion_over_100": lambda row: row.get("completion_rate") == "130.5",
    "link_as_string": lambda row: isinstance(row["recall_link"], str),
    "json_number": lambda row: isinstance(row.get("potentially_affected"), int),
}


@pytest.mark.parametrize("which", DIRTY)
def test_dirty_fault_changes_only_the_requested_number_of_rows(page, count, replica, which):
    clean = {row[":id"]: row for row in page()}
    replica.fault("dirty", which=which, rows=2, year=2019)
    found = page()
    dirty = [row for row in found if DIRTY[which](row) and row != clean[row[":id"]]]
    assert len(dirty) == 2
    assert len(found) == count() == 1200
    assert all(row == clean[row[":id"]] for row in found if row not in dirty)
    assert page() == found


def test_duplicate_key_fault_adds_rows(page, count, replica):
    replica.fault("dirty", which="duplicate_key", rows=2)
    found = page()
    keys = Counter(row["nhtsa_id"] for row in found)
    assert sorted(keys.values())[-3:] == [1, 2, 2]
    assert len({row[":id"] for row in found}) == len(found) == count() == 1202


@pytest.mark.parametrize("which", ["bad_date", "missing_date"])
def test_undated_rows_are_counted_and_selected_separately(ask, page, count, replica, which):
    replica.fault("dirty", which=which, rows=2, year=2019)
    undated = [row for row in ask(COUNTS_BY_YEAR).json() if "year" not in row]
    assert undated == [{"recalls": "2"}]
    assert count("report_received_date IS NULL") == 2
    both = f"({IN_2019}) OR report_received_date IS NULL"
    assert len(page(both)) == count(both) == count(IN_2019) + 2


def test_response_faults_apply_one_at_a_time(ask, replica):
    replica.fault("stale")
    replica.fault("503")
    replica.fault("429")
    assert [ask().status_code for _ in range(2)] == [503, 429]
    assert ask().headers["X-SODA2-Data-Out-Of-Date"] == "true"

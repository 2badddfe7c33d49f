"""Made-up recalls look like real ones and change every day."""

import itertools
import json
from collections import Counter

import pytest

from fakes.made_up_edits import EDITS
from fakes.recalls_table import Source
from fakes.soql import TYPES
from tests.fakes.conftest import PAGE

COLUMNS = [name for name in TYPES if not name.startswith(":") and name != "recall_link"]


def rows_of(day, rows=30_000):
    found = Source(rows, 1, day).table().execute("SELECT row FROM recalls").fetchall()
    every = (dict.fromkeys(TYPES) | json.loads(row) for (row,) in found)
    by_key = {row["nhtsa_id"]: row for row in every}
    assert len(by_key) == len(found)
    return by_key


def edits_between(old, new):
    both = old.keys() & new.keys()
    return [(key, name) for key in both for name in COLUMNS if old[key][name] != new[key][name]]


def year(row):
    return row["report_received_date"][:4]


@pytest.fixture(scope="module")
def first():
    return rows_of(1)


@pytest.fixture(scope="module")
def second():
    return rows_of(2)


def test_day_2_changes_a_realistic_number_of_rows(first, second):
    assert len(second.keys() - first.keys()) == 12
    assert len(first.keys() - second.keys()) == 3
    edits = edits_between(first, second)
    assert len({key for key, _ in edits}) == len(edits) == 40
    names = Counter(name for _, name in edits)
    assert set(names) == {edit.column for edit in EDITS} | {"report_received_date"}
    years = {year(first[key]) for key, _ in edits}
    assert (min(years) < "1990", max(years) > "2015") == (True, True)
    cleared = [key for key, name in edits if name == "component" and first[key][name]]
    assert (len(cleared), {second[key]["component"] for key in cleared}) == (12, {None})
    (moved,) = (key for key, name in edits if name == "report_received_date")
    assert year(first[moved]) != year(second[moved])


def test_refresh_replaces_all_system_fields(first, second):
    for column in (":id", ":version"):
        before = {row[column] for row in first.values()}
        assert len(before) == len(first)
        assert not before & {row[column] for row in second.values()}
    for day, rows in ((28, first), (29, second)):
        times = {(row[":created_at"], row[":updated_at"]) for row in rows.values()}
        assert times == {(f"2026-06-{day}T09:30:43.000Z",) * 2}


def test_retracted_recall_can_return(first, second):
    assert len(rows_of(3).keys() & (first.keys() - second.keys())) == 1


@pytest.mark.parametrize("rows", [10, 1_200])
def test_small_sources_change_every_day(rows):
    days = [rows_of(day, rows) for day in range(1, 6)]
    for before, after in itertools.pairwise(days):
        assert after.keys() - before.keys()
        assert before.keys() - after.keys()
        assert edits_between(before, after)
    assert rows_of(3, 0) == {}


def test_day_rows_and_seed_apply_to_the_next_request(replica, page, count, ask):
    rows, modified = page(), ask(PAGE).headers["Last-Modified"]
    replica.day = 2
    assert page() != rows
    assert ask(PAGE).headers["Last-Modified"] != modified
    replica.day = 1
    assert page() == rows
    replica.rows, replica.seed = 60, 8
    few = page()
    assert ask(PAGE).headers["X-Made-Up"] == "seed=8"
    replica.seed = 7
    assert page() != few
    replica.day = 200
    later = page()
    assert count() == len(later) == len({row["nhtsa_id"] for row in later})
    assert any(row["report_received_date"] > "2027" for row in later)

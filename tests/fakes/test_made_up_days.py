"""Days: the publisher replaces everything, and changes some of it."""

from __future__ import annotations

import itertools
from collections import Counter
from email.utils import parsedate_to_datetime

import pyarrow as pa
import pytest

from fakes.made_up_edits import EDITS
from fakes.made_up_recalls import COLUMNS
from fakes.published import Published


def rows_of(day: int, rows: int = 30_000) -> dict[str, dict[str, str | None]]:
    published = Published(rows=rows, seed=1, day=day)
    tables = {year: published.year(year) for year in published.counts()}
    assert {year: table.num_rows for year, table in tables.items()} == published.counts()
    found = pa.concat_tables(tables.values()).to_pylist()
    by_key = {row["nhtsa_id"]: row for row in found}
    assert len(by_key) == len(found)
    return by_key


def edits_between(old, new):
    return [
        (key, column)
        for key in old.keys() & new.keys()
        for column in COLUMNS
        if old[key][column] != new[key][column]
    ]


@pytest.fixture(scope="module")
def first():
    return rows_of(1)


@pytest.fixture(scope="module")
def second():
    return rows_of(2)


def test_day_2_adds_retracts_and_edits_in_real_proportions(first, second):
    """A dozen new, three retracted, about forty edited over old and new years."""
    assert len(second.keys() - first.keys()) == 12
    assert len(first.keys() - second.keys()) == 3
    edits = edits_between(first, second)
    assert len({key for key, _ in edits}) == len(edits) == 40
    fields = Counter(column for _, column in edits)
    assert set(fields) == {edit.column for edit in EDITS.values()} | {"report_received_date"}
    years = {first[key]["report_received_date"][:4] for key, _ in edits}
    assert min(years) < "1990"
    assert max(years) > "2015"


def test_day_2_loses_components_and_moves_a_date_across_years(first, second):
    """A component goes missing on a dozen; one recall turns up in another year."""
    edits = edits_between(first, second)
    gone = [key for key, column in edits if column == "component" and first[key][column]]
    assert len(gone) == 12
    assert all(second[key]["component"] is None for key in gone)
    moved = [key for key, column in edits if column == "report_received_date"]
    assert len(moved) == 1
    old, new = (rows[moved[0]]["report_received_date"] for rows in (first, second))
    assert old[:4] != new[:4]


def test_every_refresh_replaces_all_system_fields(first, second):
    """Ids, versions and times are new for every row, and both times are the refresh."""
    for column in (":id", ":version"):
        before = {row[column] for row in first.values()}
        after = {row[column] for row in second.values()}
        assert len(before) == len(first)
        assert not before & after
    for day, rows in ((28, first), (29, second)):
        times = {(row[":created_at"], row[":updated_at"]) for row in rows.values()}
        assert times == {(f"2026-06-{day}T09:30:43.000Z",) * 2}


@pytest.mark.parametrize("rows", [10, 100, 1_200])
def test_small_sources_change_too(rows):
    """A few rows still see additions, a retraction and edits every day."""
    days = [rows_of(day, rows) for day in range(1, 6)]
    for before, after in itertools.pairwise(days):
        assert after.keys() - before.keys()
        assert before.keys() - after.keys()
        assert edits_between(before, after)


def test_an_empty_source_stays_empty():
    """Nothing is added to no rows."""
    assert Published(rows=0, seed=1, day=3).counts() == {}


def test_a_retracted_recall_may_return(first, second):
    """One of the three that day 2 retracted is back on day 3."""
    third = rows_of(3)
    assert len(third.keys() & (first.keys() - second.keys())) == 1


def test_days_can_be_set_back_and_forth(replica, page, count, ask):
    """Setting the day counts from the next request; the same day gives the same rows."""
    rows, modified = page(), ask().headers["Last-Modified"]
    replica.day = 2
    assert page() != rows
    assert count() == len(page())
    later = ask().headers["Last-Modified"]
    assert parsedate_to_datetime(later) > parsedate_to_datetime(modified)
    replica.day = 1
    assert page() == rows
    assert ask().headers["Last-Modified"] == modified


def test_a_late_day_is_reached_at_once(replica, count, page):
    """Day 200 is in 2027, and still adds up."""
    replica.rows, replica.day = 60, 200
    rows = page()
    assert count() == len(rows) == len({row["nhtsa_id"] for row in rows})
    assert any(row["report_received_date"] > "2027" for row in rows)


def test_rows_and_seed_can_be_set(replica, count, page, ask):
    """Another size or seed counts from the next request."""
    replica.rows = 300
    assert count() == 300
    ids = {row["nhtsa_id"]: row["manufacturer"] for row in page()}
    replica.seed = 8
    assert ask().headers["X-Made-Up"] == "seed=8"
    assert {row["nhtsa_id"]: row["manufacturer"] for row in page()} != ids

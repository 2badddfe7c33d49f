"""How much a read may take away: each limit to the row, on real reads against a real head."""

from __future__ import annotations

import pytest

from include.first.lake import Lake
from tests.vehicle_recalls.evidence import Row
from tests.vehicle_recalls.test_audit import MAY_BE_NULL, failures, publish_rows, rows_of

NEXT_YEAR = "2027-01-02T09:30:43Z"


@pytest.mark.parametrize(
    ("rows", "lost", "failed"),
    [(10, 3, []), (10, 4, ["rows per year"]), (800, 4, []), (800, 5, ["rows per year"])],
)
def test_a_year_that_is_over_loses_three_rows_or_half_a_percent(
    lake: Lake, rows: int, lost: int, failed: list[str]
):
    """Exactly the limit passes, one row more does not, and the error names the year."""
    others = rows_of(2018, 300)
    publish_rows(lake, [*others, *rows_of(2019, rows)])
    found = failures(lake, [*others, *rows_of(2019, rows - lost)])
    assert list(found) == failed
    for told in found.values():
        assert told.startswith(f"2019 lost {lost} of {rows}; ")


def test_a_year_that_goes_has_lost_all_its_rows(lake: Lake):
    """A year without rows at the source is a year that lost them."""
    others = rows_of(2018, 300)
    publish_rows(lake, [*others, *rows_of(2019, 4)])
    assert failures(lake, others)["rows per year"].startswith("2019 lost 4 of 4; ")


@pytest.mark.parametrize(
    ("rows", "lost", "failed"),
    [(10, 3, []), (10, 4, ["rows in total"]), (200, 4, []), (200, 5, ["rows in total"])],
)
def test_all_years_lose_three_rows_or_two_percent(
    lake: Lake, rows: int, lost: int, failed: list[str]
):
    """The year of the source's last change may lose rows as far as the whole may."""
    publish_rows(lake, rows_of(2026, rows))
    assert list(failures(lake, rows_of(2026, rows - lost))) == failed


def test_a_year_is_over_by_the_source_s_own_time(lake: Lake):
    """What the open year may lose, it may not lose once the source was changed in the next."""
    publish_rows(lake, rows_of(2026, 300))
    lost = rows_of(2026, 296)
    assert list(failures(lake, lost, refreshed=NEXT_YEAR)) == ["rows per year"]
    assert failures(lake, lost) == {}


@pytest.mark.parametrize("column", MAY_BE_NULL)
def test_each_column_is_watched_for_missing_values(lake: Lake, column: str):
    """Four of ten values gone fail the column's own check, and no other."""
    publish_rows(lake, rows_of(2019, 10))
    found = failures(lake, [*rows_of(2019, 6), *rows_of(2019, 4, first=6, **{column: None})])
    assert list(found) == [f"nulls of {column}"]
    assert found[f"nulls of {column}"].startswith("2019 4 of 10, 0 of 10 before, in all 4 of 10")


@pytest.mark.parametrize(
    ("rows", "before", "after", "fails"),
    [(10, 0, 3, False), (100, 10, 15, False), (100, 10, 16, True), (100, 16, 10, False)],
)
def test_three_or_five_in_a_hundred_more_values_may_be_missing(
    lake: Lake, rows: int, before: int, after: int, fails: bool
):
    """The head's own share is what counts, and a few rows never do."""

    def year(missing: int) -> list[Row]:
        empty = rows_of(2019, missing, first=rows - missing, component=None)
        return [*rows_of(2019, rows - missing), *empty]

    publish_rows(lake, year(before))
    assert bool(failures(lake, year(after))) == fails


def test_missing_values_spread_over_years_are_seen_in_all(lake: Lake):
    """Three more in each of four years are few for each, and too many together."""
    years = range(2016, 2020)
    publish_rows(lake, [row for year in years for row in rows_of(year, 50)])
    now = [
        row
        for year in years
        for row in [*rows_of(year, 47), *rows_of(year, 3, first=47, component=None)]
    ]
    found = failures(lake, now)
    assert list(found) == ["nulls of component"]
    assert found["nulls of component"].startswith("in all 12 of 200, 0 of 200 before; ")


def test_a_rate_that_comes_late_is_awaited_until_the_year_is_over(lake: Lake):
    """New recalls of the open year have no completion rate yet; older ones must keep theirs."""
    publish_rows(lake, [*rows_of(2019, 10), *rows_of(2026, 10)])
    unrated = rows_of(2026, 20, first=10, completion_rate=None)
    now = [*rows_of(2019, 10), *rows_of(2026, 10), *unrated]
    assert failures(lake, now) == {}
    assert list(failures(lake, [*rows_of(2019, 10, completion_rate=None), *now[10:]])) == [
        "nulls of completion_rate"
    ]


def test_other_columns_are_watched_in_the_open_year_too(lake: Lake):
    """Only the rate is awaited: what the open year had of the rest, it must keep."""
    publish_rows(lake, rows_of(2026, 10))
    assert list(failures(lake, rows_of(2026, 10, component=None))) == ["nulls of component"]


def test_a_new_year_has_nothing_to_be_compared_with(lake: Lake):
    """A year that the table did not have may lack what the others have."""
    publish_rows(lake, rows_of(2019, 10))
    assert failures(lake, [*rows_of(2019, 10), *rows_of(2009, 10, component=None)]) == {}


@pytest.mark.parametrize(
    ("rows", "dirty", "fails"), [(10, 3, False), (10, 4, True), (401, 4, False), (400, 4, True)]
)
def test_less_than_one_in_a_hundred_may_break_the_contract(
    lake: Lake, rows: int, dirty: int, fails: bool
):
    """A few rows may, and then any number under one percent; the error names where they lie."""
    bad = rows_of(2019, dirty, first=rows, completion_rate="101")
    found = failures(lake, [*rows_of(2019, rows - dirty), *bad])
    assert list(found) == ["quarantine"] * fails
    for told in found.values():
        assert told.startswith(f"{dirty} of {rows} rows; ")
        assert "vehicle_recalls/quarantine/" in told

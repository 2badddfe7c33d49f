"""The screen of a run, for runs that are told apart by a line."""

from __future__ import annotations

from typing import Any

import pytest

from include.lake import Lake
from include.vehicle_recalls.publish import Published
from include.vehicle_recalls.report import render


def a_run(**differences: Any) -> Published:
    return Published(
        **{
            "token": "T",
            "version": 7,
            "dry_run": False,
            "years_read": [],
            "source": {"dataset": "6axg-epim", "publisher": "official"},
            "source_last_modified": "2026-01-01T00:00:00Z",
            "observed_at": "2026-01-02T00:00:00Z",
            "counts": counts(),
            "checks": ["one source (the same)"],
            "new_columns": [],
            "left_alone": [],
            "overtaken": [],
            "changed": {},
        }
        | differences
    )


def counts(not_newer: int = 0) -> dict[str, int]:
    return {
        "landed": 1_300,
        "accepted": 1_300,
        "not_newer": not_newer,
        "quarantined": 0,
        "kept": 0,
        "rows": 1_234,
    }


def screen(lake: Lake, **differences: Any) -> list[str]:
    return render(lake, a_run(**differences)).splitlines()


def changed(years: range) -> dict[str, dict[str, int]]:
    return {str(year): {"before": 10, "after": 11} for year in years}


def test_a_read_that_is_older_than_the_table(lake: Lake):
    """The headline says that the table has a later read; a line names the years left alone."""
    lines = screen(
        lake, version=None, counts=counts(not_newer=900), left_alone=[2001, 2003, 2004, 2005]
    )
    assert lines[0] == (
        "# Vehicle recalls: the table has a later read, 1,234 rows; nothing was committed"
    )
    assert "- left alone, known from a later read: 2001, 2003-2005" in lines
    assert any(line.startswith("- read: ") and "900 left alone" in line for line in lines)


def test_a_read_that_is_older_in_some_years_only(lake: Lake):
    """What it brought is told as of any run, and the years left alone beside it."""
    lines = screen(
        lake, counts=counts(not_newer=900), left_alone=[2001], changed=changed(range(2002, 2003))
    )
    assert lines[0] == "# Vehicle recalls: version 7, 1 year changed, 1,234 rows"
    assert "- left alone, known from a later read: 2001" in lines


def test_years_changed_by_an_older_read_meanwhile(lake: Lake):
    """They are named, with what mends them."""
    lines = screen(lake, version=None, counts=counts(not_newer=9), overtaken=[2010, 2011])
    assert "- changed by an older read meanwhile, which the next run mends: 2010-2011" in lines


def test_no_changed_year(lake: Lake):
    """The screen says that nothing was written, and nothing of years left alone."""
    lines = screen(lake, version=None)
    assert lines[0] == "# Vehicle recalls: unchanged, 1,234 rows; nothing was committed"
    assert f"- written: nothing; s3://{lake.bucket}/vehicle_recalls/ is as it was" in lines
    assert not [line for line in lines if "left alone" in line or "meanwhile" in line]


def test_one_changed_year(lake: Lake):
    """One year is told in the singular, with its rows before and now."""
    lines = screen(lake, changed=changed(range(2019, 2020)))
    assert lines[0] == "# Vehicle recalls: version 7, 1 year changed, 1,234 rows"
    where = f"s3://{lake.bucket}/vehicle_recalls/{{year}}.parquet"
    assert f"- written: 2019 in {where}" in lines
    assert [line for line in lines if line.startswith("  - ")] == [
        "  - 2019: 10 rows before, 11 now"
    ]


def test_many_changed_years(lake: Lake):
    """Of 61 years the newest twelve have a line each; the others are counted."""
    lines = screen(lake, changed=changed(range(1966, 2027)))
    assert lines[0] == "# Vehicle recalls: version 7, 61 years changed, 1,234 rows"
    assert any(line.startswith("- written: 1966-2026 in ") for line in lines)
    assert [line for line in lines if line.startswith("  - ")] == [
        *(f"  - {year}: 10 rows before, 11 now" for year in range(2026, 2014, -1)),
        "  - and 49 years before these",
    ]


@pytest.mark.parametrize(
    ("years", "would"),
    [
        (range(0), "unchanged"),
        (range(2019, 2020), "would change 1 year"),
        (range(1966, 2027), "would change 61 years"),
    ],
)
def test_a_dry_run(lake: Lake, years: range, would: str):
    """The headline says what would change, and that nothing was committed."""
    lines = screen(lake, version=None, dry_run=True, changed=changed(years))
    assert lines[0] == f"# Vehicle recalls: dry run, {would}; nothing was committed"
    assert any(line.startswith("- would change: ") for line in lines) == bool(years)

"""The screen of a run, for runs that are told apart by a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from include.first.lake import Lake
from include.vehicle_recalls import report
from include.vehicle_recalls.news import News
from include.vehicle_recalls.publish import Published
from include.vehicle_recalls.report import render


@pytest.fixture(autouse=True)
def _no_news(monkeypatch) -> None:
    """These runs are told by what they did; nothing of them is in a ledger."""
    monkeypatch.setattr(report, "news_of", lambda *_: News())


def a_run(**differences: Any) -> Published:
    return Published(
        **{
            "token": "T",
            "replay_of": None,
            "held_back": "",
            "rebuilt": None,
            "rebaseline": False,
            "version": 7,
            "dry_run": False,
            "years_read": [],
            "source": {"dataset": "6axg-epim", "publisher": "official"},
            "source_last_modified": "2026-01-01T00:00:00Z",
            "observed_at": "2026-01-02T00:00:00Z",
            "counts": counts(),
            "checks": [a_check("one source")],
            "new_columns": [],
            "left_alone": [],
            "overtaken": [],
            "changed": {},
        }
        | differences
    )


def a_check(name: str, outcome: str = "passed", reason: str = "") -> dict[str, str]:
    return {"name": name, "found": "1 = 1", "outcome": outcome, "reason": reason}


def counts(not_newer: int = 0, **changes: int) -> dict[str, int]:
    return {
        "landed": 1_300,
        "accepted": 1_300,
        "not_newer": not_newer,
        "quarantined": 0,
        "kept": 4,
        "rows": 1_234,
        "published": 20,
        "edited": 10,
        "retracted": 3,
        "unchanged": 1_200,
    } | changes


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
    assert "- rows before and now: 2019: 10 -> 11" in lines


def test_many_changed_years(lake: Lake):
    """Of 61 years the newest six are told with their rows; the others are counted."""
    lines = screen(lake, changed=changed(range(1966, 2027)))
    assert lines[0] == "# Vehicle recalls: version 7, 61 years changed, 1,234 rows"
    assert any(line.startswith("- written: 1966-2026 in ") for line in lines)
    newest = ", ".join(f"{year}: 10 -> 11" for year in range(2026, 2020, -1))
    assert f"- rows before and now: {newest}, and 55 years before these" in lines


def test_the_facts_come_after_the_news(lake: Lake):
    """What leads the report ends at a line of its own, and the rows add up in another."""
    lines = screen(lake)
    assert lines[2].startswith("No news: ")
    facts = lines.index("## The run")
    assert lines[facts + 1] == "- token: T"  # what a replay asks for
    assert facts < next(n for n, line in enumerate(lines) if line.startswith("- source: "))
    assert (
        "- table: 1,234 rows = 20 published + 10 edited + 1,200 unchanged + 4 kept; 3 retracted"
        in lines
    )


def test_made_up_data_is_marked_where_the_news_begins(lake: Lake):
    """Nobody takes the news of the local APIs for a warning."""
    made_up = {"dataset": "6axg-epim", "publisher": "made-up:7"}
    assert screen(lake, source=made_up)[2].startswith("Made-up data. ")
    assert "made" not in "".join(screen(lake)).lower()


def test_checks_are_counted_and_told_where_they_did_not_pass(lake: Lake):
    """Of checks that passed there is the number; what was accepted is told with its reason."""
    checks = [
        *(a_check(f"check {n}") for n in range(20)),
        a_check("rows per year", "accepted", "NHTSA withdrew\x1b[2J them"),
        a_check("known components", "warning"),
    ]
    lines = screen(lake, checks=checks)
    at = lines.index("- checks: 20 of 22 passed")
    assert lines[at + 1 : at + 3] == [
        "  - accepted: rows per year: 1 = 1; NHTSA withdrew\\x1b[2J them",
        "  - warning: known components: 1 = 1",
    ]


def test_a_replay_that_is_held_back(lake: Lake):
    """The headline says that it was compared only; lines say with what, and what differs."""
    lines = screen(
        lake,
        version=None,
        replay_of="20261101T000000-00000000",
        held_back="raw:20261101T000000-00000000 is not the read that the table came from",
        rebuilt={"years": 3, "same_bytes": 1, "differ": [2018, 2019]},
        changed=changed(range(2018, 2020)),
    )
    assert lines[0].startswith("# Vehicle recalls: a replay, compared and not published; ")
    assert lines[2] == "What it would do to the table: 20 published, 10 edited, 3 retracted."
    assert "- replay: of read 20261101T000000-00000000, from the bytes that it landed" in lines
    assert (
        "- made again: 3 years, 1 of them the same to the byte; the content differs in 2018-2019"
        in lines
    )
    assert not [line for line in lines if "to compare with" in line or "the other " in line]
    assert any(line.startswith("- held back: raw:20261101T000000") for line in lines)
    assert any(line.startswith("- would change: 2018-2019 in ") for line in lines)


@pytest.mark.parametrize(
    ("rebuilt", "rows", "told"),
    [
        ((61, 61, range(0)), {}, "61 years, 61 of them the same to the byte"),
        (
            (61, 0, range(1966, 2027)),
            dict.fromkeys(range(1966, 2027), 0),
            "61 years; the table had nothing of 1966-2026 to compare with",
        ),
        (
            (61, 30, range(0)),
            {},
            "61 years, 30 of them the same to the byte; the content is the same in the other 31 "
            "too (empty, or last written by another read or another pyarrow)",
        ),
        (
            (4, 1, (2018, 2019)),
            {2018: 7, 2019: 0},
            "4 years, 1 of them the same to the byte; the content differs in 2018; "
            "the table had nothing of 2019 to compare with; the content is the same in the other 1 "
            "too (empty, or last written by another read or another pyarrow)",
        ),
        (
            (1, 0, (2018,)),
            {2018: 7},
            "1 year, 0 of them the same to the byte; the content differs in 2018",
        ),
    ],
)
def test_what_a_replay_is_compared_with(
    lake: Lake, rebuilt: tuple[int, int, Iterable[int]], rows: dict[int, int], told: str
):
    """A year that the table had not, or has from elsewhere, does not read like damage."""
    years, same_bytes, differ = rebuilt
    lines = screen(
        lake,
        replay_of="T",
        rebuilt={"years": years, "same_bytes": same_bytes, "differ": list(differ)},
        changed={str(year): {"before": before, "after": 9} for year, before in rows.items()},
    )
    assert [line for line in lines if "made again" in line] == [f"- made again: {told}"]


def test_a_receipt_of_the_first_runs(lake: Lake):
    """What it does not know is left out; its checks were sentences, and all had passed."""
    run = a_run(checks=["one source (the same)", "census = landed (3 = 3)"])
    for name in ("replay_of", "held_back", "rebuilt", "rebaseline"):
        del run[name]
    for name in ("published", "edited", "retracted", "unchanged"):
        del run["counts"][name]
    lines = render(lake, run).splitlines()
    assert "- checks: 2 of 2 passed" in lines
    assert not [line for line in lines if line.startswith(("- table: ", "- replay: "))]


def test_what_an_unchanged_run_has_to_say(lake: Lake):
    """There is no news, in a line, and the facts follow."""
    nothing = counts(published=0, edited=0, retracted=0)
    assert screen(lake, version=None, counts=nothing)[2] == "No news: the table is as it was."


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

"""Whole runs: what they change in the bucket, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from fakes.control import Control
from include.first.lake import Lake
from include.vehicle_recalls import extract
from include.vehicle_recalls.ledger import LedgerTorn
from include.vehicle_recalls.report import render
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    by_key,
    committed,
    facts,
    facts_at_source,
    listing,
    one_clear_line,
    table_rows,
)

ROWS = 18  # each of a year of its own
Facts = dict[int, list[Row]]


@pytest.fixture
def api(recalls_url: str, replica: Control) -> RecallsApi:
    """A small source, whose years have a row or two each."""
    replica.rows = ROWS
    return RecallsApi(recalls_url)


def differing(one: Facts, other: Facts) -> set[int]:
    return {year for year in {*one, *other} if one.get(year) != other.get(year)}


def test_a_first_run_publishes_what_the_source_has(api: RecallsApi, recalls_url: str, lake: Lake):
    """Every year has its file, with the rows of the source; table and files agree."""
    told = run(api, lake)
    wanted = facts_at_source(recalls_url)
    assert facts(lake) == wanted
    assert by_key(wanted) == {
        row["nhtsa_id"]: (row["report_received_date"].year, row) for row in table_rows(lake)
    }
    assert told["changed"] == {
        str(year): {"before": 0, "after": len(rows)} for year, rows in wanted.items()
    }
    assert told["counts"] == {
        "landed": ROWS,
        "accepted": ROWS,
        "quarantined": 0,
        "not_newer": 0,
        "kept": 0,
        "rows": ROWS,
        "published": ROWS,
        "edited": 0,
        "retracted": 0,
        "unchanged": 0,
    }


def test_a_run_over_unchanged_data_writes_nothing_but_raw(api: RecallsApi, lake: Lake):
    """Every object is the same to the byte; the new ones are the pages of this read."""
    run(api, lake)
    before = listing(lake)
    told = run(api, lake)
    after = listing(lake)
    new = set(after) - set(before)
    assert {key: after[key] for key in before} == before
    assert new
    assert all(key.startswith(f"{KEYS.raw_folder}{told['token']}/") for key in new)
    assert (told["version"], told["changed"]) == (None, {})
    screen = render(lake, told)
    assert f"unchanged, {ROWS} rows; nothing was committed" in screen
    assert "written: nothing" in screen


def test_the_next_day_changes_the_years_that_differ_and_no_other(
    api: RecallsApi, recalls_url: str, replica: Control, lake: Lake
):
    """All row ids are new, yet a year without an edit keeps its file; a year emptied loses it."""
    run(api, lake)
    day_1, before = facts(lake), listing(lake)
    replica.day = 2
    wanted = facts_at_source(recalls_url)
    changing = differing(day_1, wanted)
    assert changing < day_1.keys() | wanted.keys()
    gone = day_1.keys() - wanted.keys()
    assert gone  # its only recall was retracted

    told = run(api, lake)
    after = listing(lake)
    assert facts(lake) == wanted
    assert {int(year) for year in told["changed"]} == changing
    assert told["changed"] == {
        str(year): {"before": len(day_1.get(year, [])), "after": len(wanted.get(year, []))}
        for year in changing
    }
    for year in day_1:
        key = f"vehicle_recalls/{year}.parquet"
        assert (after.get(key) == before[key]) == (year not in changing)
    assert told["version"] == 2
    assert "vehicle_recalls/reports/2.md" in after


def test_a_retracted_recall_that_returns_is_published_again(
    api: RecallsApi, recalls_url: str, replica: Control, lake: Lake
):
    """Gone on day 2, there again on day 3: the files say what the source says, each day."""
    run(api, lake)
    keys = set(by_key(facts(lake)))
    replica.day = 2
    run(api, lake)
    (lost,) = keys - set(by_key(facts(lake)))
    replica.day = 3
    run(api, lake)
    assert facts(lake) == facts_at_source(recalls_url)
    assert lost in by_key(facts(lake))


@pytest.fixture
def moved(api: RecallsApi, recalls_url: str, replica: Control, lake: Lake) -> dict[str, Any]:
    """Day 1 is published, the source is at day 2: which recall moved, and who was retracted."""
    run(api, lake)
    day_1 = facts(lake)
    replica.day = 2
    day_2 = facts_at_source(recalls_url)
    then, now = by_key(day_1), by_key(day_2)
    ((key, old, new),) = [
        (key, then[key][0], now[key][0])
        for key in then.keys() & now.keys()
        if then[key][0] != now[key][0]
    ]
    ((lost, lost_of),) = [(key, then[key][0]) for key in then.keys() - now.keys()]
    return {
        "key": key,
        "old": old,
        "new": new,
        "lost": lost,
        "lost_of": lost_of,
        "day_1": day_1,
        "day_2": day_2,
    }


def test_where_only_the_new_year_is_read_the_old_one_lets_go(
    api: RecallsApi, lake: Lake, moved: dict[str, Any]
):
    """One commit puts the recall into its new year and takes it out of the old one."""
    versions = lake.head(KEYS.table).version
    told = run(api, lake, [moved["new"]])
    found = facts(lake)
    assert lake.head(KEYS.table).version == versions + 1
    assert {int(year) for year in told["changed"]} == {moved["old"], moved["new"]}
    assert found.get(moved["new"]) == moved["day_2"][moved["new"]]
    left = [row for row in moved["day_1"][moved["old"]] if row["nhtsa_id"] != moved["key"]]
    assert found.get(moved["old"], []) == left
    run(api, lake)
    assert facts(lake) == moved["day_2"]


def test_where_only_the_old_year_is_read_the_recall_stays(
    api: RecallsApi, lake: Lake, moved: dict[str, Any]
):
    """A read of the old year cannot tell a move from a retraction, and keeps the row."""
    run(api, lake, [moved["old"]])
    assert by_key(facts(lake))[moved["key"]] == by_key(moved["day_1"])[moved["key"]]
    run(api, lake, [moved["new"]])
    assert by_key(facts(lake))[moved["key"]] == by_key(moved["day_2"])[moved["key"]]
    run(api, lake)
    assert facts(lake) == moved["day_2"]


def test_where_both_years_are_read_the_recall_moves(
    api: RecallsApi, lake: Lake, moved: dict[str, Any]
):
    """Both years are then what the source says, and no other year is touched."""
    told = run(api, lake, [moved["old"], moved["new"]])
    found = facts(lake)
    years = {moved["old"], moved["new"]}
    assert {int(year) for year in told["changed"]} == years
    assert {year: found.get(year) for year in years} == {
        year: moved["day_2"].get(year) for year in years
    }
    assert differing(found, moved["day_1"]) == years
    assert differing(found, moved["day_2"]).isdisjoint(years)


def test_a_run_of_some_years_retracts_nothing(api: RecallsApi, lake: Lake, moved: dict[str, Any]):
    """A recall that the source lost stays until a run has read every year."""
    told = run(api, lake, [moved["lost_of"]])
    assert told["version"] is None
    assert told["counts"]["kept"] == 1
    assert facts(lake) == moved["day_1"]
    run(api, lake)
    assert moved["lost"] not in by_key(facts(lake))


def test_a_first_run_of_some_years_publishes_these(
    api: RecallsApi, recalls_url: str, replica: Control, lake: Lake
):
    """Years that do not touch are read apart; only they are asked for, and published."""
    source = facts_at_source(recalls_url)
    early, *_, late, later, latest = sorted(source)
    told = run(api, lake, [late, latest, later, early])
    assert facts(lake) == {year: source[year] for year in (early, late, later, latest)}
    assert told["years_read"] == [early, late, later, latest]
    asked = [asked.params for asked in replica.requests if "$offset" in asked.params]
    assert [params["$where"] for params in asked] == [
        f"report_received_date >= '{first}-01-01T00:00:00'"
        f" AND report_received_date < '{last + 1}-01-01T00:00:00'"
        for first, last in ((early, early), (late, latest))
    ]
    run(api, lake)
    assert facts(lake) == facts_at_source(recalls_url)


def test_a_dry_run_changes_nothing_that_readers_see(api: RecallsApi, replica: Control, lake: Lake):
    """It tells which years would change; the real run then changes exactly these."""
    run(api, lake)
    replica.day = 2
    before = committed(lake)
    told = run(api, lake, dry_run=True)
    assert committed(lake) == before
    assert (told["dry_run"], told["version"]) == (True, None)
    screen = render(lake, told)
    assert f"dry run, would change {len(told['changed'])} years; nothing was committed" in screen
    assert "would change: " in screen
    assert run(api, lake)["changed"] == told["changed"]


def test_a_dry_run_into_an_empty_bucket_makes_no_table(api: RecallsApi, lake: Lake):
    """Not even an empty table is there afterwards."""
    told = run(api, lake, dry_run=True)
    assert len(told["changed"]) == ROWS
    assert committed(lake) == {"objects": {}, "receipts": {}}
    assert lake.head(KEYS.table).version == -1


def test_a_dry_run_over_unchanged_data_says_so(api: RecallsApi, lake: Lake):
    """Nothing would change, and the screen has that in its first line."""
    run(api, lake)
    told = run(api, lake, dry_run=True)
    assert render(lake, told).startswith("# Vehicle recalls: dry run, unchanged")


def test_a_ledger_of_a_lost_table_stops_a_run_before_it_reads(api: RecallsApi, lake: Lake):
    """Nothing is read, committed or projected beside a ledger that tells of another table."""
    run(api, lake)
    for key in list(lake.keys(f"{KEYS.table}/")):
        lake.delete(key)
    before = listing(lake)
    with pytest.raises(LedgerTorn) as told:
        run(api, lake)
    one_clear_line(told.value, KEYS.ledger, KEYS.table, "delete both to begin anew")
    assert listing(lake) == before


@pytest.mark.parametrize("change", ["more", "fewer", "retyped"])
def test_a_contract_of_other_columns_is_refused_before_anything_is_read(
    api: RecallsApi, lake: Lake, monkeypatch: pytest.MonkeyPatch, change: str
):
    """Older versions could not be read by it any more: one line, and nothing is changed."""
    run(api, lake)
    before = listing(lake)
    schema = extract.TABLE_SCHEMA
    place = schema.get_field_index("subject")
    other = {
        "more": schema.append(pa.field("remedy_kind", pa.string())),
        "fewer": schema.remove(place),
        "retyped": schema.set(place, pa.field("subject", pa.int64())),
    }[change]
    monkeypatch.setattr(extract, "TABLE_SCHEMA", other)
    with pytest.raises(extract.ContractBroken) as told:
        run(api, lake)
    one_clear_line(told.value, "remedy_kind" if change == "more" else "subject")
    assert listing(lake) == before

"""Completion rates over time, held against each version's own rows; and who stands still."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient

from fakes.control import Control
from include.first.lake import Lake
from include.vehicle_recalls import publish
from include.vehicle_recalls.commands.completion import stalled_shown, trend_shown
from include.vehicle_recalls.commands.rates import STALLED_SCHEMA, TREND_SCHEMA, completion
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import bring_to_head
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.state import year_states
from tests.vehicle_recalls.chronicle import QUIET, RENAMED, RETURNING, RISING, write_chronicle
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    a_read,
    a_row,
    land_rows,
    new_lake,
    publish_landed,
)

WIDTH = 100


@pytest.fixture(scope="module")
def told(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    write_chronicle(lake)
    return lake


def rows_of(lake: Lake, version: int) -> dict[str, Row]:
    """Every row as a version has it."""
    states = year_states(lake.receipt(KEYS.table, version)).values()
    tables = [lake.read_parquet(f"{KEYS.table}/{state.path}") for state in states]
    return {row["nhtsa_id"]: row for table in tables for row in table.to_pylist()}


def counted(before: dict[str, Row] | None, after: dict[str, Row]) -> dict[str, Any]:
    """A row of the trend, counted anew by code of the tests' own."""
    rates = {key: row["completion_rate"] for key, row in after.items()}
    rates = {key: rate for key, rate in rates.items() if rate is not None}
    weights = {key: after[key]["potentially_affected"] or 0 for key in rates}
    up = down = None
    if before is not None:
        old = {key: before[key]["completion_rate"] for key in rates if key in before}
        moves = [rates[key] - rate for key, rate in old.items() if rate is not None]
        up, down = sum(move > 0 for move in moves), sum(move < 0 for move in moves)
    return {
        "rated": len(rates),
        "mean_rate": math.fsum(rates.values()) / len(rates),
        "mean_by_vehicles": math.fsum(rates[key] * weights[key] for key in rates)
        / sum(weights.values()),
        "moved_up": up,
        "moved_down": down,
    }


def agrees(lake: Lake) -> list[int]:
    """Each row of the trend is what its version's rows give; returns the versions."""
    trend = completion(lake).trend
    assert trend.schema.equals(TREND_SCHEMA)
    for row in trend.to_pylist():
        version = row["version"]
        first = version == trend["version"][0].as_py()
        wanted = counted(None if first else rows_of(lake, version - 1), rows_of(lake, version))
        assert {name: row[name] for name in wanted} == {
            name: value if value is None else pytest.approx(value) for name, value in wanted.items()
        }
    return list(trend["version"].to_pylist())


def test_the_trend_is_what_each_version_says(told: Lake):
    """Edits, retractions, returns, rates that come and go: each row equals a recount."""
    assert agrees(told) == [1, 2, 3, 4]


def test_the_trend_of_the_local_source(recalls_url: str, replica: Control, lake: Lake):
    """The same over three days of made-up history."""
    replica.rows = 400
    for day in (1, 2, 3):
        replica.day = day
        run(RecallsApi(recalls_url), lake)
        bring_to_head(lake)
    assert agrees(lake)[0] == 1


def test_a_version_that_moves_no_rate(lake: Lake):
    """It has no row, and what it says of vehicles still counts in the next."""
    rows = [a_row(1), a_row(2, completion_rate="10")]
    for day, changes in enumerate(
        (
            {},
            {"potentially_affected": "900"},
            {"potentially_affected": "900", "completion_rate": "62"},
        )
    ):
        refreshed = f"2026-07-0{day + 1}T00:00:00Z"
        changed = [a_row(1, **changes), rows[1]]
        publish_landed(lake, land_rows(lake, changed, refreshed=refreshed))
    bring_to_head(lake)
    assert agrees(lake) == [1, 3]


def test_only_some_recalls(told: Lake):
    """The trend of these alone: by number, and by manufacturer, once and now."""
    one = completion(told, nhtsa_ids=[RISING]).trend.to_pylist()
    assert [row["mean_rate"] for row in one] == [61.5, 70, 75.25]
    acme = completion(told, manufacturer="acme").trend.to_pylist()
    assert [(row["rated"], row["mean_rate"]) for row in acme] == [(1, 20), (1, 15), (0, None)]
    assert acme[1]["moved_down"] == 1
    assert completion(told, manufacturer="nobody").trend["rated"].to_pylist() == [0]


def test_who_stands_still(told: Lake):
    """By days since the last change, or since the baseline; the most open vehicles first."""
    found = completion(told)
    rows = found.stalled(days=90, under=90)
    assert rows.schema.equals(STALLED_SCHEMA)
    # From the baseline to the newest read are 104 days; from the second version on, 97.
    assert [(row["nhtsa_id"], row["unchanged_days"]) for row in rows.to_pylist()] == [
        (QUIET, 104),
        ("19V000006", 97),
        (RISING, 97),
    ]
    quiet, late, rising = rows.to_pylist()
    assert quiet["open"] == 1_800
    assert late["open"] == 285
    assert rising["open"] == 25  # of 24.75
    assert [row["or_before"] for row in (quiet, late, rising)] == [True, False, False]
    assert quiet["unchanged_since"] == datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
    assert rising["unchanged_since"] == datetime(2026, 7, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "under", "keys"),
    [
        (98, 90, [QUIET]),
        (104, 90, [QUIET]),
        (105, 90, []),
        (97, 10, ["19V000006"]),  # under, and not at
        (97, 10.1, [QUIET, "19V000006"]),
        (0, 100, [QUIET, "19V000006", RISING, RETURNING]),  # a return is a change
    ],
)
def test_the_limits_of_standing_still(told: Lake, days: int, under: float, keys: list[str]):
    """So many days count, so many percent do not; a recall without a rate is not among them."""
    found = completion(told).stalled(days=days, under=under)["nhtsa_id"].to_pylist()
    assert found == keys
    assert RENAMED not in found


def test_a_change_of_our_own_contract(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """All begins anew with it: nobody knows what the source changed in that version."""
    write_chronicle(lake)
    monkeypatch.setattr(publish, "CONTRACT", replace(CONTRACT, version="another"))
    ours = [a_row(1, completion_rate="50"), a_row(5, completion_rate="10")]
    told = publish_landed(lake, land_rows(lake, ours, refreshed="2026-10-11T00:00:00Z"))
    assert told["rebaseline"]
    then = [ours[0], a_row(5, completion_rate="11")]
    publish_landed(lake, land_rows(lake, then, refreshed="2026-10-12T00:00:00Z"))
    bring_to_head(lake)
    assert agrees(lake) == [told["version"], told["version"] + 1]
    (rising,) = completion(lake, nhtsa_ids=[RISING]).stalled(days=1).to_pylist()
    assert rising["unchanged_since"] == datetime(2026, 10, 11, tzinfo=UTC)
    assert rising["or_before"]


def test_a_table_without_a_baseline(lake: Lake):
    """Before the first read of all years there is no trend, and no news of what stands still."""
    publish_landed(lake, land_rows(lake, [a_row(1)], read=a_read(lake, [2019])))
    bring_to_head(lake)
    found = completion(lake)
    assert found.trend.num_rows == 0
    assert found.stalled(days=1).num_rows == 0
    assert "which is to come" in "\n".join(trend_shown(found, WIDTH))


def test_the_lines_for_people(told: Lake):
    """The trend has a line a version; the stalled say since when, and what the days count from."""
    found = completion(told)
    trend = list(trend_shown(found, WIDTH))
    assert [line.split() for line in trend[2:4]] == [
        ["1", "2026-06-28", "09:30", "4", "42.88", "15.72"],
        ["2", "2026-06-29", "09:30", "3", "31.67", "12.95", "1", "1"],
    ]
    lines = list(stalled_shown(found, found.stalled(), "under 90 %", 2, WIDTH))
    assert lines[0] == "Recalls under 90 %, most open vehicles first: 3"
    assert (
        "read 2026-10-10 09:30 UTC; the baseline was read 104 days before, on 2026-06-28"
        in lines[1]
    )
    assert lines[3].split()[:6] == [QUIET, "1,800", "10.00", "2026-06-28", "or", "before"]
    assert lines[-1] == "and 1 more; --stalled has all"

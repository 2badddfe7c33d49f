"""Random histories of a small source, read whole and in parts, against a model of what is right."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest

from include import ledger
from include.first.lake import Lake
from include.vehicle_recalls import compare, extract
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.ledger import LEDGER_SCHEMA, bring_to_head, read_ledger
from include.vehicle_recalls.losses import COUNTED
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.source import Batch, Census, Page, SourceState
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import write_parquet
from tests.vehicle_recalls.evidence import KEYS, Row, business_row
from tests.vehicle_recalls.ledger_evidence import commits, ledger_rows, table_facts

YEARS = range(2018, 2023)
COLUMNS = {
    column.source: column.source_types[0]
    for column in CONTRACT.columns
    if not column.source.startswith(":")
}
LOSSES = ["quarantine", "rows per year", "rows in total", *(f"nulls of {c.name}" for c in COUNTED)]
ACCEPT = dict.fromkeys(LOSSES, "the source of this test is wild")
Facts = dict[str, tuple[int, Row]]  # each campaign with its year
READ_BACK = {
    "report_received_date": date.fromisoformat,
    "potentially_affected": int,
    "completion_rate": float,
    "fire_risk_when_parked": {"true": True, "false": False}.__getitem__,
    "do_not_drive": {"true": True, "false": False}.__getitem__,
}


@dataclass
class SmallSource:
    """A source of a few rows that a test writes by hand; it answers as `RecallsApi` does."""

    rows: list[Row] = field(default_factory=list)
    refresh: int = 0
    gone: list[Row] = field(default_factory=list)

    def state(self) -> SourceState:
        moment = f"2026-01-{1 + self.refresh // 24:02}T{self.refresh % 24:02}:00:00Z"
        return SourceState("6axg-epim", "made-up:test", moment, moment)

    def _chosen(self, batch: Batch) -> list[Row]:
        def inside(row: Row) -> bool:
            if "report_received_date" not in row:
                return batch.undated
            year = int(row["report_received_date"][:4])
            return (batch.first or 0) <= year <= (batch.last or 9999)

        return sorted(filter(inside, self.rows), key=lambda row: row.get("nhtsa_id", ""))

    def census(self) -> Census:
        dates = [row.get("report_received_date") for row in self.rows]
        counts = Counter(int(day[:4]) for day in dates if day)
        return Census(self.state(), dict(counts), dates.count(None))

    def count(self, batch: Batch) -> tuple[int, SourceState]:
        return len(self._chosen(batch)), self.state()

    def pages(self, batch: Batch) -> Iterator[Page]:
        rows = [
            row | {":id": f"row-{self.refresh}-{number}"}
            for number, row in enumerate(self._chosen(batch))
        ]
        body = "[" + "\n,".join(json.dumps(row, separators=(",", ":")) for row in rows) + "]\n"
        ids = pa.chunked_array([pa.array([row[":id"] for row in rows], pa.string())])
        yield Page(self.state(), COLUMNS, gzip.compress(body.encode(), mtime=0), ids)


def a_row(key: str, year: int, chance: random.Random) -> Row:
    """A row as the API sends it: a null is an absent key, and some texts are empty."""
    row = {
        "nhtsa_id": key,
        "report_received_date": f"{year}-0{chance.randint(1, 9)}-01T00:00:00.000",
        "recall_link": {"url": f"https://www.nhtsa.gov/recalls?nhtsaId={key}"},
        **some_facts(chance),
    }
    return {name: value for name, value in row.items() if value is not None}


def some_facts(chance: random.Random) -> Row:
    return {
        "manufacturer": chance.choice(["A/B", "a/b", "C"]),
        "subject": chance.choice([None, "", "null", "Brakes\x01 \u2028 \U0001f697"]),
        "component": chance.choice([None, "SEATS", "TIRES"]),
        "potentially_affected": chance.choice([None, "0", str(chance.randint(1, 10**12))]),
        "fire_risk_when_parked": chance.choice([None, "No", "Yes"]),
        "do_not_drive": chance.choice([None, "No", "Yes"]),
        "completion_rate": chance.choice(
            [None, "0", "-0", "100", "0.1", f"{chance.random():.15f}"]
        ),
    }


def change(source: SmallSource, chance: random.Random) -> None:
    """A day at the source: new, edited, moved, lost, broken, mended and doubled rows."""
    source.refresh += 1
    # Copies of yesterday are gone today.
    rows = list({row.get("nhtsa_id", str(at)): row for at, row in enumerate(source.rows)}.values())
    kept = []
    for row in rows:
        (kept if chance.random() > 0.1 else source.gone).append(row)
    for row in kept:
        roll = chance.random()
        if "nhtsa_id" not in row or roll < 0.1:
            row.update(a_row(row.get("nhtsa_id", "?"), chance.choice(YEARS), chance))
        elif roll < 0.2:
            row["potentially_affected"] = "-1"
        elif roll < 0.25:
            row.pop("report_received_date", None)
        elif roll < 0.4:
            edit(row, chance)
    kept += [
        a_row(f"K{chance.randint(0, 30):02}", chance.choice(YEARS), chance)
        for _ in range(chance.randint(0, 3))
    ]
    if source.gone and chance.random() < 0.7:
        kept.append(source.gone.pop(chance.randrange(len(source.gone))))
    if kept and chance.random() < 0.4:
        copied = dict(chance.choice(kept))
        kept.append(copied | a_row(copied["nhtsa_id"], chance.choice(YEARS), chance))
    source.rows = [row for row in kept if row.get("nhtsa_id") != "?"]


def edit(row: Row, chance: random.Random) -> None:
    """One or two fields get another value, or none."""
    facts = some_facts(chance)
    for name in chance.sample(sorted(facts), chance.randint(1, 2)):
        row.pop(name, None)
        row |= {name: facts[name]} if facts[name] is not None else {}


def is_sound(row: Row) -> bool:
    return "report_received_date" in row and row.get("potentially_affected") != "-1"


def after_reading(model: Facts, source: SmallSource, years: list[int]) -> Facts:
    """What a read of the source must make of the table."""
    read = [
        row
        for row in source.rows
        if not years or int(row.get("report_received_date", "0")[:4]) in years
    ]
    copies = Counter(row["nhtsa_id"] for row in read)
    after = dict(model)
    for row in read:
        if copies[row["nhtsa_id"]] == 1 and is_sound(row):
            facts = business_row(row)
            after[row["nhtsa_id"]] = (facts["report_received_date"].year, facts)
    if not years:
        for key in set(after) - set(copies):
            del after[key]
    return after


def read_and_publish(source: Any, lake: Lake, years: list[int]) -> Published:
    """A run up to the commit; its ledger is brought up when the history says so."""
    parts = take_census(source, lake, years, "test")
    written = [write_parquet(lake, partition(lake, land(source, lake, part))) for part in parts]
    return publish(lake, parts, written, dry_run=False, accept=ACCEPT)


def campaigns(before: Facts, after: Facts, retracted: set[str]) -> Counter[str]:
    """How many campaigns each kind of event must tell of."""
    fresh = set(after) - set(before)
    counts = {
        "published": len(fresh - retracted),
        "republished": len(fresh & retracted),
        "retracted": len(set(before) - set(after)),
        "edited": sum(before[key] != after[key] for key in set(before) & set(after)),
    }
    return Counter({event: count for event, count in counts.items() if count})


def replayed_by_hand(start: Facts, rows: Iterable[Row]) -> Facts:
    """What the ledger's rows make of a version: plain dicts, and nothing of the project's own."""
    state = deepcopy(start)
    in_order = sorted(rows, key=lambda row: (row["version"], row["nhtsa_id"]))
    for (_, key), steps in groupby(in_order, lambda row: (row["version"], row["nhtsa_id"])):
        step = list(steps)
        (event,) = {row["event"] for row in step}
        (year,) = {row["year"] for row in step}
        assert (key in state) == (event in {"edited", "retracted"})
        facts = state[key][1] if key in state else dict.fromkeys(CONTRACT.business_columns)
        for row in step:
            old, new = (
                READ_BACK.get(row["field"], str)(text) if text is not None else None
                for text in (row["old"], row["new"])
            )
            assert facts[row["field"]] == old
            facts[row["field"]] = new
        state[key] = (year, facts)
        if event == "retracted":
            assert set(facts.values()) == {None}
            del state[key]
    return state


def replayed_by_the_project(lake: Lake, baseline: int) -> Facts:
    years = year_states(lake.receipt(KEYS.table, baseline))
    rows = compare.read_years(lake, years, CONTRACT.business_columns)
    events = pa.concat_tables([LEDGER_SCHEMA.empty_table(), *read_ledger(lake)])
    replayed = ledger.replay(CONTRACT, rows, events).to_pylist()
    return {row["nhtsa_id"]: (row.pop("year"), row) for row in replayed}


def adds_up(counts: dict[str, int], before: Facts, after: Facts) -> None:
    """Landed, accepted, kept, and every campaign of the table in one place."""
    assert counts["landed"] == counts["accepted"] + counts["not_newer"] + counts["quarantined"]
    assert counts["rows"] == len(after)
    changed = ("published", "edited", "unchanged", "kept")
    assert counts["rows"] == sum(counts[name] for name in changed)
    real = campaigns(before, after, set())
    assert {name: counts[name] for name in ("published", "edited", "retracted")} == {
        name: real[name] for name in ("published", "edited", "retracted")
    }


# Each of these has every kind of event, and a read of some years after the baseline.
@pytest.mark.parametrize("seed", [0, 9, 20, 22, 28])
def test_the_table_is_what_the_reads_say_and_the_ledger_how_it_came_about(
    lake: Lake, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over edits, moves, returns, nulls, copies, dirt and partial reads: table, counts, ledger.

    The ledger's rows, put onto the baseline by hand, give every version after it exactly.
    """
    chance = random.Random(seed)
    # Some histories in one batch, most in several: keys then meet only in publish.
    monkeypatch.setattr(extract, "BATCH_ROWS", chance.choice([3, 8, 8, 50_000]))
    monkeypatch.setattr(compare, "ROWS_AT_ONCE", chance.choice([1, 20, 50_000]))
    source = SmallSource([a_row(f"K{n:02}", chance.choice(YEARS), chance) for n in range(20)])
    versions: dict[int, Facts] = {}
    expected: dict[int, Counter[str]] = {}
    model: Facts = {}
    retracted: set[str] = set()
    baseline = None
    for day in range(6):
        years = chance.choice([[], [], [], sorted(chance.sample(YEARS, 2)), [2020]])
        before, model = model, after_reading(model, source, years)
        told = read_and_publish(source, lake, years)
        assert table_facts(lake) == model, f"day {day}, years {years or 'all'}, {told['checks']}"
        adds_up(told["counts"], before, model)
        version = told["version"]
        assert (version is None) == (model == before)
        if version is not None:
            versions[version] = model
            expected[version] = Counter()
            if baseline is not None:
                expected[version] = campaigns(before, model, retracted)
                retracted = (retracted | (set(before) - set(model))) - set(model)
            elif not years:
                baseline = version
        if chance.random() < 0.6:
            bring_to_head(lake)
        change(source, chance)
    bring_to_head(lake)
    assert commits(lake) == sorted(versions)
    assert baseline is not None
    rows = ledger_rows(lake)
    for version, facts in versions.items():
        seen = {(row["event"], row["nhtsa_id"]) for row in rows if row["version"] == version}
        assert Counter(event for event, _ in seen) == expected[version]
        if version >= baseline:
            until = [row for row in rows if row["version"] <= version]
            assert (
                replayed_by_hand(versions[baseline], until) == facts == table_facts(lake, version)
            )
    assert replayed_by_the_project(lake, baseline) == model
    assert {row["event"] for row in rows} == set(ledger.EVENTS)


@pytest.mark.parametrize("years", [[], [2019, 2020]])
def test_reading_again_changes_nothing(lake: Lake, years: list[int]) -> None:
    """The same source a second time, whole or in part, with its dirt and copies: no version."""
    chance = random.Random(11)
    source = SmallSource([a_row(f"K{n:02}", chance.choice(YEARS), chance) for n in range(20)])
    read_and_publish(source, lake, [])
    for _ in range(2):
        change(source, chance)
    for version in (2, None):
        told = read_and_publish(source, lake, years)
        assert told["version"] == version
    assert told["changed"] == {}

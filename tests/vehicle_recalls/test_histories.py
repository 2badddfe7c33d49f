"""Random histories of a small source, read whole and in parts, against a model of what is right."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from include.lake import Lake
from include.vehicle_recalls import extract
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import Batch, Census, Page, SourceState

YEARS = range(2018, 2023)
COLUMNS = {
    column.source: column.source_types[0]
    for column in CONTRACT.columns
    if not column.source.startswith(":")
}


@dataclass
class SmallSource:
    """A source of a few rows that a test writes by hand; it answers as `RecallsApi` does."""

    rows: list[dict[str, str]] = field(default_factory=list)
    refresh: int = 0

    def state(self) -> SourceState:
        moment = f"2026-01-{1 + self.refresh // 24:02}T{self.refresh % 24:02}:00:00Z"
        return SourceState("6axg-epim", "made-up:test", moment, moment)

    def _chosen(self, batch: Batch) -> list[dict[str, str]]:
        def inside(row: dict[str, str]) -> bool:
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


def a_row(key: str, year: int, chance: random.Random) -> dict[str, str]:
    return {
        "nhtsa_id": key,
        "report_received_date": f"{year}-0{chance.randint(1, 9)}-01T00:00:00.000",
        "manufacturer": chance.choice(["A/B", "a/b", "C"]),
        "potentially_affected": str(chance.randint(0, 99)),
    }


def change(source: SmallSource, chance: random.Random) -> None:
    """A day at the source: new, edited, moved, lost, broken, mended and doubled rows."""
    source.refresh += 1
    # Copies of yesterday are gone today.
    rows = list({row.get("nhtsa_id", str(at)): row for at, row in enumerate(source.rows)}.values())
    kept = [row for row in rows if chance.random() > 0.1]
    for row in kept:
        roll = chance.random()
        if "nhtsa_id" not in row or roll < 0.1:
            row.update(a_row(row.get("nhtsa_id", "?"), chance.choice(YEARS), chance))
        elif roll < 0.2:
            row["potentially_affected"] = "-1"
        elif roll < 0.25:
            row.pop("report_received_date", None)
        elif roll < 0.3:
            row["manufacturer"] = "edited"
    kept += [
        a_row(f"K{chance.randint(0, 30):02}", chance.choice(YEARS), chance)
        for _ in range(chance.randint(0, 3))
    ]
    if kept and chance.random() < 0.4:
        copied = dict(chance.choice(kept))
        kept.append(copied | a_row(copied["nhtsa_id"], chance.choice(YEARS), chance))
    source.rows = [row for row in kept if row.get("nhtsa_id") != "?"]


def is_sound(row: dict[str, str]) -> bool:
    return "report_received_date" in row and row["potentially_affected"] != "-1"


def expect(model: dict[str, dict[str, str]], source: SmallSource, years: list[int]) -> None:
    """Bring the model to what a read of the source must make of the table."""
    read = [
        row
        for row in source.rows
        if not years or int(row.get("report_received_date", "0")[:4]) in years
    ]
    copies = Counter(row["nhtsa_id"] for row in read)
    for row in read:
        if copies[row["nhtsa_id"]] == 1 and is_sound(row):
            model[row["nhtsa_id"]] = dict(row)
    if not years:
        for key in set(model) - set(copies):
            del model[key]


def published(lake: Lake) -> list[tuple[str, str, str, int]]:
    uri = f"s3://{lake.bucket}/vehicle_recalls/table"
    table = DeltaTable(uri, storage_options=lake.storage_options).to_pyarrow_table()
    return sorted(
        (row["nhtsa_id"], str(row["report_received_date"]), row["manufacturer"], row["year"])
        for row in table.to_pylist()
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_table_is_what_the_reads_say(lake: Lake, seed: int, monkeypatch):
    """Over edits, moves, copies, dirt and partial reads, the table holds what it must hold."""
    chance = random.Random(seed)
    # Some histories in one batch, most in several: keys then meet only in publish.
    monkeypatch.setattr(extract, "BATCH_ROWS", chance.choice([3, 8, 8, 50_000]))
    source = SmallSource([a_row(f"K{n:02}", chance.choice(YEARS), chance) for n in range(20)])
    model: dict[str, dict[str, str]] = {}
    for day in range(5):
        years = chance.choice([[], [], sorted(chance.sample(YEARS, 2)), [2020]]) if day else []
        expect(model, source, years)
        told = run(source, lake, years)
        days = {key: row["report_received_date"][:10] for key, row in model.items()}
        assert published(lake) == sorted(
            (key, days[key], row["manufacturer"], int(days[key][:4])) for key, row in model.items()
        ), f"day {day}, years {years or 'all'}, {told['checks']}"
        again = run(source, lake, years)
        assert (again["version"], again["changed"]) == (None, {})
        change(source, chance)

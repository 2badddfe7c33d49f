"""A small dataset of places by year, with helpers that read and publish it."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pyarrow as pa

from include.data.contract import Column, Dataset, Limit, Limits
from include.data.validate import QUARANTINE
from include.lake.keys import Keys
from include.lake.landing import RawPages, finish_landing, land_page, read_page
from include.lake.publish import publish_read
from include.lake.reads import Moment, Read, Source, start_read
from include.lake.staging import StagedBatch, read_table_file, stage, write_candidates
from include.lake.store import Store
from include.lake.table import load_version

PLACES = Dataset(
    name="places",
    version="1",
    grain="One row is one place.",
    key="id",
    columns=(
        Column("id", pa.string(), "The key.", required=True),
        Column("year", pa.int64(), "The year.", required=True),
        Column("name", pa.string(), "The name."),
        Column("seen", pa.string(), "The read id.", business=False),
    ),
    sort_by=("year", "id"),
    limits=Limits(rows_in_total=Limit(Fraction(1, 2), "Rows lost.", rows=100)),
    partition_by="part",
    partition_type=pa.int32(),
    partition_of=lambda rows: rows["year"],
    keys_move=True,
)
SOURCE = Source(dataset="places", publisher="official")
START = datetime(2026, 1, 1, tzinfo=UTC)
Rows = Mapping[str, tuple[int, str]]  # id: year, name


def moment(hour: float, *, took_h: float = 0.5, modified: float | None = None) -> Moment:
    def text(at: float) -> str:
        return f"{START + timedelta(hours=at):%Y-%m-%dT%H:%M:%SZ}"

    return Moment(
        began_at=text(hour),
        answered_at=text(hour + took_h),
        modified_at=text(hour if modified is None else modified),
    )


@dataclass
class StagedRead:
    """A staged read, ready to publish."""

    store: Store
    read: Read
    batches: list[StagedBatch]

    def publish(self, **options: Any) -> dict[str, Any]:
        return publish_read(self.store, PLACES, self.read, self.batches, **options)


def stage_read(
    store: Store,
    *batches: Rows,
    at: Moment,
    years: Iterable[int] | None = None,
    bad_keys: Iterable[str | None] = (),
    candidates: bool = True,
) -> StagedRead:
    """Stage a read of these years, or a full read."""
    read, current = start_read(
        store,
        PLACES,
        SOURCE,
        "test",
        covers=None if years is not None else {},
        batches=len(batches),
    )
    staged = []
    for number, rows in enumerate(batches):
        covered = years if years is not None else ([] if number else current.parts)
        raw = land(store, read, f"{number}", rows, [str(y) for y in covered], at)
        quarantined = pa.Table.from_pylist(
            [
                {"key": key, "reasons": "broken", "raw": "{}"}
                for key in ([] if number else bad_keys)
            ],
            schema=QUARANTINE,
        )
        table = rows_of(store, read["read_id"], raw)
        batch = stage(store, PLACES, raw, table, quarantined)
        if candidates:
            batch = write_candidates(store, PLACES, read["read_id"], batch)
        staged.append(batch)
    return StagedRead(store, read, staged)


def land(
    store: Store, read: Read, label: str, rows: Rows, partitions: list[str], at: Moment
) -> RawPages:
    body = gzip.compress(json.dumps([[key, *value] for key, value in rows.items()]).encode())
    page = land_page(store, PLACES, read, label, 0, body, rows=len(rows))
    return finish_landing(store, PLACES, read, [page], at, label=label, partitions=partitions)


def rows_of(store: Store, read_id: str, raw: RawPages) -> pa.Table:
    rows = [row for page in raw["pages"] for row in json.loads(read_page(store, page))]
    return pa.Table.from_pylist(
        [{"id": key, "year": year, "name": name, "seen": read_id} for key, year, name in rows],
        schema=PLACES.schema,
    )


def publish_rows(store: Store, *batches: Rows, at: Moment, **options: Any) -> dict[str, Any]:
    names = ("years", "bad_keys")
    staging = {name: options.pop(name) for name in names if name in options}
    return stage_read(store, *batches, at=at, **staging).publish(**options)


def current_rows(store: Store, number: int | None = None) -> dict[str, tuple[int, str]]:
    """The rows of a version; checks that keys are unique and years match partitions."""
    version = load_version(store, Keys(PLACES.name).table, number)
    found: dict[str, tuple[int, str]] = {}
    for name, part in version.parts.items():
        for row in read_table_file(store, PLACES, part["path"]).to_pylist():
            assert str(row["year"]) == name
            assert row["id"] not in found
            found[row["id"]] = (row["year"], row["name"])
    return found

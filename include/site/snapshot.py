"""The recalls of one version, and their lives, as the ledger has them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import RETRACTED
from include.lake.ledger import read_ledger, receipt_at
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version
from include.vehicle_recalls.contract import DATE, RECALLS

KEY = RECALLS.key
LIGHT = [
    *(DATE, KEY, "manufacturer", "subject", "component", "recall_type", "potentially_affected"),
    *("fire_risk_when_parked", "do_not_drive", "completion_rate"),
]


class Change(NamedTuple):
    """What one version brought of one recall."""

    version: int
    observed_at: str
    recall: str
    year: str
    event: str
    fields: list[tuple[str, str | None, str | None]]  # name, old, new


@dataclass(frozen=True)
class Snapshot:
    store: Store
    version: Version
    ledger: pa.Table
    read_ids: Mapping[int, str]  # by version
    changes: list[Change]  # by version and recall
    lives: Mapping[str, list[Change]]  # by recall
    retracted: Mapping[str, dict[str, Change]]  # by year and recall: the change that ended it
    first_observed_at: str | None  # of the baseline

    @property
    def years(self) -> list[str]:
        """Every year that has rows now, or had a recall that was retracted."""
        with_rows = {name for name, part in self.version.parts.items() if part["rows"]}
        return sorted({*with_rows, *self.retracted}, key=int)

    def rows_of(self, year: str) -> pa.Table:
        part = self.version.parts.get(year)
        if not part or not part["rows"]:
            return RECALLS.schema.empty_table().select(RECALLS.business_columns)
        return read_table_file(self.store, RECALLS, part["path"], RECALLS.business_columns)


def read_snapshot(store: Store, version: Version) -> Snapshot:
    ledger, read_ids = read_ledger(store, RECALLS, version)
    changes = _changes(ledger)
    lives: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        lives[change.recall].append(change)
    retracted: dict[str, dict[str, Change]] = defaultdict(dict)
    for recall, life in lives.items():
        if life[-1].event == RETRACTED:
            retracted[life[-1].year][recall] = life[-1]
    number = version.receipt["baseline"]
    first = None if number is None else receipt_at(store, version, number)["observed_at"]
    return Snapshot(store, version, ledger, read_ids, changes, dict(lives), dict(retracted), first)


def _changes(ledger: pa.Table) -> list[Change]:
    order = [("version", "ascending"), (KEY, "ascending"), ("field", "ascending")]
    rows = ledger.sort_by(order)
    observed = texts_of_times(rows["observed_at"])
    columns: list[list[Any]] = [
        rows["version"].to_pylist(),
        observed.to_pylist(),
        rows[KEY].to_pylist(),
        pc.cast(rows["year"], pa.string()).to_pylist(),
        *(rows[name].to_pylist() for name in ("event", "field", "old", "new")),
    ]
    changes: list[Change] = []
    last: tuple[int, str] | None = None
    for version, at, recall, year, event, field, old, new in zip(*columns, strict=True):
        if last != (version, recall):
            changes.append(Change(version, at, recall, year, event, []))
            last = (version, recall)
        changes[-1].fields.append((field, old, new))
    return changes


def texts_of_times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """In UTC, to the second."""
    seconds = pc.cast(column, pa.timestamp("s", tz="UTC"), safe=False)
    return pc.strftime(seconds, "%Y-%m-%dT%H:%M:%SZ")

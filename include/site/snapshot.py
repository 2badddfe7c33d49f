"""The recalls of one version, and the life of each that the ledger knows."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import RETRACTED
from include.data.tables import concat, from_parquet, is_in
from include.lake.keys import Keys
from include.lake.ledger import Ledger, receipt_at
from include.lake.store import Store, parallel_map
from include.lake.table import Version, get_file
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE

KEY = RECALLS.key
COLUMNS = RECALLS.business_columns
EMPTY = pa.Table.from_batches([], RECALLS.schema).select(COLUMNS)
TEXT_OF_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Change(NamedTuple):
    """What one version brought of one recall."""

    version: int
    observed_at: str
    recall: str
    year: str
    event: str
    manufacturer: str | None  # as the recall has it now; of one that is gone, as it had it then
    subject: str | None
    fields: list[tuple[str, str | None, str | None]]  # name, old, new


@dataclass(frozen=True)
class Snapshot:
    version: Version
    years: Mapping[str, pa.Table]  # in order; empty where all recalls of a year are retracted
    rows: pa.Table  # of all years
    ledger: pa.Table
    changes: list[Change]  # by version and recall
    lives: Mapping[str, list[Change]]  # by recall
    retracted: Mapping[str, dict[str, Change]]  # by year and recall: the change that ended it
    read_ids: Mapping[int, str]  # by version
    first_observed_at: str | None  # of the baseline

    @property
    def totals(self) -> dict[str, int]:
        columns = {
            "affected": "potentially_affected",
            "do_not_drive": DO_NOT_DRIVE,
            "park_outside": PARK_OUTSIDE,
        }
        sums = {name: pc.sum(self.rows[column]).as_py() or 0 for name, column in columns.items()}
        return {"recalls": self.rows.num_rows, **sums}


def take_snapshot(store: Store, version: Version, ledger: Ledger) -> Snapshot:
    paths = {year: part["path"] for year, part in version.parts.items() if part["rows"]}
    table_file = Keys(RECALLS.name).table_file
    bodies = parallel_map(lambda path: get_file(store, table_file(path)), paths.values())
    # Not side by side: Arrow keeps 15 MB for each thread that ever decoded a file.
    years = {y: from_parquet(body, COLUMNS) for y, body in zip(paths, bodies, strict=True)}
    rows = concat([EMPTY, *(years[year] for year in sorted(years, key=int))])
    order = [(name, "ascending") for name in ("version", KEY, "field")]
    events = ledger.events.sort_by(order)
    times = pc.cast(events["observed_at"], pa.timestamp("s", tz="UTC"), safe=False)
    at = events.schema.get_field_index("observed_at")
    events = events.set_column(at, "observed_at", pc.strftime(times, TEXT_OF_TIME))
    changes = _changes(events, rows)
    lives: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        lives[change.recall].append(change)
    retracted: dict[str, dict[str, Change]] = defaultdict(dict)
    for recall, life in lives.items():
        if life[-1].event == RETRACTED:
            retracted[life[-1].year][recall] = life[-1]
    baseline = version.receipt["baseline"]
    return Snapshot(
        version=version,
        years={y: years.get(y, EMPTY) for y in sorted({*years, *retracted}, key=int)},
        rows=rows,
        ledger=events,
        changes=changes,
        lives=dict(lives),
        retracted=dict(retracted),
        read_ids=ledger.read_ids,
        first_observed_at=baseline and receipt_at(store, version, baseline)["observed_at"],
    )


def _changes(events: pa.Table, rows: pa.Table) -> list[Change]:
    changed = rows.filter(is_in(rows[KEY], events[KEY].unique()))
    names = {row[KEY]: row for row in changed.select([KEY, "manufacturer", "subject"]).to_pylist()}
    fields: dict[tuple[Any, ...], list[tuple[str, str | None, str | None]]] = defaultdict(list)
    of_change = ("version", "observed_at", KEY, "year", "event")
    columns = (events[name].to_pylist() for name in (*of_change, "field", "old", "new"))
    for *change, name, old, new in zip(*columns, strict=True):
        fields[tuple(change)].append((name, old, new))
    changes = []
    for (version, at, recall, year, event), found in fields.items():
        then = {name: old if new is None else new for name, old, new in found}
        named = names.get(recall, then)
        manufacturer, subject = named.get("manufacturer"), named.get("subject")
        changes.append(Change(version, at, recall, str(year), event, manufacturer, subject, found))
    return changes

"""The shards: what the page's code reads, each in one file."""

import re
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.data.tables import is_in
from include.site.snapshot import KEY, Change, Snapshot
from include.vehicle_recalls.contract import DATE, RECALLS

# The endings of a company's name, which say nothing of who it is.
COMPANY = re.compile(
    r"\b(incorporated|inc|llc|ltd|limited|corporation|corp|company|co|gmbh|ag|sa|spa|plc|lp|"
    r"usa|us|of america|north america|na)\b"
)
DO_NOT_DRIVE, PARK_OUTSIDE = 1, 2
Names = dict[str, tuple[str | None, str | None]]


def rows_shard(rows: pa.Table) -> dict[str, Any]:
    """What charts and filters need, a list a column."""
    days = pc.cast(rows[DATE], pa.int32()).to_numpy()
    flags = sum(
        pc.fill_null(rows[name], False).to_numpy().astype(int) * flag
        for name, flag in (("do_not_drive", DO_NOT_DRIVE), ("fire_risk_when_parked", PARK_OUTSIDE))
    )
    names, codes = {}, {}
    for column in ("manufacturer", "component", "recall_type"):
        encoded = rows[column].combine_chunks().dictionary_encode()
        names[column] = encoded.dictionary.to_pylist()
        codes[column] = encoded.indices.to_pylist()
    return {
        "manufacturers": names["manufacturer"],
        "components": names["component"],
        "types": names["recall_type"],
        "date": np.diff(days, prepend=0).tolist(),
        "manufacturer": codes["manufacturer"],
        "component": codes["component"],
        "type": codes["recall_type"],
        "affected": rows["potentially_affected"].to_pylist(),
        "flags": flags.tolist() if rows.num_rows else [],
        "completion": rows["completion_rate"].to_pylist(),
    }


def texts_shard(rows: pa.Table) -> dict[str, Any]:
    """In the order of the rows."""
    return {"id": rows[KEY].to_pylist(), "subject": rows["subject"].to_pylist()}


def same_names(names: list[str]) -> dict[str, list[list[int]]]:
    """Spellings of one manufacturer, as indexes into the names."""
    spellings: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        words = re.sub(r"[^\w\s]", " ", name.casefold().replace(".", "")).split()
        plain = " ".join(COMPANY.sub(" ", " ".join(words)).split())
        spellings[plain or " ".join(words)].append(index)
    return {"same_name": [found for found in spellings.values() if len(found) > 1]}


def year_shard(snapshot: Snapshot, year: str, rows: pa.Table) -> dict[str, Any]:
    """The recalls of a year whole, with their lives."""
    columns = [texts_of_days(rows[name]).to_pylist() for name in RECALLS.business_columns]
    lives = {key: snapshot.lives[key] for key in _keys(snapshot, year, rows)}
    gone = snapshot.retracted.get(year, {})
    return {
        "columns": RECALLS.business_columns,
        "rows": [list(row) for row in zip(*columns, strict=True)],
        "life": {
            key: [[c.version, c.observed_at, c.event, c.fields] for c in life]
            for key, life in lives.items()
        },
        "retracted": {key: last_known(change) for key, change in gone.items()},
    }


def last_known(change: Change) -> dict[str, Any]:
    """What a recall was when it was retracted, as a row of a shard has it."""
    kinds = {column.name: column.type for column in RECALLS.columns}
    return {
        name: old if pa.types.is_date(kinds[name]) else pa.scalar(old).cast(kinds[name]).as_py()
        for name, old, _ in change.fields
    }


def year_inputs(snapshot: Snapshot, year: str, rows: pa.Table) -> list[Any]:
    """What decides on the bytes of a year's shard."""
    part = snapshot.version.parts.get(year) or {"path": ""}
    return [part["path"], [snapshot.lives[key] for key in _keys(snapshot, year, rows)]]


def _keys(snapshot: Snapshot, year: str, rows: pa.Table) -> list[str]:
    """The recalls of a year that have a life in the ledger."""
    here = [key for key in rows[KEY].to_pylist() if key in snapshot.lives]
    return [*here, *sorted(snapshot.retracted.get(year, {}))]


def changes_shards(snapshot: Snapshot, rows: pa.Table) -> dict[str, dict[str, Any]]:
    """What changed, by month of observation."""
    names = names_of(snapshot, rows)
    months: dict[str, dict[str, Any]] = {}
    for change in snapshot.changes:
        month = months.setdefault(change.observed_at[:7], {"versions": [], "events": []})
        if [change.version, change.observed_at] not in month["versions"][-1:]:
            month["versions"].append([change.version, change.observed_at])
        manufacturer, subject = named(change, names)
        month["events"].append(
            [change.version, change.recall, manufacturer, subject, change.event, change.fields]
        )
    return months


def names_of(snapshot: Snapshot, rows: pa.Table) -> Names:
    """Manufacturer and subject of each recall that has changed."""
    rows = rows.filter(is_in(rows[KEY], sorted(snapshot.lives)))
    columns = (rows[name].to_pylist() for name in ("manufacturer", "subject"))
    return dict(zip(rows[KEY].to_pylist(), zip(*columns, strict=True), strict=True))


def named(change: Change, names: Names) -> tuple[str | None, str | None]:
    """As the recall is called now; one that is gone, as it was called then."""
    if found := names.get(change.recall):
        return found
    then = {name: old if new is None else new for name, old, new in change.fields}
    return then.get("manufacturer"), then.get("subject")


def texts_of_days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string()) if pa.types.is_date(column.type) else column

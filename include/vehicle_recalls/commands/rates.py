"""Completion rates followed from the baseline on, and how long each has stood still.

"Now" is the moment of the newest read that the table has, not the time of day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.first.contract import TIMESTAMP
from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.first.ledger import YEAR
from include.vehicle_recalls.commands.asking import nothing_there
from include.vehicle_recalls.commands.changes import asked_for
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import read_ledger
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
RATE, AFFECTED = "completion_rate", "potentially_affected"
NAMES = ("manufacturer", "subject")
TREND_SCHEMA = pa.schema(
    [
        ("version", pa.int64()),
        ("observed_at", TIMESTAMP),
        ("rated", pa.int64()),  # recalls that have a rate
        ("mean_rate", pa.float64()),
        ("mean_by_vehicles", pa.float64()),
        ("moved_up", pa.int64()),  # null in the baseline: nobody knows what was before
        ("moved_down", pa.int64()),
    ]
)
STALLED_SCHEMA = pa.schema(
    [
        (KEY, pa.string()),
        *((name, pa.string()) for name in NAMES),
        (RATE, pa.float64()),
        (AFFECTED, pa.int64()),
        ("open", pa.int64()),  # vehicles without the remedy, rounded
        ("unchanged_since", TIMESTAMP),
        ("unchanged_days", pa.int64()),
        ("or_before", pa.bool_()),  # the last change is older than the baseline
    ]
)
DAYS, UNDER = 90, 90.0
Numbers = npt.NDArray[np.float64]


class Completion(NamedTuple):
    trend: pa.Table  # a row for the baseline, and for each version that moved a rate
    now: pa.Table  # the recalls of the head: key, names, rate, affected
    changed: Mapping[str, datetime]  # when a rate was last changed since the baseline
    version: int
    observed_at: datetime
    baseline_at: datetime

    def stalled(self, *, days: int = DAYS, under: float = UNDER) -> pa.Table:
        """Recalls under so many percent, unchanged for so many days; most open vehicles first."""
        rows = self.now.filter(pc.less(self.now[RATE], under))
        changed = [self.changed.get(key) for key in rows[KEY].to_pylist()]
        since = [moment or self.baseline_at for moment in changed]
        remedied = pc.divide(rows[RATE], 100.0)
        vehicles = pc.multiply(rows[AFFECTED].cast(pa.float64()), pc.subtract(1.0, remedied))
        columns = {
            "open": pc.round(vehicles),
            "unchanged_since": pa.array(since, TIMESTAMP),
            "unchanged_days": pa.array([(self.observed_at - m).days for m in since], pa.int64()),
            "or_before": pa.array([moment is None for moment in changed], pa.bool_()),
        }
        for name, column in columns.items():
            rows = rows.append_column(name, column)
        rows = rows.select(STALLED_SCHEMA.names).cast(STALLED_SCHEMA)
        still = rows.filter(pc.greater_equal(rows["unchanged_days"], days))
        return still.sort_by([("open", "descending"), (KEY, "ascending")])


class _Rates:
    """The rates and vehicles of all recalls at one version, moved on by the ledger's rows."""

    def __init__(self, rows: pa.Table) -> None:
        self.places = {key: at for at, key in enumerate(rows[KEY].to_pylist())}
        self.values = {name: _numbers(rows[name]) for name in (RATE, AFFECTED)}

    def move(self, rows: pa.Table) -> None:
        at = [self.places.setdefault(key, len(self.places)) for key in rows[KEY].to_pylist()]
        places = np.array(at, np.int64)
        for name, values in self.values.items():
            more = np.full(len(self.places) - len(values), np.nan)
            self.values[name] = np.concatenate([values, more])
            chosen = np.array(pc.equal(rows["field"], name).to_pylist(), bool)
            self.values[name][places[chosen]] = _numbers(rows["new"])[chosen]

    def means(self) -> dict[str, Any]:
        rated = ~np.isnan(self.values[RATE])
        rates, weights = self.values[RATE][rated], np.nan_to_num(self.values[AFFECTED][rated])
        return {
            "rated": len(rates),
            "mean_rate": float(rates.mean()) if len(rates) else None,
            "mean_by_vehicles": float(np.average(rates, weights=weights))
            if weights.any()
            else None,
        }


def completion(
    lake: Lake, *, nhtsa_ids: Collection[str] = (), manufacturer: str | None = None
) -> Completion:
    """Start at the baseline, and follow the ledger up to its newest version."""
    head = lake.head(KEYS.table)
    if not head.receipt:
        raise nothing_there(lake)
    chosen = asked_for(lake, nhtsa_ids, manufacturer)
    now, start = _rows(lake, head)
    first = head.receipt["baseline"]
    baseline = lake.receipt(KEYS.table, first) if first is not None else head.receipt
    rates = _Rates(_among(start, chosen))
    trend: list[dict[str, Any]] = []
    changed: dict[str, datetime] = {}
    after = range(0)
    if first is not None:
        trend.append({"version": first, "observed_at": _observed(baseline), **rates.means()})
        after = range(first + 1, head.receipt_version + 1)
    for table in read_ledger(lake, versions=after):
        rows = _among(table.filter(pc.is_in(table["field"], pa.array([RATE, AFFECTED]))), chosen)
        rates.move(rows)
        moved = rows.filter(pc.equal(rows["field"], RATE))
        if moved.num_rows:
            told = {name: moved[name][0].as_py() for name in ("version", "observed_at")}
            old, new = _numbers(moved["old"]), _numbers(moved["new"])
            moves = {"moved_up": int((new > old).sum()), "moved_down": int((new < old).sum())}
            trend.append(told | rates.means() | moves)
            changed.update(dict.fromkeys(moved[KEY].to_pylist(), told["observed_at"]))
    return Completion(
        pa.Table.from_pylist(trend, schema=TREND_SCHEMA),
        _among(now, chosen),
        changed,
        head.receipt_version,
        _observed(head.receipt),
        _observed(baseline),
    )


def _rows(lake: Lake, head: Head) -> tuple[pa.Table, pa.Table]:
    """The recalls now and in the baseline; a file that both have is read once."""
    years = year_states(head.receipt)
    now = read_years(lake, years, [KEY, *NAMES, RATE, AFFECTED])
    if head.receipt["baseline"] is None:
        return now, now.select([KEY, RATE, AFFECTED])
    then = year_states(lake.receipt(KEYS.table, head.receipt["baseline"]))
    same = [
        year for year, state in then.items() if year in years and years[year].path == state.path
    ]
    others = {year: state for year, state in then.items() if year not in same}
    start = [
        now.filter(pc.is_in(now[YEAR], pa.array(same, pa.int32()))),
        read_years(lake, others, [KEY, RATE, AFFECTED]),
    ]
    return now, pa.concat_tables([rows.select([KEY, RATE, AFFECTED]) for rows in start])


def _among(rows: pa.Table, keys: Collection[str] | None) -> pa.Table:
    if keys is None:
        return rows
    return rows.filter(pc.is_in(rows[KEY], pa.array(sorted(keys), pa.string())))


def _numbers(column: pa.ChunkedArray) -> Numbers:
    """Numbers, and texts of them; null is not a number."""
    return np.array(column.cast(pa.float64()).to_pylist(), np.float64)


def _observed(receipt: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(receipt["observed_at"])

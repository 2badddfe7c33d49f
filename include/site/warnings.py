"""Every do-not-drive and park-outside warning, with the day it began and the day it was lifted."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import RETRACTED
from include.site.shards import last_known
from include.site.snapshot import KEY, Change, Snapshot
from include.vehicle_recalls.contract import DATE
from include.vehicle_recalls.news import WARNINGS

NAMES = ("manufacturer", "subject", DATE, "potentially_affected", "completion_rate")


def warnings(snapshot: Snapshot, rows: pa.Table) -> list[dict[str, Any]]:
    """One for each recall, warning and time that it was given; those in force first."""
    touched = {c.recall for c in snapshot.changes if any(f in WARNINGS for f, _, _ in c.fields)}
    flagged = pc.or_(*(pc.fill_null(rows[flag], False) for flag in WARNINGS))
    wanted = pc.or_(flagged, pc.is_in(rows[KEY], value_set=pa.array(sorted(touched), pa.string())))
    now = {row[KEY]: row for row in rows.filter(wanted).to_pylist()}
    found = []
    for recall in sorted({*now, *touched}):
        life, row = snapshot.lives.get(recall, []), now.get(recall)
        for flag in WARNINGS:
            for began_at, lifted_at, retracted in _periods(life, flag, bool(row and row[flag])):
                found.append(
                    {
                        "id": recall,
                        **_known(row or last_known(life[-1])),
                        "flag": flag,
                        "began_at": began_at,
                        "lifted_at": lifted_at,
                        "retracted": retracted,
                    }
                )
    return sorted(found, key=lambda each: each["lifted_at"] is not None)


def _periods(
    life: list[Change], flag: str, is_flagged: bool
) -> Iterator[tuple[str | None, str | None, bool]]:
    """Began at (None: before the first read), lifted at (None: in force), retracted."""
    began_at: str | None = None
    for change in life:
        for name, old, new in change.fields:
            if name != flag:
                continue
            if old == "true":
                yield began_at, change.observed_at, change.event == RETRACTED
                began_at = None
            if new == "true":
                began_at = change.observed_at
    if is_flagged:
        yield began_at, None, False


def _known(row: dict[str, Any]) -> dict[str, Any]:
    manufacturer, subject, day, affected, completion = map(row.get, NAMES)
    return {
        "manufacturer": manufacturer,
        "subject": subject,
        "date": str(day),
        "affected": affected,
        "completion": completion,
    }

"""Every do-not-drive and park-outside warning, with the day it began and the day it was lifted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow.compute as pc

from include.data.diff import RETRACTED
from include.data.tables import is_in
from include.site.shards import last_known
from include.site.snapshot import KEY, Change, Snapshot
from include.vehicle_recalls.contract import DATE
from include.vehicle_recalls.news import RATE, WARNINGS

SHOWN = {
    "id": KEY,
    "manufacturer": "manufacturer",
    "subject": "subject",
    "date": DATE,
    "affected": "potentially_affected",
    "completion": RATE,
}


class Period(NamedTuple):
    """A time in which a warning was in force."""

    began_at: str | None  # None: before the first read
    lifted_at: str | None = None  # None: it is in force
    retracted: bool = False


def warnings(snapshot: Snapshot) -> list[dict[str, Any]]:
    """One for each recall, warning and time that it was given; those in force first."""
    rows = snapshot.rows
    touched = {c.recall for c in snapshot.changes if any(f in WARNINGS for f, _, _ in c.fields)}
    flagged = pc.or_(*(pc.fill_null(rows[flag], False) for flag in WARNINGS))
    wanted = rows.filter(pc.or_(flagged, is_in(rows[KEY], touched)))
    now = {row[KEY]: row for row in wanted.select([*SHOWN.values(), *WARNINGS]).to_pylist()}
    found = []
    for recall in sorted({*now, *touched}):
        life = snapshot.lives.get(recall, [])
        row = now.get(recall) or last_known(life[-1])
        for flag in WARNINGS:
            for period in _periods(life, flag, is_given=recall in now and bool(row[flag])):
                shown = {name: row.get(column) for name, column in SHOWN.items()}
                found.append(shown | {"flag": flag} | period._asdict())
    return sorted(found, key=lambda warning: warning["lifted_at"] is not None)


def _periods(life: list[Change], flag: str, *, is_given: bool) -> Iterator[Period]:
    began_at: str | None = None
    for change in life:
        for _, old, new in (field for field in change.fields if field[0] == flag):
            if old == "true":
                yield Period(began_at, change.observed_at, change.event == RETRACTED)
                began_at = None
            if new == "true":
                began_at = change.observed_at
    if is_given:
        yield Period(began_at)

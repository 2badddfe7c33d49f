"""The shards: what the pages load, each in one file."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import RETRACTED
from include.data.tables import is_in
from include.site.snapshot import COLUMNS, KEY, Change, Snapshot
from include.vehicle_recalls.contract import DATE, RECALLS
from include.vehicle_recalls.news import DO_NOT_DRIVE, PARK_OUTSIDE, RATE, WARNINGS

# Endings of a company's name, which do not tell two companies apart.
COMPANY = re.compile(
    r"\b(incorporated|inc|llc|ltd|limited|corporation|corp|company|co|gmbh|ag|sa|spa|plc|lp|"
    r"usa|us|of america|north america|na)\b"
)
FLAGS = {DO_NOT_DRIVE: 1, PARK_OUTSIDE: 2}
NAMES = {"manufacturer": "manufacturers", "component": "components", "recall_type": "types"}
OF_WARNINGS = {
    "id": KEY,
    "manufacturer": "manufacturer",
    "subject": "subject",
    "date": DATE,
    "affected": "potentially_affected",
    "completion": RATE,
}


def column_shards(rows: pa.Table) -> dict[str, Any]:
    """All recalls, one list per column, in one order; one shard for each purpose."""
    names, codes = {}, {}
    for column, plural in NAMES.items():
        encoded = rows[column].combine_chunks().dictionary_encode()
        names[plural] = encoded.dictionary.to_pylist()
        codes[column.removeprefix("recall_")] = encoded.indices.to_pylist()
    flags = np.zeros(rows.num_rows, int)
    for column, bit in FLAGS.items():
        flags |= bit * pc.fill_null(rows[column], False).to_numpy().astype(int)
    days = pc.cast(rows[DATE], pa.int32()).to_numpy()
    return {
        "rows": {
            **names,
            "date": np.diff(days, prepend=0).tolist(),
            **codes,
            "affected": rows["potentially_affected"].to_pylist(),
            "flags": flags.tolist(),
        },
        "rates": {"completion": rows[RATE].to_pylist()},
        "texts": {"id": rows[KEY].to_pylist(), "subject": rows["subject"].to_pylist()},
        "manufacturers": {"same_name": same_names(names["manufacturers"])},
    }


def same_names(names: list[str]) -> list[list[int]]:
    """Spellings of one manufacturer, as indexes into the names."""
    spellings: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        words = " ".join(re.sub(r"[^\w\s]", " ", name.casefold().replace(".", "")).split())
        spellings[" ".join(COMPANY.sub(" ", words).split()) or words].append(index)
    return [found for found in spellings.values() if len(found) > 1]


def lives_of(snapshot: Snapshot, year: str) -> dict[str, list[Change]]:
    """The changes of each recall of a year, retracted recalls last."""
    keys = [*snapshot.years[year][KEY].to_pylist(), *sorted(snapshot.retracted.get(year, {}))]
    return {key: snapshot.lives[key] for key in keys if key in snapshot.lives}


def year_shard(snapshot: Snapshot, year: str) -> dict[str, Any]:
    """The recalls of a year with all columns and their changes."""
    columns = [column.to_pylist() for column in snapshot.years[year].columns]
    gone = snapshot.retracted.get(year, {})
    return {
        "columns": COLUMNS,
        "rows": list(zip(*columns, strict=True)),
        "life": {
            key: [[c.version, c.observed_at, c.event, c.fields] for c in life]
            for key, life in lives_of(snapshot, year).items()
        },
        "retracted": {key: last_known(change) for key, change in gone.items()},
    }


def last_known(change: Change) -> dict[str, Any]:
    """What a recall was when it was retracted, as a row of a shard has it."""
    types = {name: RECALLS.schema.field(name).type for name, _, _ in change.fields}
    return {
        name: old if pa.types.is_date(types[name]) else pa.scalar(old).cast(types[name]).as_py()
        for name, old, _ in change.fields
    }


def changes_shards(snapshot: Snapshot) -> dict[str, Any]:
    """What changed, by month of observation."""
    months: dict[str, dict[str, Any]] = {}
    for c in snapshot.changes:
        month = months.setdefault(c.observed_at[:7], {"versions": [], "events": []})
        if [c.version, c.observed_at] not in month["versions"][-1:]:
            month["versions"].append([c.version, c.observed_at])
        month["events"].append([c.version, c.recall, c.manufacturer, c.subject, c.event, c.fields])
    return months


class Period(NamedTuple):
    """A time in which a warning was in force."""

    began_at: str | None  # None: before the first read
    lifted_at: str | None = None  # None: it is in force
    retracted: bool = False


def warnings(snapshot: Snapshot) -> list[dict[str, Any]]:
    """One for each recall, warning and time that it was given."""
    rows = snapshot.rows
    touched = {c.recall for c in snapshot.changes if any(f in WARNINGS for f, _, _ in c.fields)}
    flagged = pc.or_(*(pc.fill_null(rows[flag], False) for flag in WARNINGS))
    wanted = rows.filter(pc.or_(flagged, is_in(rows[KEY], touched)))
    now = {row[KEY]: row for row in wanted.select([*OF_WARNINGS.values(), *WARNINGS]).to_pylist()}
    found = []
    for recall in sorted({*now, *touched}):
        life = snapshot.lives.get(recall, [])
        row = now.get(recall) or last_known(life[-1])
        for flag in WARNINGS:
            for period in _periods(life, flag, is_given=recall in now and bool(row[flag])):
                shown = {name: row.get(column) for name, column in OF_WARNINGS.items()}
                found.append(shown | {"flag": flag} | period._asdict())
    return found


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

"""Whether the table is what its log says: the files that the head names, and the receipts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.first.bucket import Missing, in_one_line
from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.vehicle_recalls.commands.findings import (
    REPORT,
    RESTORE,
    UNREADABLE,
    Finding,
    Proof,
    unequal,
)
from include.vehicle_recalls.commands.versions import Version
from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.places import key_counts
from include.vehicle_recalls.state import YearState, year_states
from include.vehicle_recalls.write import facts_of
from include.vehicle_recalls.years import content_hash

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key


@dataclass
class _Look:
    """What one year's file turned out to be; keys only of one that could be read."""

    bytes: list[Finding] = field(default_factory=list)
    content: list[Finding] = field(default_factory=list)
    columns: list[Finding] = field(default_factory=list)
    dates: list[Finding] = field(default_factory=list)
    keys: pa.ChunkedArray = field(default_factory=lambda: pa.chunked_array([], pa.string()))
    size: int = 0
    readable: bool = False
    whole: bool = False  # its bytes and its columns are as they should be


def prove_table(lake: Lake, head: Head, versions: Sequence[Version]) -> Iterator[Proof]:
    states = year_states(head.receipt)
    looks = lake.at_once(lambda year: _look(lake, year, states[year]), states)
    files = f"{len(states):,} files"
    read = f"{sum(look.readable for look in looks):,} of {files}"
    whole = f"{sum(look.whole for look in looks):,} of {files}"
    rows = sum(len(look.keys) for look in looks)
    not_read = _not_looked_at(sum(not look.readable for look in looks))
    not_whole = _not_looked_at(sum(not look.whole for look in looks))
    size = sum(look.size for look in looks)
    yield Proof(
        "bytes hash to the sha256 in each name", f"{files}, {size:,} bytes", _all(looks, "bytes")
    )
    yield Proof("Delta names the receipt's files", files, _named(head, states))
    yield Proof(
        "rows, nulls and content are the receipt's",
        f"{rows:,} rows in {whole}",
        _all(looks, "content"),
        not_whole,
    )
    columns = f"{len(CONTRACT.schema):,} columns in {read}"
    yield Proof("columns are the contract's", columns, _all(looks, "columns"), not_read)
    yield Proof("dates are inside their year", whole, _all(looks, "dates"), not_whole)
    keys = pa.chunked_array([c for look in looks for c in look.keys.chunks], pa.string())
    looked_at = f"{len(keys):,} keys"
    yield Proof(f"{KEY} is unique over all years", looked_at, _repeated(keys), not_whole)
    yield Proof(
        "counts of the receipts add up",
        f"{len(versions):,} versions",
        [finding for version in versions for finding in _counts(version)],
    )


def _not_looked_at(files: int) -> tuple[str, ...]:
    told = "not looked at, because of what is told above"
    return (f"{files:,} file{'s were' if files > 1 else ' was'} {told}",) if files else ()


def _all(looks: Sequence[_Look], name: str) -> list[Finding]:
    return [finding for look in looks for finding in getattr(look, name)]


def _look(lake: Lake, year: int, state: YearState) -> _Look:
    key = f"{KEYS.table}/{state.path}"
    try:
        body = lake.get(key)
    except Missing:
        return _Look(bytes=[Finding(key, "is not there", _same_bytes(year))])
    sha256 = hashlib.sha256(body).hexdigest()
    if sha256 not in state.path:
        return _Look(bytes=[Finding(key, f"has another sha256, {sha256}", _same_bytes(year))])
    look = _Look(size=len(body))
    if sha256 != state.sha256:
        look.bytes.append(
            Finding(key, f"has the sha256 {state.sha256} in the receipt", "restore the log entry")
        )
    try:
        facts = facts_of(body)
        rows = pq.ParquetFile(pa.BufferReader(body)).read()
    except UNREADABLE as error:
        look.content.append(Finding(key, f"cannot be read ({in_one_line(error)})", RESTORE))
        return look
    look.readable = True
    look.columns = [Finding(key, what, REPORT) for what in facts["unlike"]]
    if look.columns:
        return look
    look.whole = True
    look.keys = rows[KEY]
    compared = [("rows", state.rows, rows.num_rows), ("content", state.content, content_hash(rows))]
    if state.nulls is not None:  # receipts of before the audit did not count them
        compared.append(("nulls", state.nulls, facts["nulls"]))
    look.content = [
        Finding(key, f"{name} {unequal(told, found)}", REPORT)
        for name, told, found in compared
        if told != found
    ]
    days = facts["ranges"].get(DATE, [])
    if {date.fromisoformat(day).year for day in days} != {year}:
        look.dates.append(Finding(key, f"has dates from {' to '.join(days)}", REPORT))
    return look


def _same_bytes(year: int) -> str:
    return f"{RESTORE}; {KEYS.year(year)} is one, if it is sound"


def _named(head: Head, states: dict[int, YearState]) -> list[Finding]:
    told = {str(year): (state.path, state.rows) for year, state in states.items()}
    named = {year: (file.path, file.rows) for year, file in head.files.items()}
    return [
        Finding(
            f"{KEYS.table}, {year},",
            unequal(
                *(
                    f"{its[year][0]} ({its[year][1]:,} rows)" if year in its else "without a file"
                    for its in (told, named)
                )
            ),
            "something else than this project wrote to the table; restore the version before that",
        )
        for year in sorted({*told, *named})
        if told.get(year) != named.get(year)
    ]


def _repeated(keys: pa.ChunkedArray) -> list[Finding]:
    return [
        Finding(row["values"].as_py(), f"is there {row['counts']} times", REPORT)
        for counts in key_counts(keys)
        for row in counts.filter(pc.greater(counts.field("counts"), 1))
    ]


def _counts(version: Version) -> Iterator[Finding]:
    counts = version.receipt["counts"]
    rows = sum(state.rows for state in year_states(version.receipt).values())
    sums = {
        "landed": ["accepted", "quarantined"],
        "rows": ["published", "edited", "unchanged", "kept"],
    }
    for name, parts in sums.items():
        if all(part in counts for part in parts):  # older receipts have fewer
            total = sum(counts[part] for part in parts)
            if counts[name] != total:
                what = f"version {version.number}: {name}"
                told = unequal(f"{' + '.join(parts)} = {total:,}", f"{counts[name]:,}")
                yield Finding(what, told, REPORT)
    if counts["rows"] != rows:
        told = unequal(f"the {rows:,} of its years", f"{counts['rows']:,}")
        yield Finding(f"version {version.number}: rows", told, REPORT)

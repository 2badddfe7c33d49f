"""Whether the ledger tells of every version, once, and leads from the baseline to the head."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.first.bucket import Missing, in_one_line
from include.first.keys import Keys
from include.first.lake import Head, Lake, LakeError
from include.first.ledger import (
    EDITED,
    EVENTS,
    PUBLISHED,
    REPUBLISHED,
    RETRACTED,
    YEAR,
    LedgerBroken,
    match,
    replay,
)
from include.vehicle_recalls.commands.findings import (
    PROJECT,
    RESTORE,
    UNREADABLE,
    Finding,
    Proof,
    unequal,
)
from include.vehicle_recalls.commands.versions import Version
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LEDGER_SCHEMA
from include.vehicle_recalls.state import YearState, year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
GONE = YearState("", "", "", 0, "", "")
COLUMNS = CONTRACT.business_columns
RESTORE_BOTH = "restore table and ledger from the same copy"
Receipts = Sequence[Mapping[str, Any]]


def prove_ledger(lake: Lake, head: Head, versions: Sequence[Version]) -> Iterator[Proof]:
    ledger = lake.head(KEYS.ledger)
    numbers = range(1, ledger.version + 1)
    entries = [r for r in lake.at_once(lambda n: lake.receipt(KEYS.ledger, n), numbers) if r]
    entries_differ = _entries(entries, versions)
    yield Proof("the ledger has each version once", f"{len(entries):,} entries", entries_differ)
    read = lake.at_once(lambda path: _events(lake, path), sorted(ledger.files))
    files_differ = [finding for _, findings in read for finding in findings]
    events = pa.concat_tables([LEDGER_SCHEMA.empty_table(), *(rows for rows, _ in read)])
    yield Proof(
        "the ledger's bytes hash to their names",
        f"{len(ledger.files):,} files, {events.num_rows:,} rows",
        files_differ,
    )
    if entries_differ or files_differ:
        aside = ("not looked at, because the ledger is not whole",)
        yield Proof("the ledger replays to the head", "nothing", [], aside)
        return
    yield Proof(
        "the ledger counts what the receipts count",
        f"{len(entries):,} versions",
        [f for version, told in zip(versions, entries, strict=True) for f in _counts(version, told)]
        + _rows_counted(entries, events),
    )
    baseline = next((v for v in versions if v.number == head.receipt["baseline"]), None)
    if baseline is None:
        aside = ("there was no read of all years yet, from which it begins",)
        yield Proof("the ledger replays to the head", "nothing", [], aside)
        return
    events = events.filter(pc.greater(events["version"], baseline.number))
    yield Proof(
        "the ledger replays to the head",
        f"{events.num_rows:,} rows from version {baseline.number} to {head.receipt_version}",
        _replayed(lake, baseline, head, events),
    )


def _entries(entries: Receipts, versions: Sequence[Version]) -> list[Finding]:
    told = [(entry["version"], entry["token"]) for entry in entries]
    due = [(version.number, version.receipt["token"]) for version in versions]
    if told == due:
        return []
    upto = max((number for number, _ in told), default=-1)
    again = [number for number, times in Counter(n for n, _ in told).items() if times > 1]
    return [
        *(
            Finding(
                f"version {number} (read {token})",
                "is not in the ledger",
                PROJECT if number > upto else RESTORE_BOTH,
            )
            for number, token in due
            if (number, token) not in told
        ),
        *(
            Finding(f"{KEYS.ledger} tells of version {number} (read {token})", what, RESTORE_BOTH)
            for number, token in told
            if (what := _stray(number, token, due, again))
        ),
    ] or [Finding(KEYS.ledger, "has the versions in another order", RESTORE_BOTH)]


def _stray(number: int, token: str, due: list[tuple[int, str]], again: list[int]) -> str:
    if number in again:
        return "more than once"
    return "" if (number, token) in due else "which the table does not have"


def _events(lake: Lake, path: str) -> tuple[pa.Table, list[Finding]]:
    key = f"{KEYS.ledger}/{path}"
    nothing = LEDGER_SCHEMA.empty_table()
    try:
        body = lake.get(key)
    except Missing:
        return nothing, [Finding(key, "is not there", RESTORE)]
    sha256 = hashlib.sha256(body).hexdigest()
    if sha256 not in path:
        return nothing, [Finding(key, f"has another sha256, {sha256}", RESTORE)]
    try:
        return pq.ParquetFile(pa.BufferReader(body)).read().cast(LEDGER_SCHEMA), []
    except UNREADABLE as error:
        return nothing, [Finding(key, f"cannot be read ({in_one_line(error)})", RESTORE_BOTH)]


def _counts(version: Version, told: Mapping[str, Any]) -> Iterator[Finding]:
    counts, campaigns = version.receipt["counts"], told["campaigns"]
    is_news = version.receipt["baseline"] not in {None, version.number}
    found = {name: campaigns[name] for name in (PUBLISHED, EDITED, RETRACTED)}
    found[PUBLISHED] += campaigns[REPUBLISHED]
    due = {name: counts.get(name) if is_news else 0 for name in found}
    for name, count in found.items():
        if due[name] not in {None, count}:  # older receipts did not count them
            what = f"version {version.number}: campaigns {name}"
            yield Finding(what, unequal(f"{due[name]:,}", f"{count:,}"), RESTORE_BOTH)


def _rows_counted(entries: Receipts, events: pa.Table) -> list[Finding]:
    """The ledger's rows are those of which its own entries tell."""
    by = ["version", "event"]
    counted = events.group_by(by).aggregate([("nhtsa_id", "count_distinct")]).to_pylist()
    found = {(row["version"], row["event"]): row["nhtsa_id_count_distinct"] for row in counted}
    told = {(e["version"], event): e["campaigns"][event] for e in entries for event in EVENTS}
    return [
        Finding(
            f"version {at[0]}: rows of campaigns {at[1]}",
            unequal(f"of {told.get(at, 0):,}", f"of {found.get(at, 0):,}"),
            RESTORE,
        )
        for at in sorted({*found, *told})
        if found.get(at, 0) != told.get(at, 0)
    ]


def _replayed(lake: Lake, baseline: Version, head: Head, events: pa.Table) -> list[Finding]:
    """Year by year for what the ledger never touched; the rest as the events leave it."""
    before, now = year_states(baseline.receipt), year_states(head.receipt)
    touched = events[KEY].combine_chunks().unique()
    start, end, differ = [], [], []
    for year in sorted({*before, *now}):
        old_state, new_state = ({y: s for y, s in of.items() if y == year} for of in (before, now))
        try:
            old = read_years(lake, old_state, COLUMNS)
            same = before.get(year, GONE).path == now.get(year, GONE).path
            new = old if same else read_years(lake, new_state, COLUMNS)
        except LakeError as error:
            what = f"{year} in version {baseline.number} or the head"
            return [Finding(what, f"cannot be read ({error})", RESTORE)]
        was, has = (pc.is_in(rows[KEY], value_set=touched) for rows in (old, new))
        start.append(old.filter(was))
        end.append(new.filter(has))
        differ += _differences(old.filter(pc.invert(was)), new.filter(pc.invert(has)))
    if not start:
        return differ
    try:
        again = replay(CONTRACT, pa.concat_tables(start), events)
    except LedgerBroken as broken:
        return [*differ, Finding(KEYS.ledger, f"breaks off ({broken})", RESTORE)]
    return differ + _differences(again, pa.concat_tables(end))


def _differences(replayed: pa.Table, table: pa.Table) -> list[Finding]:
    if replayed.equals(table):
        return []
    replayed, table = replayed.combine_chunks(), table.combine_chunks()
    found = match(CONTRACT, replayed, table)
    both = table.filter(pc.is_in(table[KEY], value_set=replayed[KEY].combine_chunks()))
    years = replayed[YEAR].take(pc.index_in(both[KEY], value_set=replayed[KEY].combine_chunks()))
    moved = both.filter(pc.not_equal(years, both[YEAR]))
    return [
        *(Finding(key, "should not be in the table", RESTORE_BOTH) for key in _keys(found.fresh)),
        *(Finding(key, "should be in the table", RESTORE_BOTH) for key in _keys(found.gone)),
        *(Finding(key, "should be in another year", RESTORE_BOTH) for key in _keys(moved)),
        *(
            Finding(
                f"{row[KEY]}, {row['field']},",
                unequal(repr(row["old"]), repr(row["new"])),
                RESTORE_BOTH,
            )
            for row in found.edits.to_pylist()
        ),
    ]


def _keys(rows: pa.Table) -> list[str]:
    keys: list[str] = rows[KEY].to_pylist()
    return keys

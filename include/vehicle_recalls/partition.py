"""From landed pages to typed rows by year: only the years that differ from the head are staged."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.vehicle_recalls.accept import accept
from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.extract import Landed, PageRef, Read
from include.vehicle_recalls.years import (
    KEPT,
    NOTHING,
    STAGED_SCHEMA,
    content_hash,
    flagged,
    split_by_year,
)

KEYS = Keys(CONTRACT.name)
WHO = [
    CONTRACT.key,
    DATE,
    KEPT,
]  # what publish needs of each changed year, and of rows kept in the others


class StagedYear(TypedDict):
    content: str  # hash of the business columns
    rows: int
    kept: int
    base: str | None  # sha256 of the head's file this year was compared with


class Staged(TypedDict):
    """One batch, typed: the changed years lie under `rows_key`, a record batch for each."""

    read: Read
    label: str
    folder: str  # in `raw/`, under the token
    landed: int  # rows in the pages
    accepted: int
    kept: int
    quarantined: int
    last_modified: str
    answered_at: str
    new_columns: list[str]
    pages: list[PageRef]
    rows_key: str | None
    keys_key: str | None
    quarantine_key: str | None
    years: dict[str, StagedYear]  # every year of the batch; rows 0 when it has none
    changed: list[int]  # of a replay: all


def partition(lake: Lake, landed: Landed) -> Staged:
    read = landed["read"]
    head = lake.head(KEYS.table)
    sound, quarantine = accept(lake, landed)
    accepted = flagged(sound, kept=False)
    years = _years_of(read, landed)
    kept = kept_rows(lake, head, years, accepted, quarantine, full=not read["years"])
    by_year = split_by_year(pa.concat_tables([accepted, kept]))
    rows_accepted = accepted.num_rows
    del sound, accepted  # their sorted copies are in `by_year`: a large year fits in memory once
    known = head.receipt.get("years", {})
    staged, changed = {}, []
    for year in sorted({*years, *by_year}):
        rows = by_year.get(year, STAGED_SCHEMA.empty_table())
        before = known.get(str(year))
        staged[str(year)] = StagedYear(
            content=content_hash(rows),
            rows=rows.num_rows,
            kept=pc.sum(rows[KEPT]).as_py() or 0,
            base=before["sha256"] if before else None,
        )
        # A replay makes every file anew, to be held against the one of the first time.
        differs = staged[str(year)]["content"] != (before["content"] if before else NOTHING)
        if differs or read["replay_of"]:
            changed.append(year)
    name = landed["folder"]
    changed_rows = [by_year[year] for year in changed if year in by_year]
    kept_in_same = [r.filter(r[KEPT]) for y, r in by_year.items() if y not in changed]
    who = [rows.select(WHO) for rows in [*changed_rows, *kept_in_same] if rows.num_rows]
    return Staged(
        read=read,
        label=landed["batch"]["label"],
        folder=landed["folder"],
        landed=sum(page["rows"] for page in landed["pages"]),
        accepted=rows_accepted,
        kept=kept.num_rows,
        quarantined=quarantine.num_rows,
        last_modified=landed["last_modified"],
        answered_at=landed["answered_at"],
        new_columns=landed["new_columns"],
        pages=landed["pages"],
        rows_key=_put_ipc(lake, read, f"{name}.arrow", changed_rows),
        keys_key=_put_ipc(lake, read, f"{name}-keys.arrow", who),
        quarantine_key=_put_ipc(
            lake, read, f"{name}-quarantine.arrow", [quarantine] if quarantine.num_rows else []
        ),
        years=staged,
        changed=changed,
    )


def _years_of(read: Read, landed: Landed) -> list[int]:
    first, last = landed["batch"]["first"], landed["batch"]["last"]
    return [
        year
        for year in read["years"] or read["known_years"]
        if (first is None or year >= first) and (last is None or year <= last)
    ]


def kept_rows(
    lake: Lake,
    head: Head,
    years: list[int],
    accepted: pa.Table,
    quarantine: pa.Table,
    *,
    full: bool,
) -> pa.Table:
    """The head's rows that stay because this read has no sound row to put in their place.

    A row in quarantine keeps its last published state. A read of some years only cannot tell a
    retraction from a move to a year it did not read, so there every row stays.
    """
    held_back = quarantine["nhtsa_id"].drop_null()
    full = full and not quarantine["nhtsa_id"].null_count  # whose row that is, nobody knows
    if full and not len(held_back):
        return STAGED_SCHEMA.empty_table()
    kept = [STAGED_SCHEMA.empty_table()]
    for rows in lake.at_once(
        lambda file: lake.read_parquet(f"{KEYS.table}/{file.path}"),
        [head.files[str(year)] for year in years if str(year) in head.files],
    ):
        stays = pc.invert(pc.is_in(rows[CONTRACT.key], accepted[CONTRACT.key].combine_chunks()))
        if full:
            stays = pc.and_(stays, pc.is_in(rows[CONTRACT.key], held_back.combine_chunks()))
        kept.append(flagged(rows.filter(stays), kept=True))
    return pa.concat_tables(kept)


def _put_ipc(lake: Lake, read: Read, name: str, tables: list[pa.Table]) -> str | None:
    """Hand tables of one schema over to the next task, a record batch for each."""
    if not tables:
        return None
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, tables[0].schema, options=options) as writer:
        for table in tables:
            writer.write_batch(table.combine_chunks().to_batches()[0])
    key = KEYS.staging(read["token"], name)
    lake.put(key, sink.getvalue().to_pybytes())
    return key


def read_ipc(lake: Lake, key: str) -> list[pa.Table]:
    with pa.ipc.open_stream(pa.BufferReader(lake.get(key))) as reader:
        return [pa.Table.from_batches([batch]) for batch in reader]

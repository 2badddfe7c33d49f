"""What the next version is: one rule, as a function of the current version and what was landed.

    the rows that this read brought and that are valid, once each
    + the current rows whose keys it did not bring validly and which it may not retract

It may not retract: the quarantined keys (every key, if a quarantined row has none), and every row
that the read does not cover. Partitions that the current version has from a later read are pinned:
they stay, their keys win, and the read then retracts nothing that it might have missed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.tables import concat, from_ipc, is_in, not_in
from include.data.validate import QUARANTINE
from include.lake.parts import NextKeys, current_keys, next_parts
from include.lake.reads import NEVER, Moment, Read, is_later
from include.lake.staging import KEYS_SCHEMA, Part, StagedBatch, staged_rows
from include.lake.store import Store
from include.lake.table import Version


@dataclass(frozen=True)
class Plan:
    """What a read makes of the current version."""

    dataset: Dataset
    current: Version
    read: Read
    batches: Sequence[StagedBatch]
    parts: dict[str, Part]
    changed: list[str]  # partitions whose file is another one, or that are gone
    quarantine: pa.Table
    valid: int
    carried_over: int
    distinct_keys: int  # of the partitions that were planned
    planned_rows: int  # rows of these
    outdated: list[str]  # partitions of the read that are known from a later one

    @property
    def landed(self) -> int:
        return sum(batch["landed"] for batch in self.batches)

    @property
    def moment(self) -> Moment:
        """From the begin of the first batch to the end of the last."""
        moments = [batch["moment"] for batch in self.batches]
        return Moment(
            began_at=min(moment["began_at"] for moment in moments),
            answered_at=max(moment["answered_at"] for moment in moments),
            modified_at=max(moment["modified_at"] for moment in moments),
        )


def plan_for(
    store: Store, dataset: Dataset, current: Version, read: Read, batches: Sequence[StagedBatch]
) -> Plan:
    batch_of = {name: batch for batch in batches for name in batch["parts"]}
    pinned = _pinned(current, batches, batch_of)
    is_full = read["covers"] == {}
    touched = {*batch_of, *(current.parts if is_full else ())} - pinned
    quarantine, valid = _quarantine(store, dataset, batches, batch_of)
    keys, moved_from = _next_keys(store, dataset, current, read, valid, quarantine, pinned, touched)
    planned = next_parts(
        store, dataset, current, read["read_id"], touched | moved_from, batch_of, keys
    )
    stay = {n: part for n, part in current.parts.items() if n not in touched | moved_from}
    parts = dict(sorted((stay | planned).items()))
    names = sorted({*current.parts, *parts})
    return Plan(
        dataset=dataset,
        current=current,
        read=read,
        batches=batches,
        parts=parts,
        changed=[n for n in names if _path(current.parts, n) != _path(parts, n)],
        quarantine=quarantine,
        valid=valid.num_rows,
        carried_over=keys.carried.num_rows,
        distinct_keys=pc.count_distinct(concat(keys)["key"]).as_py(),
        planned_rows=sum(part["rows"] for part in planned.values()),
        outdated=sorted(pinned & batch_of.keys()),
    )


def _path(parts: Mapping[str, Part], name: str) -> str:
    return parts[name]["path"] if name in parts else ""


def _pinned(
    current: Version, batches: Sequence[StagedBatch], batch_of: Mapping[str, StagedBatch]
) -> set[str]:
    latest = max((batch["moment"] for batch in batches), key=lambda m: m["answered_at"])
    full = current.receipt.get("full_read") or NEVER  # which also knew what was not there
    pinned = {
        name
        for name, part in current.parts.items()
        if is_later(part["moment"], batch_of[name]["moment"] if name in batch_of else latest)
    }
    return pinned | {
        name
        for name, batch in batch_of.items()
        if name not in current.parts
        and batch["parts"][name]["rows"]
        and is_later(full, batch["moment"])
    }


def _quarantine(
    store: Store,
    dataset: Dataset,
    batches: Sequence[StagedBatch],
    batch_of: Mapping[str, StagedBatch],
) -> tuple[pa.Table, pa.Table]:
    """The quarantined rows, and the keys of valid ones; a key of several batches is not valid."""
    brought = concat(from_ipc(store.get(batch["keys_key"]))[0] for batch in batches)
    keys_of = [batch["quarantine_key"] for batch in batches if batch["quarantine_key"]]
    quarantine = concat(
        [QUARANTINE.empty_table(), *(from_ipc(store.get(key))[0] for key in keys_of)]
    )
    quarantined = quarantine["key"].unique().drop_null()
    came = pa.chunked_array([*brought["key"].chunks, quarantined], pa.string())
    if pc.count_distinct(came).as_py() == len(came):  # in half the memory of their counts
        return quarantine, brought
    counts = came.value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    is_repeated = is_in(brought["key"], repeated)
    rows = concat(
        staged_rows(store, dataset, batch_of[name], name)
        for name in brought.filter(is_repeated)["partition"].unique().to_pylist()
    )
    rows = rows.filter(is_in(dataset.keys(rows), repeated))
    more = [
        {
            "key": key,
            "reasons": f"{dataset.key}: {key} comes in more than one batch",
            "raw": json.dumps(row, default=str),
        }
        for key, row in zip(dataset.keys(rows).to_pylist(), rows.to_pylist(), strict=True)
    ]
    quarantine = concat([quarantine, pa.Table.from_pylist(more, schema=QUARANTINE)])
    return quarantine, brought.filter(pc.invert(is_repeated))


def _next_keys(
    store: Store,
    dataset: Dataset,
    current: Version,
    read: Read,
    valid: pa.Table,
    quarantine: pa.Table,
    pinned: set[str],
    touched: set[str],
) -> tuple[NextKeys, set[str]]:
    """The keys of the next version, and the other partitions that rows move away from."""
    covers = read["covers"]
    if covers == {} and not quarantine.num_rows and not pinned:
        return NextKeys(valid, KEYS_SCHEMA.empty_table()), set()
    if quarantine["key"].null_count or (pinned and dataset.keys_move):
        covers = None
    consulted = set(current.parts) if dataset.keys_move else touched & set(current.parts)
    old = current_keys(store, dataset, current, sorted(consulted), covers)
    theirs = old.filter(is_in(old["partition"], pinned))
    new = valid.filter(not_in(valid["partition"], pinned))
    new = new.filter(not_in(new["key"], theirs["key"]))
    is_new = is_in(old["key"], new["key"])
    moves = pc.and_(is_new, not_in(old["partition"], touched | pinned))
    moved_from = set(old.filter(moves)["partition"].unique().to_pylist())
    may_go = pc.and_(old["covered"], not_in(old["key"], quarantine["key"]))
    stays = pc.and_(is_in(old["partition"], touched), pc.invert(may_go))
    stays = pc.or_(stays, is_in(old["partition"], moved_from))
    carried = old.filter(pc.and_(stays, pc.invert(is_new))).select(KEYS_SCHEMA.names)
    return NextKeys(new, carried), moved_from

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
from include.lake.parts import KeySets, current_keys, next_part
from include.lake.reads import NEVER, Read, is_later
from include.lake.staging import KEYS_SCHEMA, Part, StagedBatch, staged_rows
from include.lake.store import Store
from include.lake.table import Version


@dataclass(frozen=True)
class Plan:
    """What a read makes of the current version."""

    current: Version
    parts: dict[str, Part]
    changed: list[str]  # partitions whose file is another one, or that are gone
    quarantine: pa.Table
    landed: int
    valid: int
    carried_over: int
    distinct_keys: int  # of the partitions that were planned
    planned_rows: int  # rows of these
    outdated: list[str]  # partitions of the read that are known from a later one


def plan_for(
    store: Store, dataset: Dataset, current: Version, read: Read, batches: Sequence[StagedBatch]
) -> Plan:
    batch_of = {name: batch for batch in batches for name in batch["parts"]}
    pinned = _pinned(current, batches, batch_of)
    brought = concat(from_ipc(store.get(b["keys_key"]))[0] for b in batches)
    quarantine, repeated = _quarantine(store, dataset, batches, brought, batch_of)
    valid = brought.filter(not_in(brought["key"], repeated)) if len(repeated) else brought
    touched = _touched(current, read, batch_of) - pinned
    keys, moved_from = _carry_over(
        store,
        dataset,
        current,
        read,
        KeySets(brought, valid, KEYS_SCHEMA.empty_table()),
        quarantine,
        pinned,
        touched,
    )
    parts, counts = dict(current.parts), keys.counts()
    for name in sorted(touched | moved_from):
        batch = batch_of.get(name)
        part = next_part(store, dataset, current, read, keys, counts[name], name, batch)
        parts.pop(name, None)
        if part["rows"]:
            parts[name] = part
    names = sorted({*current.parts, *parts})
    was = {name: part["path"] for name, part in current.parts.items()}
    now = {name: part["path"] for name, part in parts.items()}
    return Plan(
        current=current,
        parts={name: parts[name] for name in names if name in parts},
        changed=[name for name in names if was.get(name) != now.get(name)],
        quarantine=quarantine,
        landed=sum(batch["landed"] for batch in batches),
        valid=valid.num_rows,
        carried_over=keys.carried.num_rows,
        distinct_keys=pc.count_distinct(
            pa.chunked_array([*keys.valid["key"].chunks, *keys.carried["key"].chunks], pa.string())
        ).as_py(),
        planned_rows=sum(parts[n]["rows"] for n in touched | moved_from if n in parts),
        outdated=sorted(pinned & batch_of.keys()),
    )


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


def _touched(current: Version, read: Read, batch_of: Mapping[str, StagedBatch]) -> set[str]:
    """The partitions whose rows this read may change by itself."""
    is_full = read["covers"] == {}
    return set(batch_of) | (set(current.parts) if is_full else set())


def _quarantine(
    store: Store,
    dataset: Dataset,
    batches: Sequence[StagedBatch],
    brought: pa.Table,
    batch_of: Mapping[str, StagedBatch],
) -> tuple[pa.Table, pa.ChunkedArray]:
    """The quarantined rows of all batches, and keys that are valid in one but came in several."""
    keys_of = [b["quarantine_key"] for b in batches if b["quarantine_key"]]
    quarantine = concat(
        [QUARANTINE.empty_table(), *(from_ipc(store.get(key))[0] for key in keys_of)]
    )
    quarantined = quarantine["key"].unique().drop_null()
    came = pa.chunked_array([*brought["key"].chunks, quarantined], pa.string())
    if pc.count_distinct(came).as_py() == len(came):  # in half the memory of their counts
        return quarantine, came.slice(len(came))
    counts = came.value_counts()
    many = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    repeated = pa.chunked_array([many])
    found = brought.filter(is_in(brought["key"], repeated))
    rows = concat(
        staged_rows(store, dataset, batch_of[name], name)
        for name in found["partition"].unique().to_pylist()
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
    return concat([quarantine, pa.Table.from_pylist(more, schema=QUARANTINE)]), repeated


def _carry_over(
    store: Store,
    dataset: Dataset,
    current: Version,
    read: Read,
    keys: KeySets,
    quarantine: pa.Table,
    pinned: set[str],
    touched: set[str],
) -> tuple[KeySets, set[str]]:
    """Decide which current rows stay, and from which other partitions rows move away."""
    covers = None if pinned and dataset.keys_move else read["covers"]
    if quarantine["key"].null_count:
        covers = None
    valid = keys.valid
    if pinned:
        valid = valid.filter(not_in(valid["partition"], pinned))
    if not current.parts or (covers == {} and not quarantine.num_rows and not pinned):
        return KeySets(keys.brought, valid, keys.carried), set()
    consulted = set(current.parts) if dataset.keys_move else touched & set(current.parts)
    old, covered = current_keys(store, dataset, current, sorted(consulted), covers)
    theirs = old.filter(is_in(old["partition"], pinned))
    valid = valid.filter(not_in(valid["key"], theirs["key"]))
    is_valid = is_in(old["key"], valid["key"])
    is_carried = pc.or_(pc.invert(covered), is_in(old["key"], quarantine["key"]))
    in_touched = is_in(old["partition"], touched)
    carried = old.filter(pc.and_(in_touched, pc.and_(pc.invert(is_valid), is_carried)))
    elsewhere = pc.and_(is_valid, not_in(old["partition"], touched | pinned))
    moved_from = set(old.filter(elsewhere)["partition"].unique().to_pylist())
    rest = old.filter(pc.and_(is_in(old["partition"], moved_from), pc.invert(is_valid)))
    return KeySets(keys.brought, valid, concat([carried, rest])), moved_from

"""The ledger: what changed from one version of a table to the next, one row a changed field.

Two versions are matched by key; what differs becomes events; and events put onto the older
version, one after the other, give the newer one again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.errors import PermanentError
from include.first.contract import TIMESTAMP, Contract

PUBLISHED, EDITED, RETRACTED, REPUBLISHED = "published", "edited", "retracted", "republished"
EVENTS = (PUBLISHED, EDITED, RETRACTED, REPUBLISHED)
YEAR = "year"


def _field(name: str, kind: pa.DataType, sentence: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"comment": sentence})


def ledger_schema(contract: Contract, key_sentence: str, year_sentence: str = "") -> pa.Schema:
    """The columns of a contract's ledger; a table without years has none of the year."""
    of_key = contract.schema.field(contract.key).type
    return pa.schema(
        [
            _field("version", pa.int64(), "The version of the table that brought the change."),
            _field("observed_at", TIMESTAMP, "When the source was read, by its own clock."),
            _field(contract.key, of_key, key_sentence),
            *([_field(YEAR, pa.int32(), year_sentence)] if year_sentence else []),
            _field(
                "event",
                pa.string(),
                "published, edited, retracted, or republished: published again after a retraction.",
            ),
            _field(
                "field",
                pa.string(),
                "The column that changed; of an edit only these have a row.",
            ),
            _field(
                "old",
                pa.string(),
                "The value before, as text; null: there was none.",
                nullable=True,
            ),
            _field(
                "new", pa.string(), "The value now, as text; null: there is none.", nullable=True
            ),
        ]
    )


class LedgerBroken(PermanentError):
    """The ledger does not tell how one version became the other."""


class Matched(NamedTuple):
    """Rows of two versions brought together by key."""

    edits: pa.Table  # key, year if it has one, field, old, new
    edited: pa.Array  # keys
    same: pa.Array  # keys
    gone: pa.Table  # rows of the older version that the newer has not
    fresh: pa.Table  # rows of the newer version that the older has not


def as_text(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Values as text that can be read back; a null stays a null, an empty text an empty text."""
    texts = values.cast(pa.string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def from_text(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    return texts.cast(kind)


def match(contract: Contract, old: pa.Table, new: pa.Table) -> Matched:
    """Both tables have the business columns, and both a year or none; a key is unique in each."""
    key = contract.key
    at = pc.index_in(new[key].combine_chunks(), value_set=old[key].combine_chunks())
    old_both, new_both = old.take(at.drop_null()), new.filter(at.is_valid())
    keys = new_both[key].combine_chunks()
    differs_anywhere = np.zeros(len(keys), bool)
    parts = []
    for name in contract.business_columns:
        before, after = as_text(old_both[name]), as_text(new_both[name])
        differs = _differs(before, after)
        differs_anywhere |= differs.to_numpy(zero_copy_only=False)
        at_field = pa.array(np.flatnonzero(differs))
        parts.append(
            _events(new_both.take(at_field), key, name, before.take(at_field), after.take(at_field))
        )
    left = pc.is_in(old[key].combine_chunks(), value_set=new[key].combine_chunks())
    return Matched(
        edits=pa.concat_tables(parts),
        edited=keys.filter(pa.array(differs_anywhere)),
        same=keys.filter(pa.array(~differs_anywhere)),
        gone=old.filter(pc.invert(left)),
        fresh=new.filter(at.is_null()),
    )


def _differs(before: pa.Array, after: pa.Array) -> pa.Array:
    one_is_null = pc.xor(before.is_null(), after.is_null())
    return pc.or_(one_is_null, pc.not_equal(before, after).fill_null(False))


def whole(contract: Contract, rows: pa.Table, event: str) -> pa.Table:
    """A published or retracted row, as one event for each field that is not null."""
    parts = []
    for name in contract.business_columns:
        some = rows.filter(pc.is_valid(rows[name]))
        texts = as_text(some[name])
        nothing = pa.nulls(len(texts), pa.string())
        old, new = (texts, nothing) if event == RETRACTED else (nothing, texts)
        parts.append(_events(some, contract.key, name, old, new))
    return labelled(pa.concat_tables(parts), event)


def _events(rows: pa.Table, key: str, name: str, old: pa.Array, new: pa.Array) -> pa.Table:
    columns = {
        **{column: rows[column] for column in (key, *_year(rows))},
        "field": pa.array([name] * rows.num_rows, pa.string()),
        "old": old,
        "new": new,
    }
    return pa.table(columns)


def _year(rows: pa.Table) -> list[str]:
    return [YEAR] if YEAR in rows.schema.names else []


def labelled(events: pa.Table, event: str | pa.Array) -> pa.Table:
    if isinstance(event, str):
        event = pa.array([event] * events.num_rows, pa.string())
    return events.append_column("event", event)


def replay(contract: Contract, rows: pa.Table, events: pa.Table) -> pa.Table:
    """The rows (business columns, and year) after these events, which are in order of versions.

    Every step is checked: what is edited or retracted must be as the event says it was.
    """
    known = pc.and_(
        pc.is_in(events["field"], value_set=pa.array(contract.business_columns)),
        pc.is_in(events["event"], value_set=pa.array(EVENTS)),
    )
    for event in events.filter(pc.invert(known)).slice(length=1).to_pylist():
        raise _broken(event, contract.key, "or the event is one that nobody knows")
    key = contract.key
    touched = pc.is_in(rows[key], value_set=events[key].combine_chunks().unique())
    state = _state(contract, rows.filter(touched))
    retracted: set[Key] = set()
    for step in _steps(events, key):
        _apply(state, retracted, step, key)
    kept = rows.filter(pc.invert(touched)).select([*contract.business_columns, *_year(rows)])
    return pa.concat_tables([kept, _rows(state, kept.schema)])


Key = Any  # whatever the contract's key is
Fields = dict[str, Any]
Step = list[dict[str, Any]]


def _state(contract: Contract, rows: pa.Table) -> dict[Key, Fields]:
    texts = {name: as_text(rows[name]).to_pylist() for name in contract.business_columns}
    texts |= {name: rows[name].to_pylist() for name in _year(rows)}
    return {
        key: {name: values[at] for name, values in texts.items() if values[at] is not None}
        for at, key in enumerate(rows[contract.key].to_pylist())
    }


def _steps(events: pa.Table, key: str) -> Iterable[Step]:
    """The events of one version and one key together."""
    steps: dict[tuple[int, Key], Step] = {}
    for event in events.to_pylist():
        steps.setdefault((event["version"], event[key]), []).append(event)
    return (steps[at] for at in sorted(steps, key=lambda at: at[0]))


def _apply(state: dict[Key, Fields], retracted: set[Key], step: Step, of: str) -> None:
    key, kinds = step[0][of], {event["event"] for event in step}
    fields = state.get(key, {})
    if len({event["field"] for event in step}) != len(step) or len(kinds) != 1:
        raise _broken(step[0], of, "is told twice")
    for event in step:
        if fields.get(event["field"]) != event["old"]:
            was = f"was {fields.get(event['field'])!r}, not {event['old']!r}"
            raise _broken(event, of, was)
    (kind,) = kinds
    if (kind in {EDITED, RETRACTED}) != bool(fields):
        raise _broken(step[0], of, "is there already" if fields else "is not there")
    # What was retracted before these events began may return, too.
    if kind == PUBLISHED and key in retracted:
        raise _broken(step[0], of, "was retracted before")
    if kind == RETRACTED:
        had = len(fields.keys() - {YEAR})
        if len(step) != had:
            raise _broken(step[0], of, f"has {had} fields, of which {len(step)} are told")
        del state[key]
        retracted.add(key)
        return
    retracted.discard(key)
    after = fields | {event["field"]: event["new"] for event in step}
    if YEAR in step[0]:
        after[YEAR] = step[0][YEAR]
    state[key] = {name: value for name, value in after.items() if value is not None}


def _broken(event: dict[str, Any], key: str, what: str) -> LedgerBroken:
    return LedgerBroken(
        f"the ledger does not replay: in version {event['version']} {event[key]} is "
        f"{event['event']}, but its {event['field']} {what}; restore the ledger from a copy"
    )


def _rows(state: dict[Key, Fields], schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        values = [fields.get(field.name) for fields in state.values()]
        if field.name == YEAR:
            columns.append(pa.array(values, field.type))
        else:
            columns.append(from_text(pa.array(values, pa.string()), field.type))
    return pa.table(columns, schema=schema)

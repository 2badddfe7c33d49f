"""The ledger of recalls: what each version of the table changed, one row a field of a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from include.first.bucket import Missing
from include.first.keys import Keys
from include.first.lake import Lake
from include.first.ledger import ledger_schema
from include.first.ledger_writer import LEDGER, LedgerTorn, LedgerWriter
from include.vehicle_recalls.compare import compare
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import year_states

__all__ = [
    "LEDGER",
    "LEDGER_SCHEMA",
    "LedgerTorn",
    "bring_to_head",
    "ledger_state",
    "read_ledger",
    "refuse_other_history",
]

KEYS = Keys(CONTRACT.name)
LEDGER_SCHEMA = ledger_schema(
    CONTRACT,
    "The campaign that changed.",
    "Its report year: after the change, or before a retraction.",
)


def _changes(
    lake: Lake, before: Mapping[str, Any], after: Mapping[str, Any], version: int
) -> pa.Table:
    found = _staged(lake, after)
    return _compared(lake, before, after, version) if found is None else found


def _staged(lake: Lake, receipt: Mapping[str, Any]) -> pa.Table | None:
    """What publish found when it compared: it is as good as comparing again, while it is there."""
    staged = receipt.get("events")
    if not staged:
        return None
    try:
        body = lake.get(staged["key"])
    except Missing:
        return None
    if hashlib.sha256(body).hexdigest() != staged["sha256"]:
        return None
    return pa.ipc.open_stream(pa.BufferReader(body)).read_all()


def _compared(
    lake: Lake, before: Mapping[str, Any], after: Mapping[str, Any], version: int
) -> pa.Table:
    nothing_kept = pa.array([], pa.string())
    try:
        return compare(
            lake, year_states(before), year_states(after), nothing_kept, with_events=True
        ).events
    except Missing as error:
        raise LedgerTorn(
            f"the ledger cannot tell what version {version} changed: {error}. Restore the file "
            "from a copy; until then the ledger stays where it is, and skips nothing"
        ) from None


_WRITER = LedgerWriter(KEYS, CONTRACT.key, LEDGER_SCHEMA, "campaigns", _changes)
bring_to_head = _WRITER.bring_to_head
refuse_other_history = _WRITER.refuse_other_history
ledger_state = _WRITER.state
read_ledger = _WRITER.read

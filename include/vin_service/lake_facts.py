"""What the lake adds to a recall: how far repairs are, since when it is known, what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from include.data.diff import EDITED, PUBLISHED
from include.data.tables import is_in
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.store import Store, StoreError
from include.lake.table import Version, load_version, read_receipt

KEYS = Keys("vehicle_recalls")
KEY = "nhtsa_id"
NOW = [KEY, "completion_rate", "do_not_drive"]
LEDGER = [KEY, "version", "observed_at", "event", "field", "old", "new"]
REFRESH_S = 60.0


class Change(TypedDict):
    """A field that NHTSA edited, or the campaign's number if the recall came or went."""

    observed_at: str
    event: str
    field: str
    old: str | None
    new: str | None


class RecallInLake(TypedDict):
    """`first_seen` is when Headwaters first saw it; `at_baseline`: it was there from the start."""

    completion_rate: float | None
    do_not_drive: bool | None
    first_seen: str | None
    at_baseline: bool
    changes: list[Change]


class Found(NamedTuple):
    facts: dict[str, RecallInLake]  # of the recalls that the lake has, or had
    version: int | None  # None: nothing was published yet
    source: str


class _Known(NamedTuple):
    """The lake as of one look: some 50 bytes a recall and 200 an event."""

    table: Version
    ledger: Version
    rows: pa.Table
    events: pa.Table
    baseline: str | None  # when it was observed


class LakeFacts:
    """Use it from one thread."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._seen: _Known | StoreError | PermanentError | None = None
        self._look_at = clock()

    def of(self, ids: Sequence[str]) -> Found:
        if self._seen is None or self._clock() >= self._look_at:
            self._seen = self._look(self._seen)
            self._look_at = self._clock() + REFRESH_S
        if isinstance(self._seen, _Known):
            return _found(self._seen, ids)
        raise self._seen

    def _look(self, before: object) -> _Known | StoreError | PermanentError:
        """The lake now, or its failure: a lake that is down is left alone for a while."""
        try:
            table = load_version(self._store, KEYS.table)
            ledger = load_version(self._store, KEYS.ledger)
            if isinstance(before, _Known) and all(
                was.receipt.get("read_id") == now.receipt.get("read_id")
                for was, now in ((before.table, table), (before.ledger, ledger))
            ):
                return before
            # An edit, or the one event that says that a recall came or went as a whole.
            wanted = (pc.field("event") == EDITED) | (pc.field("field") == KEY)
            wanted &= pc.field("version") <= table.receipt_number
            events = _read(ledger, LEDGER, wanted).sort_by([("version", "ascending")])
            baseline = table.receipt.get("baseline")
            receipt = {} if baseline is None else read_receipt(self._store, KEYS.table, baseline)
            rows = _read(table, NOW)
            return _Known(table, ledger, rows, events, receipt.get("observed_at"))
        except (StoreError, PermanentError) as error:
            return error
        except (OSError, pa.ArrowException) as error:
            return StoreError(f"could not read {self._store.url(KEYS.table)}: {error}")


def _read(version: Version, columns: list[str], wanted: Any = None) -> pa.Table:
    if version.handle is None:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    return version.handle.to_pyarrow_dataset().to_table(columns=columns, filter=wanted)


def _found(known: _Known, ids: Sequence[str]) -> Found:
    rows, events = (table.filter(is_in(table[KEY], ids)).to_pylist() for table in known[2:4])
    now = {row[KEY]: row for row in rows}
    history: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        history.setdefault(event[KEY], []).append(event)
    facts = {
        key: _facts(now.get(key, {}), history.get(key, []), known.baseline)
        for key in ids
        if key in now or key in history
    }
    receipt = known.table.receipt
    version = known.table.receipt_number if receipt else None
    return Found(facts, version, receipt["source"]["publisher"] if receipt else "")


def _facts(row: dict[str, Any], events: list[dict[str, Any]], baseline: str | None) -> RecallInLake:
    changes = [
        Change(
            observed_at=_instant(event["observed_at"]),
            event=event["event"],
            field=event["field"],
            old=event["old"],
            new=event["new"],
        )
        for event in events
    ]
    came_later = bool(changes) and changes[0]["event"] == PUBLISHED
    first_seen = changes.pop(0)["observed_at"] if came_later else baseline
    return RecallInLake(
        completion_rate=row.get("completion_rate"),
        do_not_drive=row.get("do_not_drive"),
        first_seen=first_seen,
        at_baseline=not came_later and first_seen is not None,
        changes=changes,
    )


def _instant(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

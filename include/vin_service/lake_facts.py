"""What the lake adds to a recall: how far repairs are, since when it is known, what changed."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.diff import EDITED, PUBLISHED
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.store import Store, StoreError
from include.lake.table import Version, load_version, read_receipt
from include.vin_service.upstream import Clock

log = logging.getLogger("headwaters.vin")
KEYS = Keys("vehicle_recalls")
KEY = "nhtsa_id"
EVENT_COLUMNS = [KEY, "version", "observed_at", "event", "field", "old", "new"]
# An edit, or the one event that says that a recall came or went as a whole.
WANTED = (pc.field("event") == EDITED) | (pc.field("field") == KEY)
REFRESH_S = 60.0


class LakeFacts(NamedTuple):
    note: str  # the version, or why the lake adds nothing
    publisher: str = ""
    # As `RecallInLake`, by campaign: those that the lake has, or had; about 1 kB each.
    recalls: Mapping[str, dict[str, Any]] = {}
    read_ids: tuple[str | None, ...] = ()  # of the ledger and the table


UNREADABLE = LakeFacts("the lake could not be read")


class Lake:
    """Use it from one thread."""

    def __init__(self, store: Store, clock: Clock = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._look_at = clock()
        self._facts = UNREADABLE

    def facts(self) -> LakeFacts:
        """The lake as of at most a minute ago. A failure is remembered for a minute too."""
        if self._clock() >= self._look_at:
            try:
                self._facts = read_facts(self._store, self._facts)
            except (StoreError, PermanentError, OSError, pa.ArrowException) as error:
                log.warning("answered without the lake: %s", error)
                self._facts = UNREADABLE
            self._look_at = self._clock() + REFRESH_S
        return self._facts


def read_facts(store: Store, known: LakeFacts = UNREADABLE) -> LakeFacts:
    """The facts of the current version; those that are known, if no read came since."""
    ledger = load_version(store, KEYS.ledger)  # first, so that it is not ahead
    table = load_version(store, KEYS.table)
    read_ids = ledger.receipt.get("read_id"), table.receipt.get("read_id")
    if known.read_ids == read_ids:
        return known
    if not table.receipt:
        return LakeFacts("the lake has no recalls yet")
    publisher = table.receipt["source"]["publisher"]
    number = table.receipt["baseline"]  # the version with which the ledger begins
    began_at = None if number is None else read_receipt(store, KEYS.table, number)["observed_at"]
    recalls = _recalls(table, ledger, began_at)
    return LakeFacts(f"version {table.receipt_number}", publisher, recalls, read_ids)


def _recalls(table: Version, ledger: Version, began_at: str | None) -> dict[str, dict[str, Any]]:
    repairs = dict.fromkeys(("completion_rate", "do_not_drive"))
    now = table.handle.to_pyarrow_dataset().to_table(columns=[KEY, *repairs]).to_pylist()
    # A recall was there when the ledger began, unless the ledger says when it came.
    seen = {"first_seen": began_at, "at_baseline": began_at is not None}
    recalls = {row.pop(KEY): row | seen | {"changes": []} for row in now}
    if not ledger.exists:
        return recalls
    events = ledger.handle.to_pyarrow_dataset().to_table(columns=EVENT_COLUMNS, filter=WANTED)
    for event in events.sort_by("version").to_pylist():
        key, _ = event.pop(KEY), event.pop("version")
        event["observed_at"] = f"{event['observed_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        recall = recalls.setdefault(key, repairs | seen | {"changes": []})
        if event["event"] == PUBLISHED and not recall["changes"]:
            recall |= {"first_seen": event["observed_at"], "at_baseline": False}
        else:
            recall["changes"].append(event)
    return recalls

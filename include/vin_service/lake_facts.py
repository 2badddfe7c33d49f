"""What the lake adds to a recall: how far repairs are, since when it is known, what changed."""

import time
from collections.abc import Callable
from datetime import UTC
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from include.data.diff import EDITED, PUBLISHED
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.store import Store, StoreError
from include.lake.table import Version, load_version, read_receipt

KEYS = Keys("vehicle_recalls")
KEY = "nhtsa_id"
# An edit, or the one event that says that a recall came or went as a whole.
WANTED = (pc.field("event") == EDITED) | (pc.field("field") == KEY)
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


class RecallsInLake(NamedTuple):
    read_ids: tuple[str | None, ...]  # of the ledger and the table
    version: int | None  # None: nothing was published yet
    source: str
    recalls: dict[str, RecallInLake]  # those that the lake has, or had; about 1 kB each


class LakeFacts:
    """Use it from one thread."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._found: RecallsInLake | StoreError | PermanentError | None = None
        self._look_at = clock()

    def read(self) -> RecallsInLake:
        """The lake as of at most a minute ago. A failure is remembered for a minute too."""
        if self._found is None or self._clock() >= self._look_at:
            self._found = self._look()
            self._look_at = self._clock() + REFRESH_S
        if isinstance(self._found, RecallsInLake):
            return self._found
        raise self._found

    def _look(self) -> RecallsInLake | StoreError | PermanentError:
        try:
            ledger = load_version(self._store, KEYS.ledger)  # first, so that it is not ahead
            table = load_version(self._store, KEYS.table)
            read_ids = ledger.receipt.get("read_id"), table.receipt.get("read_id")
            if isinstance(self._found, RecallsInLake) and self._found.read_ids == read_ids:
                return self._found
            if not table.receipt:
                return RecallsInLake(read_ids, None, "", {})
            publisher = table.receipt["source"]["publisher"]
            recalls = _recalls(table, ledger, self._baseline(table))
            return RecallsInLake(read_ids, table.receipt_number, publisher, recalls)
        except (StoreError, PermanentError) as error:
            return error
        except (OSError, pa.ArrowException) as error:
            return StoreError(f"could not read {self._store.url(KEYS.table)}: {error}")

    def _baseline(self, table: Version) -> str | None:
        """When the version was observed with which the ledger begins."""
        number = table.receipt.get("baseline")
        receipt = {} if number is None else read_receipt(self._store, KEYS.table, number)
        return receipt.get("observed_at")


def _recalls(table: Version, ledger: Version, baseline: str | None) -> dict[str, RecallInLake]:
    now = {row[KEY]: row for row in _rows(table, [KEY, "completion_rate", "do_not_drive"])}
    changes: dict[str, list[Change]] = {key: [] for key in now}
    columns = [KEY, "version", "observed_at", "event", "field", "old", "new"]
    for event in _rows(ledger, columns, WANTED, sort_by="version"):
        key, _ = event.pop(KEY), event.pop("version")
        event["observed_at"] = f"{event['observed_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        changes.setdefault(key, []).append(event)
    return {key: _recall(now.get(key, {}), changes[key], baseline) for key in changes}


def _rows(
    version: Version, columns: list[str], wanted: Any = None, sort_by: str = KEY
) -> list[Any]:
    if not version.exists:
        return []
    dataset = version.handle.to_pyarrow_dataset()
    return list(dataset.to_table(columns=columns, filter=wanted).sort_by(sort_by).to_pylist())


def _recall(row: dict[str, Any], changes: list[Change], baseline: str | None) -> RecallInLake:
    came_later = bool(changes) and changes[0]["event"] == PUBLISHED
    first_seen = changes[0]["observed_at"] if came_later else baseline
    return RecallInLake(
        completion_rate=row.get("completion_rate"),
        do_not_drive=row.get("do_not_drive"),
        first_seen=first_seen,
        at_baseline=not came_later and first_seen is not None,
        changes=changes[came_later:],
    )

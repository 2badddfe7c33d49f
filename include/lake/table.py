"""A Delta table whose commits carry a receipt: load a version, read a receipt."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from include.lake.keys import LOG, sha256_of
from include.lake.store import Conflict, Damaged, Missing, Store, explained

if TYPE_CHECKING:  # imported where a table is opened: most tasks only need a receipt
    from deltalake import DeltaTable

LOG_ENTRY = re.compile(rf"/{LOG}/(\d{{20}})\.json$")


class DataFile(NamedTuple):
    """One Parquet file of a table; `stats` are values that all its rows share."""

    path: str
    partition: str
    rows: int
    size: int
    stats: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Version:
    """A table at one version; number -1 is a table that does not exist yet.

    `receipt` is the newest up to this version: maintenance commits of Delta carry none.
    """

    table: str
    store: Store
    number: int = -1
    receipt: Mapping[str, Any] = field(default_factory=dict)
    receipt_number: int = -1

    @property
    def exists(self) -> bool:
        return self.number >= 0

    @property
    def parts(self) -> Mapping[str, Any]:
        """The state of each partition: path, rows, content, ..."""
        return self.receipt.get("parts", {})  # type: ignore[no-any-return]

    @cached_property
    def handle(self) -> "DeltaTable":
        """Delta's own view of the version, which costs two requests for each log entry."""
        from deltalake import DeltaTable

        with explaining_table(self.store, "load the table", self.table):
            url = self.store.url(self.table)
            return DeltaTable(url, self.number, storage_options=self.store.options)

    def files(self) -> dict[str, DataFile]:
        """The files of the version by path, as Delta's log has them."""
        if not self.exists:
            return {}
        columns = self.handle.metadata().partition_columns
        actions = pa.table(self.handle.get_add_actions(flatten=True)).to_pylist()
        return {
            action["path"]: DataFile(
                action["path"],
                str(action[f"partition.{columns[0]}"]) if columns else "",
                action["num_records"],
                action["size_bytes"],
            )
            for action in actions
        }


def load_version(store: Store, table: str, number: int | None = None) -> Version:
    """The current version of a table, or an older one."""
    newest = _newest_number(store, table)
    found = newest if number is None else number
    if not 0 <= found <= newest:
        return Version(table, store)
    for candidate in range(found, -1, -1):
        if receipt := read_receipt(store, table, candidate):
            return Version(table, store, found, receipt, candidate)
    return Version(table, store, found)


def _newest_number(store: Store, table: str) -> int:
    """The number of the newest log entry; -1 without any."""
    keys = store.list(f"{table}/{LOG}", recursive=False)
    numbers = sorted(int(entry[1]) for key in keys if (entry := LOG_ENTRY.search(key)))
    if numbers and numbers[-1] - numbers[0] != len(numbers) - 1:
        raise _damaged_log(store, table)
    return numbers[-1] if numbers else -1


def read_receipt(store: Store, table: str, number: int) -> dict[str, Any]:
    """The receipt in one log entry; empty when the entry has none."""
    key = f"{table}/{LOG}/{number:020}.json"
    try:
        for action in [json.loads(line) for line in store.get(key).splitlines()]:
            if info := action.get("commitInfo"):
                return dict(json.loads(info.get("receipt", "{}")))
    except (ValueError, AttributeError, TypeError):
        raise Damaged(f"{store.url(key)} is damaged; restore it from a copy") from None
    return {}


def version_of_read(store: Store, current: Version, read_id: str, since: int) -> int | None:
    """The version after `since` that a read committed, if it did."""
    for number in range(current.number, since, -1):
        if read_receipt(store, current.table, number).get("read_id") == read_id:
            return number
    return None


def get_file(store: Store, key: str) -> bytes:
    """A file of a table or a ledger, refused when its bytes are not those that were written."""
    try:
        body = store.get(key)
    except Missing:
        raise Damaged(f"{store.url(key)} is missing; restore it from a copy") from None
    if hashlib.sha256(body).hexdigest() != sha256_of(key):
        raise Damaged(f"{store.url(key)} is damaged (its sha256 differs); restore it from a copy")
    return body


# What delta-rs says of a log entry that is missing or cut.
DAMAGED_LOG = ("found gap", "EOF while parsing", "Invalid JSON", "Json error")


@contextmanager
def explaining_table(store: Store, verb: str, table: str) -> Iterator[None]:
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

    where = store.url(table)
    try:
        yield
    except TableNotFoundError:
        raise Missing(f"{where} does not exist") from None
    except CommitFailedError:
        raise Conflict(f"another writer committed to {where} first") from None
    except (DeltaError, OSError, ValueError) as error:
        if any(phrase in str(error) for phrase in DAMAGED_LOG):
            raise _damaged_log(store, table) from None
        raise explained(verb, where, error) from None


def _damaged_log(store: Store, table: str) -> Damaged:
    return Damaged(f"the log of {store.url(table)} is damaged; restore it from a copy")

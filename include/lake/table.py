"""A Delta table whose commits carry a receipt: load a version, commit the next one."""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from include.lake.keys import LOG, sha256_of
from include.lake.store import Conflict, Damaged, Missing, Store, StoreError, explained

if TYPE_CHECKING:  # imported where a table is opened: most tasks only need a receipt
    from deltalake import DeltaTable

RETENTION_DAYS = 400  # how long a file that no version needs any more stays readable
LOG_ENTRY = re.compile(rf"/{LOG}/(\d{{20}})\.json$")
DAMAGED_LOG = ("found gap", "EOF while parsing", "Invalid JSON", "Json error")  # for delta-rs


class DataFile(NamedTuple):
    """One Parquet file of a table; `stats` are values that all its rows share."""

    path: str
    partition: str
    rows: int
    size: int
    stats: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Version:
    """A table at one version; number -1 is a table that does not exist yet."""

    table: str
    store: Store
    number: int = -1
    receipt: Mapping[str, Any] = field(default_factory=dict)  # the newest up to this version
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
    keys = store.list(f"{table}/{LOG}", recursive=False)
    entries = sorted(int(entry[1]) for key in keys if (entry := LOG_ENTRY.search(key)))
    newest = entries[-1] if entries else -1
    if entries and newest - entries[0] != len(entries) - 1:
        raise _damaged_log(store, table)
    found = newest if number is None else number
    if not 0 <= found <= newest:
        return Version(table, store)
    for candidate in range(found, -1, -1):
        if receipt := read_receipt(store, table, candidate):
            return Version(table, store, found, receipt, candidate)
    return Version(table, store, found)


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


def get_file(store: Store, key: str) -> bytes:
    """A file of a table or a ledger, refused when its bytes are not those that were written."""
    try:
        body = store.get(key)
    except Missing:
        raise Damaged(f"{store.url(key)} is missing; restore it from a copy") from None
    if hashlib.sha256(body).hexdigest() != sha256_of(key):
        raise Damaged(f"{store.url(key)} is damaged (its sha256 differs); restore it from a copy")
    return body


def create_table(
    store: Store, table: str, schema: pa.Schema, partition_by: str = "", indexed_columns: int = 0
) -> Version:
    """Make an empty table; when another writer made it first, that one is used."""
    from deltalake import CommitProperties, DeltaTable

    configuration = {
        "delta.enableExpiredLogCleanup": "false",  # receipts are kept forever
        "delta.deletedFileRetentionDuration": f"interval {RETENTION_DAYS} days",
        "delta.checkpointInterval": "10",
        "delta.dataSkippingNumIndexedCols": str(indexed_columns),
    }
    try:
        with explaining_table(store, "create the table", table):
            made = DeltaTable.create(
                store.url(table),
                schema=schema,
                partition_by=[partition_by] if partition_by else None,
                configuration=configuration,
                storage_options=store.options,
                commit_properties=CommitProperties(max_commit_retries=0),
            )
    except StoreError:
        found = load_version(store, table)
        if not found.exists:
            raise
        return found
    version = Version(table, store, made.version())
    vars(version)["handle"] = made  # loading it again costs three requests
    return version


def commit(
    base: Version,
    adds: Iterable[DataFile],
    removes: Iterable[DataFile],
    receipt: Mapping[str, Any],
) -> int:
    """Commit one atomic version on top of `base`; Conflict when another writer was first.

    The conditional put of the log entry is the lock, because delta-rs does not retry here.
    """
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.transaction import AddAction, RemoveAction

    columns = base.handle.metadata().partition_columns
    now_ms = int(time.time() * 1000)

    def fields(file: DataFile) -> dict[str, Any]:
        values = dict.fromkeys(columns, file.partition)
        return {"path": file.path, "size": file.size, "partition_values": values}

    actions: list[AddAction | RemoveAction] = [
        AddAction(**fields(file), modification_time=now_ms, data_change=True, stats=_stats(file))
        for file in adds
    ]
    actions += [
        RemoveAction(**fields(file), deletion_timestamp=now_ms, data_change=True)
        for file in removes
    ]
    with explaining_table(base.store, "commit to", base.table):
        base.handle.create_write_transaction(
            actions,
            mode="append",
            schema=base.handle.schema(),
            partition_by=columns,
            commit_properties=CommitProperties(
                custom_metadata={"receipt": json.dumps(receipt, sort_keys=True)},
                max_commit_retries=0,
            ),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )
    return base.number + 1


def _stats(file: DataFile) -> str:
    values = dict(file.stats)
    return json.dumps({"numRecords": file.rows, "minValues": values, "maxValues": values})


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

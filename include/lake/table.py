"""A Delta table whose commits carry a receipt: load a version, commit the next one."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from include.lake.store import Conflict, Damaged, Missing, Store, StoreError, explained

RETENTION_DAYS = 400  # how long a file that no version needs any more stays readable
CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",  # receipts are kept forever
    "delta.deletedFileRetentionDuration": f"interval {RETENTION_DAYS} days",
    "delta.checkpointInterval": "10",
}


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
    number: int = -1
    receipt: Mapping[str, Any] = field(default_factory=dict)
    receipt_number: int = -1
    handle: DeltaTable | None = None

    @property
    def parts(self) -> Mapping[str, Any]:
        """The state of each partition: path, rows, content, ..."""
        return self.receipt.get("parts", {})  # type: ignore[no-any-return]

    def files(self) -> dict[str, DataFile]:
        """The files of the version by path, as Delta's log has them."""
        if self.handle is None:
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
    if number is not None and number < 0:
        return Version(table)
    try:
        with _explaining(store, "load the table", table):
            handle = DeltaTable(store.url(table), number, storage_options=store.options)
    except Missing:
        return Version(table)
    found = handle.version()
    for candidate in range(found, -1, -1):
        if receipt := read_receipt(store, table, candidate):
            return Version(table, found, receipt, candidate, handle)
    return Version(table, found, handle=handle)


def read_receipt(store: Store, table: str, number: int) -> dict[str, Any]:
    """The receipt in one log entry; empty when the entry has none."""
    key = f"{table}/_delta_log/{number:020}.json"
    try:
        for line in store.get(key).splitlines():
            if info := json.loads(line).get("commitInfo"):
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


def create_table(
    store: Store, table: str, schema: pa.Schema, partition_by: str = "", indexed_columns: int = 0
) -> Version:
    """Make an empty table; when another writer made it first, that one is used."""
    configuration = {
        **CONFIGURATION,
        "delta.dataSkippingNumIndexedCols": str(indexed_columns),
    }
    try:
        with _explaining(store, "create the table", table):
            DeltaTable.create(
                store.url(table),
                schema=schema,
                partition_by=[partition_by] if partition_by else None,
                configuration=configuration,
                storage_options=store.options,
                commit_properties=CommitProperties(max_commit_retries=0),
            )
    except StoreError:
        if load_version(store, table).handle is None:
            raise
    return load_version(store, table)


def commit(
    store: Store,
    base: Version,
    adds: Iterable[DataFile],
    removes: Iterable[DataFile],
    receipt: Mapping[str, Any],
) -> int:
    """Commit one atomic version on top of `base`; Conflict when another writer was first.

    The conditional put of the log entry is the lock, because delta-rs does not retry here.
    """
    if base.handle is None:
        raise StoreError(f"{store.url(base.table)} does not exist; create it before a commit")
    columns, now_ms = base.handle.metadata().partition_columns, int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        AddAction(
            path=file.path,
            size=file.size,
            partition_values=dict.fromkeys(columns, file.partition),
            modification_time=now_ms,
            data_change=True,
            stats=json.dumps(_stats(file)),
        )
        for file in adds
    ]
    actions += [
        RemoveAction(
            path=file.path,
            data_change=True,
            deletion_timestamp=now_ms,
            size=file.size,
            partition_values=dict.fromkeys(columns, file.partition),
        )
        for file in removes
    ]
    with _explaining(store, "commit to", base.table):
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


def columns_that_differ(version: Version, schema: pa.Schema) -> list[str]:
    """Names of the columns that the table has differently; none when it does not exist."""
    if version.handle is None:
        return []
    stored, declared = (
        {(field.name, str(field.type)) for field in delta.fields}
        for delta in (version.handle.schema(), Schema.from_arrow(schema))
    )
    return sorted({name for name, _ in stored ^ declared})


def _stats(file: DataFile) -> dict[str, Any]:
    ranges = {"minValues": dict(file.stats), "maxValues": dict(file.stats)} if file.stats else {}
    return {"numRecords": file.rows, **ranges}


# What delta-rs says of a log entry that is missing or cut.
DAMAGED_LOG = ("found gap", "EOF while parsing", "Invalid JSON", "Json error")


@contextmanager
def _explaining(store: Store, verb: str, table: str) -> Iterator[None]:
    where = store.url(table)
    try:
        yield
    except TableNotFoundError:
        raise Missing(f"{where} does not exist") from None
    except CommitFailedError:
        raise Conflict(f"another writer committed to {where} first") from None
    except (DeltaError, OSError, ValueError) as error:
        if any(phrase in str(error) for phrase in DAMAGED_LOG):
            raise Damaged(f"the log of {where} is damaged; restore it from a copy") from None
        raise explained(verb, where, error) from None

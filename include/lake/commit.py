"""Make a Delta table, and commit its next version with a receipt, atomically."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from include.lake.store import Store, StoreError
from include.lake.table import DataFile, Version, explaining_table, load_version

RETENTION_DAYS = 400  # how long a file that no version needs any more stays readable
CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",  # receipts are kept forever
    "delta.deletedFileRetentionDuration": f"interval {RETENTION_DAYS} days",
    "delta.checkpointInterval": "10",
}


def create_table(
    store: Store, table: str, schema: pa.Schema, partition_by: str = "", indexed_columns: int = 0
) -> Version:
    """Make an empty table; when another writer made it first, that one is used."""
    from deltalake import CommitProperties, DeltaTable

    configuration = {
        **CONFIGURATION,
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
    # Another writer may have committed to it before delta-rs looked again.
    version = Version(table, store, made.version())
    vars(version)["handle"] = made  # which opening the table would load again
    return version


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
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.transaction import AddAction, RemoveAction

    if not base.exists:
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
    with explaining_table(store, "commit to", base.table):
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


def _stats(file: DataFile) -> dict[str, Any]:
    ranges = {"minValues": dict(file.stats), "maxValues": dict(file.stats)} if file.stats else {}
    return {"numRecords": file.rows, **ranges}

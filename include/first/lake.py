"""The lake: Delta tables in a bucket, their receipts, and the one function that commits."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema, Transaction
from deltalake.transaction import AddAction, RemoveAction

from include.errors import PermanentError
from include.first.bucket import Bucket, CommitConflict, LakeError, Missing

__all__ = [
    "CommitConflict",
    "DataFile",
    "Head",
    "Lake",
    "LakeError",
    "columns_unlike",
    "let_others_pass",
]


# How long a file that the head no longer names stays readable.
RETENTION_DAYS = 400


class DataFile(NamedTuple):
    """One Parquet file of a Delta table: its path in the table, its partition, rows and bytes.

    `values` are those that all its rows share, so that readers can leave the file unread.
    """

    path: str
    partition: str
    rows: int
    size: int = 0
    values: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Head:
    """A table as of a version, the newest if not said. `receipt` is the newest up to there."""

    table: str
    version: int
    receipt: dict[str, Any]
    receipt_version: int
    files: Mapping[str, DataFile]  # by partition, of which each has one; without any, by path
    handle: DeltaTable | None


class Lake(Bucket):
    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The lake of the commands; rights are found the way AWS tools find them."""
        bucket = environment.get("LAKE_BUCKET")
        if not bucket:
            raise PermanentError(
                "LAKE_BUCKET is not set; name the bucket of the lake, or use `make lake`, "
                "which sets it to the one on this laptop"
            )
        return cls.connect(
            bucket,
            endpoint_url=environment.get("LAKE_ENDPOINT_URL") or None,
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        )

    def head(self, table: str, at: int | None = None) -> Head:
        """A table's newest version, or one before; one that does not exist has version -1."""
        nothing = Head(table, -1, {}, -1, {}, None)
        if at is not None and at < 0:
            return nothing
        try:
            with self._saying("load the table", table):
                handle = DeltaTable(self._uri(table), at, storage_options=self.storage_options)
        except Missing:
            return nothing
        files = self._files(handle, table)
        version = handle.version()
        for candidate in range(version, -1, -1):
            if receipt := self.receipt(table, candidate):
                return Head(table, version, receipt, candidate, files, handle)
        return Head(table, version, {}, -1, files, handle)

    def _files(self, handle: DeltaTable, table: str) -> dict[str, DataFile]:
        columns = handle.metadata().partition_columns
        actions = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
        files = {}
        for action in actions:
            partition = str(action[f"partition.{columns[0]}"]) if columns else ""
            path = action["path"]
            values = {
                name.removeprefix("min."): value
                for name, value in action.items()
                if name.startswith("min.")
            }
            file = DataFile(path, partition, action["num_records"], action["size_bytes"], values)
            files[partition or path] = file
        if len(files) != len(actions):
            raise LakeError(
                f"{self._uri(table)} has partitions of more than one file; something else than "
                "this project wrote to it. Restore the version before that"
            )
        return files

    def receipt(self, table: str, version: int) -> dict[str, Any]:
        """What the commit of this version says of itself; empty for creation and vacuum."""
        for line in self.get(f"{table}/_delta_log/{version:020}.json").splitlines():
            if info := json.loads(line).get("commitInfo"):
                return json.loads(info["receipt"]) if "receipt" in info else {}
        return {}

    def committed_as(self, head: Head, token: str, since: int) -> int | None:
        """The version after `since` that the read with this token committed, if it did."""
        for version in range(head.version, since, -1):
            if self.receipt(head.table, version).get("token") == token:
                return version
        return None

    def create(
        self,
        table: str,
        schema: pa.Schema,
        partition_by: str | None = None,
        *,
        indexed_columns: int = 0,
    ) -> Head:
        """Make an empty table; whoever comes second finds it made."""
        try:
            with self._saying("create the table", table):
                DeltaTable.create(
                    self._uri(table),
                    schema=schema,
                    mode="error",
                    partition_by=[partition_by] if partition_by else None,
                    configuration={
                        "delta.enableExpiredLogCleanup": "false",  # receipts are kept for ever
                        "delta.deletedFileRetentionDuration": f"interval {RETENTION_DAYS} days",
                        "delta.dataSkippingNumIndexedCols": str(indexed_columns),
                        # A head is read from the newest checkpoint on, an entry a request.
                        "delta.checkpointInterval": "10",
                    },
                    storage_options=self.storage_options,
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
        except LakeError:
            if self.head(table).version < 0:
                raise
        return self.head(table)

    def commit(
        self,
        table: str,
        base: Head,
        adds: Iterable[DataFile],
        removes: Iterable[DataFile],
        receipt: Mapping[str, Any],
        *,
        transactions: Mapping[str, int] = {},
    ) -> int:
        """Put files in and take files out of a table in one atomic version: the base's plus one.

        The put-if-absent of the log entry is the lock: with any other commit in between this
        one fails with CommitConflict, because nothing is retried inside delta-rs.
        `transactions` are numbers that the version carries for an application, for ever.
        """
        if base.handle is None:
            raise LakeError(f"{self._uri(table)} does not exist; create it before a commit")
        columns = base.handle.metadata().partition_columns
        now_ms = int(time.time() * 1000)
        adds, removes = list(adds), list(removes)
        # Delta does not look whether an added file exists; a missing one breaks every reader.
        sizes = self.at_once(lambda file: self.size(f"{table}/{file.path}"), adds)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                path=file.path,
                size=size,
                partition_values=dict.fromkeys(columns, file.partition),
                modification_time=now_ms,
                data_change=True,
                stats=json.dumps(_stats(file)),
            )
            for file, size in zip(adds, sizes, strict=True)
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
        with self._saying("commit to", table):
            base.handle.create_write_transaction(
                actions,
                mode="append",
                schema=base.handle.schema(),
                partition_by=columns,
                commit_properties=CommitProperties(
                    custom_metadata={"receipt": json.dumps(receipt, sort_keys=True)},
                    max_commit_retries=0,
                    app_transactions=[Transaction(*item) for item in transactions.items()],
                ),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
        return base.version + 1

    def sweep(
        self, table: str, keep_versions: Sequence[int], keep_hours: int, *, dry_run: bool
    ) -> list[str]:
        """Delete files that no kept version names and that went out of use so long ago."""
        with self._saying("sweep", table):
            handle = DeltaTable(self._uri(table), storage_options=self.storage_options)
            return handle.vacuum(
                retention_hours=keep_hours,
                dry_run=dry_run,
                full=True,
                keep_versions=list(keep_versions),
                commit_properties=CommitProperties(max_commit_retries=0),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )

    def _uri(self, table: str) -> str:
        return f"s3://{self.bucket}/{table}"


def let_others_pass() -> None:
    """After a lost race for a version: some time by chance, so that two do not meet again.

    There is nothing to wait for: S3 tells nobody that a log entry was written.
    """
    time.sleep(random.uniform(0.05, 0.5))


def columns_unlike(head: Head, schema: pa.Schema) -> list[str]:
    """Names of the columns that a table has otherwise; none of one that does not exist."""
    if head.handle is None:
        return []
    has, wanted = (
        {(field.name, str(field.type)) for field in delta.fields}
        for delta in (head.handle.schema(), Schema.from_arrow(schema))
    )
    return sorted({name for name, _ in has ^ wanted})


def _stats(file: DataFile) -> dict[str, Any]:
    shared = {
        name: f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
        for name, value in file.values.items()
    }
    ranges = {"minValues": shared, "maxValues": shared} if shared else {}
    return {"numRecords": file.rows, **ranges}

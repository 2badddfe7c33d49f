"""The lake: every key that is written in it, and the one function that commits.

A pipeline's folder holds what the API said (`raw/`), files on their way from task to task
(`staging/`), the truth (`table/`, a Delta table partitioned by year), and projections of it.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.transaction import AddAction, RemoveAction

from include.bucket import Bucket, CommitConflict, LakeError, Missing

__all__ = ["CommitConflict", "DataFile", "Head", "Keys", "Lake", "LakeError", "mint_token"]


class Keys:
    """Every key of one pipeline, spelled once."""

    def __init__(self, pipeline: str) -> None:
        self.folder = f"{pipeline}/"
        self.table = f"{pipeline}/table"
        self.raw_folder = f"{pipeline}/raw/"
        self.staging_folder = f"{pipeline}/staging/"

    def raw(self, token: str, batch: str, page: int) -> str:
        return f"{self.raw_folder}{token}/{batch}/page-{page:05}.json.gz"

    def staging(self, token: str, name: str) -> str:
        return f"{self.staging_folder}{token}/{name}"

    def candidate(self, year: int, token: str, sha256: str) -> str:
        """A data file's path inside the table: the read, the content, and used once."""
        return f"{year}/{token}-{sha256}.parquet"

    def quarantine(self, token: str) -> str:
        return f"{self.folder}quarantine/{token}.parquet"

    def year(self, year: int | str) -> str:
        return f"{self.folder}{year}.parquet"

    def year_of(self, key: str) -> int | None:
        """The year whose file lies under this key; None when the key is of something else."""
        found = re.fullmatch(re.escape(self.year("YEAR")).replace("YEAR", r"(\d+)"), key)
        return int(found[1]) if found else None

    def aggregate(self, name: str) -> str:
        return f"{self.folder}aggregates/{name}.parquet"

    def report(self, version: int) -> str:
        return f"{self.folder}reports/{version}.md"


def mint_token() -> str:
    """A name for one read that sorts by time and is never used again."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


class DataFile(NamedTuple):
    """One Parquet file of a Delta table: its path in the table, its partition, rows and bytes."""

    path: str
    partition: str
    rows: int
    size: int = 0


@dataclass(frozen=True)
class Head:
    """A table as of its newest version. `receipt` is the newest commit that carries one."""

    table: str
    version: int
    receipt: dict[str, Any]
    receipt_version: int
    files: Mapping[str, DataFile]  # one a partition
    handle: DeltaTable | None


class Lake(Bucket):
    def head(self, table: str) -> Head:
        """The newest version of a table; a table that does not exist yet has version -1."""
        try:
            with self._saying("load the table", table):
                handle = DeltaTable(self._uri(table), storage_options=self.storage_options)
        except Missing:
            return Head(table, -1, {}, -1, {}, None)
        (column,) = handle.metadata().partition_columns
        actions = pa.table(handle.get_add_actions(flatten=True)).to_pylist()
        files = {
            str(action[f"partition.{column}"]): DataFile(
                action["path"],
                str(action[f"partition.{column}"]),
                action["num_records"],
                action["size_bytes"],
            )
            for action in actions
        }
        if len(files) != len(actions):
            raise LakeError(
                f"{self._uri(table)} has partitions of more than one file; something else than "
                "this project wrote to it. Restore the version before that"
            )
        version = handle.version()
        for candidate in range(version, -1, -1):
            if receipt := self.receipt(table, candidate):
                return Head(table, version, receipt, candidate, files, handle)
        return Head(table, version, {}, -1, files, handle)

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

    def create(self, table: str, schema: pa.Schema, partition_by: str) -> Head:
        """Make an empty table; whoever comes second finds it made."""
        try:
            with self._saying("create the table", table):
                DeltaTable.create(
                    self._uri(table),
                    schema=schema,
                    mode="error",
                    partition_by=[partition_by],
                    configuration={
                        "delta.enableExpiredLogCleanup": "false",  # receipts are kept for ever
                        "delta.deletedFileRetentionDuration": "interval 400 days",
                        "delta.dataSkippingNumIndexedCols": "0",
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
    ) -> int:
        """Put files in and take files out of a table in one atomic version: the base's plus one.

        The put-if-absent of the log entry is the lock: with any other commit in between this
        one fails with CommitConflict, because nothing is retried inside delta-rs.
        """
        if base.handle is None:
            raise LakeError(f"{self._uri(table)} does not exist; create it before a commit")
        (column,) = base.handle.metadata().partition_columns
        now_ms = int(time.time() * 1000)
        adds, removes = list(adds), list(removes)
        # Delta does not look whether an added file exists; a missing one breaks every reader.
        sizes = self.at_once(lambda file: self.size(f"{table}/{file.path}"), adds)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                path=file.path,
                size=size,
                partition_values={column: file.partition},
                modification_time=now_ms,
                data_change=True,
                stats=json.dumps({"numRecords": file.rows}),
            )
            for file, size in zip(adds, sizes, strict=True)
        ]
        actions += [
            RemoveAction(
                path=file.path,
                data_change=True,
                deletion_timestamp=now_ms,
                size=file.size,
                partition_values={column: file.partition},
            )
            for file in removes
        ]
        with self._saying("commit to", table):
            base.handle.create_write_transaction(
                actions,
                mode="append",
                schema=base.handle.schema(),
                partition_by=[column],
                commit_properties=CommitProperties(
                    custom_metadata={"receipt": json.dumps(receipt, sort_keys=True)},
                    max_commit_retries=0,
                ),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
        return base.version + 1

    def _uri(self, table: str) -> str:
        return f"s3://{self.bucket}/{table}"

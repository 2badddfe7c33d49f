"""A lake that can be worked on without a trace: reads reach the bucket, writes stay in memory."""

from __future__ import annotations

from typing import NoReturn

from include.first.lake import Head, Lake, LakeError


class Overlay(Lake):
    """Another lake as of one version of a table, and on top of it what is written here."""

    def __init__(self, lake: Lake, head: Head) -> None:
        super().__init__(lake.s3, lake.bucket, lake.storage_options)
        self.pinned = head
        self.written: dict[str, bytes] = {}

    def head(self, table: str, at: int | None = None) -> Head:
        if table == self.pinned.table and at is None:
            return self.pinned
        return super().head(table, at)

    def get(self, key: str) -> bytes:
        return self.written[key] if key in self.written else super().get(key)

    def put(self, key: str, body: bytes) -> None:
        self.written[key] = body

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise LakeError(f"s3://{self.bucket} is only looked at here; use the lake itself")

    project = project_copy = delete = create = commit = sweep = _refuse

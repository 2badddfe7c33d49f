"""A bucket as readers see it, through S3 and Delta Lake without the product's code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.client import BaseClient
from deltalake import DeltaTable

from tests.conftest import s3_client

MAX_PARALLEL = 8

_cache: dict[str, pa.Table] = {}  # by ETag


@dataclass(frozen=True)
class Bucket:
    url: str
    name: str
    s3: BaseClient = field(compare=False, repr=False)

    @classmethod
    def open(cls, url: str, name: str) -> Bucket:
        return cls(url, name, s3_client(url))

    def etags(self, prefix: str = "") -> dict[str, str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def put_parquet(self, key: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.put(key, sink.getvalue().to_pybytes())

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.s3.delete_object(Bucket=self.name, Key=key)

    def copy_from(self, other: Bucket, prefix: str = "") -> None:
        """Copy every object of another bucket, with its metadata."""

        def copy(key: str) -> None:
            source = {"Bucket": other.name, "Key": key}
            self.s3.copy_object(Bucket=self.name, Key=key, CopySource=source)

        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            list(pool.map(copy, other.etags(prefix)))

    def parquet(self, etags: dict[str, str]) -> dict[str, pa.Table]:
        """Parquet files by key, cached by ETag."""

        def read(item: tuple[str, str]) -> pa.Table:
            key, etag = item
            if etag not in _cache:
                _cache[etag] = pq.read_table(BytesIO(self.get(key)))
            return _cache[etag]

        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            return dict(zip(etags, pool.map(read, etags.items()), strict=True))

    def delta(self, table: str, version: int | None = None) -> pa.Table:
        options = {
            "aws_endpoint": self.url,
            "aws_region": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "aws_allow_http": "true",
        }
        uri = f"s3://{self.name}/{table}"
        return DeltaTable(uri, version, storage_options=options).to_pyarrow_table()

    def commits(self, table: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each version of a Delta table, with its commit metadata."""
        log = f"{table}/_delta_log/"
        for key in sorted(self.etags(log)):
            if key.endswith(".json"):
                actions = [json.loads(line) for line in self.get(key).splitlines()]
                infos = [a["commitInfo"] for a in actions if "commitInfo" in a]
                yield int(key.removeprefix(log).removesuffix(".json")), infos[0] if infos else {}

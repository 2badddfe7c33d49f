"""The only module of this folder that calls the product and names its keys and columns."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from include.errors import PermanentError
from include.lake.store import Store
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.report import write_reports
from tests import conftest
from tests.end_to_end.bucket import Bucket

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "include.cli"]
FOLDER = "vehicle_recalls/"
TABLE, LEDGER = f"{FOLDER}table", f"{FOLDER}ledger"
RAW, STAGING, QUARANTINE = f"{FOLDER}raw/", f"{FOLDER}staging/", f"{FOLDER}quarantine/"
AGGREGATES, REPORTS = f"{FOLDER}aggregates/", f"{FOLDER}reports/"
YEAR_FILE = re.compile(rf"{FOLDER}(\d{{4}})\.parquet")
PLAIN_FILE = re.compile(rf"{FOLDER}(\d{{4}}\.parquet|aggregates/\w*\.parquet|reports/.*)")
BUSINESS_COLUMNS = RECALLS.business_columns
COUNTS = (
    "landed",
    "valid",
    "quarantined",
    "carried_over",
    "published",
    "edited",
    "retracted",
    "rows",
)
LEDGER_COLUMNS = ("event", "nhtsa_id", "year", "field", "old", "new")
EVENTS = ("published", "edited", "retracted", "republished")


@cache
def open_store(bucket: Bucket) -> Store:
    return conftest.open_store(bucket.url, bucket.name)


def run(
    api_url: str,
    bucket: Bucket,
    years: Sequence[int] = (),
    *,
    source: str = "api",
    dry_run: bool = False,
    waive: Mapping[str, str] = {},
    page_rows: int = 20_000,
    attempts: int = 5,
) -> dict[str, Any]:
    """Run the pipeline in the order of the DAG."""
    store = open_store(bucket)
    receipt = pipeline.run(
        lambda: RecallsApi(api_url, page_size=page_rows, attempts=attempts),
        store,
        years,
        source=source,
        dry_run=dry_run,
        waive=waive,
    )
    if not dry_run:
        write_reports(store)
    return _outcome(receipt)


def _outcome(receipt: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "read_id": receipt["read_id"],
        "version": receipt["version"],  # None: nothing was committed
        "counts": {name: receipt["counts"][name] for name in COUNTS},
        "waived": sorted(check["name"] for check in receipt["checks"] if check["reason"]),
        "new_columns": sorted(
            {name for facts in receipt["facts"].values() for name in facts["new_columns"]}
        ),
    }


def failed_checks(error: BaseException) -> list[str]:
    """The sorted names of the failed checks in an error; empty for any other error."""
    _, _, named = str(error).partition("checks failed, nothing was published. ")
    return sorted(check.partition(": ")[0] for check in named.split(" | ") if check)


@contextmanager
def max_batch_rows(rows: int) -> Iterator[None]:
    """Limit the rows of a batch."""
    with patch.object(pipeline, "MAX_BATCH_ROWS", rows):
        yield


@contextmanager
def contract_version(version: str) -> Iterator[None]:
    usual = RECALLS.version
    object.__setattr__(RECALLS, "version", version)
    try:
        yield
    finally:
        object.__setattr__(RECALLS, "version", usual)


def versions(bucket: Bucket) -> list[tuple[int, dict[str, Any]]]:
    """Each version that a read committed, with its receipt."""
    found = bucket.commits(TABLE)
    return [(version, json.loads(info["receipt"])) for version, info in found if "receipt" in info]


def ledger_versions(bucket: Bucket) -> list[int]:
    """The versions that the ledger's commits name, in order, with duplicates."""
    found = [json.loads(info["receipt"]) for _, info in bucket.commits(LEDGER) if "receipt" in info]
    return [receipt["version"] for receipt in found]


def year_files(bucket: Bucket) -> dict[int, pa.Table]:
    etags = {k: e for k, e in bucket.etags(FOLDER).items() if YEAR_FILE.fullmatch(k)}
    found = bucket.parquet(etags)
    return {int(YEAR_FILE.fullmatch(key)[1]): table for key, table in found.items()}


def aggregations(bucket: Bucket) -> dict[str, pa.Table]:
    etags = bucket.etags(AGGREGATES).items()
    found = bucket.parquet({key: etag for key, etag in etags if key.endswith(".parquet")})
    return {Path(key).stem: table for key, table in found.items()}


def table_rows(bucket: Bucket, version: int | None = None) -> pa.Table:
    """The rows of a version, read with Delta Lake only."""
    return bucket.delta(TABLE, version)


def ledger_rows(bucket: Bucket, version: int | None = None) -> list[dict[str, Any]]:
    """The sorted ledger, or its rows of one version."""
    if not bucket.etags(f"{LEDGER}/_delta_log/"):
        return []
    rows = bucket.delta(LEDGER).select(["version", *LEDGER_COLUMNS]).to_pylist()
    rows.sort(key=lambda row: (row["version"], row["nhtsa_id"], row["field"]))
    return [row for row in rows if version in (None, row["version"])]


def quarantine_rows(bucket: Bucket, read_id: str) -> list[dict[str, Any]]:
    """The key, invalid columns, reasons and raw row of each quarantined row."""
    found = bucket.parquet(bucket.etags(f"{QUARANTINE}{read_id}"))
    return [
        {
            "nhtsa_id": row["key"],
            "columns": sorted({reason.split(":")[0] for reason in row["reasons"].split("; ")}),
            "reasons": row["reasons"],
            "raw": row["raw"],
        }
        for table in found.values()
        for row in table.to_pylist()
    ]


def reports(bucket: Bucket) -> dict[str, str]:
    return {key: bucket.get(key).decode() for key in bucket.etags(REPORTS)}


def visible(bucket: Bucket) -> dict[str, str]:
    """The ETags of all that readers see: plain files, and the logs of table and ledger."""
    return {
        key: etag
        for key, etag in bucket.etags(FOLDER).items()
        if PLAIN_FILE.fullmatch(key) or "/_delta_log/" in key
    }


def run_command(bucket: Bucket, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the lake in its own process."""
    settings = {
        "LAKE_BUCKET": bucket.name,
        "LAKE_ENDPOINT_URL": bucket.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


__all__ = ["PermanentError"]

"""What a test looks at: the bucket as readers see it, the source as it is, an error as it reads."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import requests
from botocore.client import BaseClient

from include.first.keys import Keys, mint_token
from include.first.lake import Lake
from include.vehicle_recalls.batches import BatchRef
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import Landed, PageRef, Part, Read, sign
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.write import write_parquet

KEYS = Keys("vehicle_recalls")
REFRESHED = "2026-06-28T09:30:43Z"
LONGEST_LINE = 500
# A lake of a few rows loses large shares of them at once; what that is tested for is elsewhere.
SMALL = dict.fromkeys(("quarantine", "rows per year", "rows in total"), "a small lake")
Row = dict[str, Any]


def new_lake(s3: BaseClient, s3_url: str) -> Lake:
    """A bucket of its own, for fixtures that outlive a test."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    return Lake.connect(
        bucket, endpoint_url=s3_url, region="us-east-1", access_key="test", secret_key="test"
    )


def listing(lake: Lake, prefix: str = "") -> dict[str, str]:
    """Every object and its ETag."""
    pages = lake.s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket, Prefix=prefix)
    return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}


def committed(lake: Lake) -> dict[str, Any]:
    """All that readers can see: every object apart from raw and staging, and every receipt.

    A data file that no version names is not seen.
    """
    head = lake.head(KEYS.table)
    receipts = {version: lake.receipt(KEYS.table, version) for version in range(head.version + 1)}
    known = {
        f"{KEYS.table}/{state['path']}"
        for receipt in receipts.values()
        for state in receipt.get("years", {}).values()
    }
    seen = {
        key: etag
        for key, etag in listing(lake).items()
        if not key.startswith((KEYS.raw_folder, KEYS.staging_folder))
        and (key in known or not key.startswith(f"{KEYS.table}/") or "/_delta_log/" in key)
    }
    return {"objects": seen, "receipts": receipts}


def year_files(lake: Lake) -> dict[int, pa.Table]:
    names = {key: re.fullmatch(r"vehicle_recalls/(\d{4})\.parquet", key) for key in listing(lake)}
    keys = {int(name[1]): key for key, name in names.items() if name}
    return dict(zip(keys, lake.at_once(lake.read_parquet, keys.values()), strict=True))


def facts(lake: Lake) -> dict[int, list[Row]]:
    """The rows of each year file, in order, without what the source renews daily."""
    return facts_of(year_files(lake))


def facts_of(tables: dict[int, pa.Table]) -> dict[int, list[Row]]:
    return {
        year: table.select(CONTRACT.business_columns).to_pylist()
        for year, table in sorted(tables.items())
    }


def by_key(years: dict[int, list[Row]]) -> dict[str, tuple[int, Row]]:
    """Each recall with the year it is in."""
    return {row["nhtsa_id"]: (year, row) for year, rows in years.items() for row in rows}


def facts_at_source(url: str) -> dict[int, list[Row]]:
    """The same as `facts`, straight from the API and typed by code of the tests' own."""
    answer = requests.get(
        f"{url}/resource/6axg-epim.json",
        params={"$select": ":*,*", "$order": "report_received_date,nhtsa_id", "$limit": "100000"},
        timeout=60,
    )
    years: dict[int, list[Row]] = {}
    for raw in answer.json():
        row = business_row(raw)
        years.setdefault(row["report_received_date"].year, []).append(row)
    return dict(sorted(years.items()))


def business_row(raw: Row) -> Row:
    row = {name: raw.get(name) for name in CONTRACT.business_columns}
    row["report_received_date"] = date.fromisoformat(raw["report_received_date"][:10])
    row["recall_link"] = raw["recall_link"]["url"]
    for name, kind in (("potentially_affected", int), ("completion_rate", float)):
        row[name] = None if row[name] is None else kind(row[name])
    for name in ("fire_risk_when_parked", "do_not_drive"):
        row[name] = {"Yes": True, "No": False, None: None}[row[name]]
    return row


def quarantine(lake: Lake, token: str) -> list[Row]:
    """The quarantine of a read, each raw row parsed."""
    rows = lake.read_parquet(KEYS.quarantine(token)).to_pylist()
    return [row | {"raw": json.loads(row["raw"])} for row in rows]


def one_clear_line(error: BaseException, *words: str) -> None:
    """The error is a line that a person can read, and it has these words."""
    said = str(error)
    assert said
    assert "\n" not in said
    assert len(said) < LONGEST_LINE
    for word in words:
        assert word in said, said


def a_row(number: int, **changes: Any) -> Row:
    """A sound row of 2019 as the API sends it; None leaves the key out."""
    key = f"19V{number:06}"
    row = {
        ":id": f"row-{number:04}",
        ":created_at": "2026-06-28T09:30:43.000Z",
        ":updated_at": "2026-06-28T09:30:43.000Z",
        "report_received_date": "2019-03-04T00:00:00.000",
        "nhtsa_id": key,
        "recall_link": {"url": f"https://www.nhtsa.gov/recalls?nhtsaId={key}", "description": "Go"},
        "manufacturer": "Ford Motor Company",
        "subject": "Brake hose may crack",
        "component": "SERVICE BRAKES, HYDRAULIC",
        "mfr_campaign_number": "19S01",
        "recall_type": "Vehicle",
        "potentially_affected": "100",
        "defect_summary": "It cracks.  It leaks.",
        "consequence_summary": "A crash.",
        "corrective_action": "A new hose.",
        "fire_risk_when_parked": "No",
        "do_not_drive": "Yes",
        "completion_rate": "61.5",
    }
    changed = row | {":id" if name == "id" else name: v for name, v in changes.items()}
    return {name: value for name, value in changed.items() if value is not None}


def body_of(rows: Iterable[Row]) -> bytes:
    """A page as SODA lays it out."""
    return b"[" + b"\n,".join(json.dumps(r, ensure_ascii=False).encode() for r in rows) + b"\n]\n"


def a_read(lake: Lake, years: Iterable[int] = (), *, parts: int = 1) -> Read:
    head = lake.head(KEYS.table)
    known = {int(year) for year in head.receipt.get("years", {})}
    return Read(
        token=mint_token(),
        run_id="test",
        years=sorted(years),
        known_years=sorted(known | set(years) | {2018, 2019, 2020}),
        head_version=head.version,
        dataset="6axg-epim",
        publisher="made-up:7",
        source_rows=0,
        source_last_modified="",
        parts=parts,
        replay_of=None,
    )


def land_rows(
    lake: Lake,
    *pages: list[Row],
    read: Read | None = None,
    batch: BatchRef | None = None,
    refreshed: str = REFRESHED,
) -> Landed:
    """Pages written by hand, landed as `extract` lands them."""
    read = read or a_read(lake)
    batch = batch or BatchRef(label="all", first=None, last=None, undated=True)
    folder = f"{batch['label']}-{mint_token()}"
    refs = []
    for number, rows in enumerate(pages):
        gzipped = gzip.compress(body_of(rows), mtime=0)
        key = KEYS.raw(read["token"], folder, number)
        lake.put(key, gzipped)
        sha256 = hashlib.sha256(gzipped).hexdigest()
        refs.append(PageRef(key=key, sha256=sha256, rows=len(rows)))
    landed = Landed(
        read=read,
        batch=batch,
        folder=folder,
        pages=refs,
        last_modified=refreshed,
        answered_at=refreshed,
        new_columns=[],
    )
    sign(lake, landed)
    return landed


def publish_landed(lake: Lake, *batches: Landed, accept: Mapping[str, str] = {}) -> Published:
    """What the DAG does with landed batches, up to the commit."""
    parts = [Part(read=landed["read"], batch=landed["batch"]) for landed in batches]
    written = [write_parquet(lake, partition(lake, landed)) for landed in batches]
    return publish(lake, parts, written, dry_run=False, accept=accept)


def table_rows(lake: Lake) -> Iterator[Row]:
    """Every row of the committed table, with the business columns."""
    for file in lake.head(KEYS.table).files.values():
        rows = lake.read_parquet(f"{KEYS.table}/{file.path}", CONTRACT.business_columns)
        yield from rows.to_pylist()

"""Lands and publishes recalls without the API, and reads them back."""

import gzip
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from deltalake import DeltaTable

from include.data.tables import from_parquet
from include.lake.keys import Keys, new_read_id
from include.lake.landing import RawPages, finish_landing, land_page
from include.lake.reads import Moment, Source, start_read
from include.lake.store import Store, parallel_map
from include.lake.table import load_version
from include.vehicle_recalls import pipeline
from include.vehicle_recalls.complete_read import BatchPlan
from include.vehicle_recalls.contract import RECALLS

KEYS = Keys("vehicle_recalls")
FIRST_DAY = datetime(2026, 6, 1, 9, 30, 43, tzinfo=UTC)
# Small tables exceed these limits; other tests cover them.
SMALL = dict.fromkeys(("quarantine", "rows per year", "rows in total"), "a small lake")
FORD, DAF = "Ford Motor Company", "DAF"
Row = dict[str, Any]


def recall(number: int, **changes: Any) -> Row:
    """A valid row of 2019 without a warning, as the API sends it; None omits a field."""
    key = f"19V{number:06}"
    row = {
        ":id": f"row-{number:04}",
        ":created_at": "2026-06-28T09:30:43.000Z",
        ":updated_at": "2026-06-28T09:30:43.000Z",
        "report_received_date": "2019-02-03T00:00:00.000",
        "nhtsa_id": key,
        "recall_link": {"url": f"https://www.nhtsa.gov/recalls?nhtsaId={key}"},
        "manufacturer": FORD,
        "subject": "Brake hose may crack",
        "component": "SERVICE BRAKES",
        "mfr_campaign_number": "NR (Not Reported)",
        "recall_type": "Vehicle",
        "potentially_affected": "100",
        "defect_summary": "The hose may crack.",
        "consequence_summary": "Longer stops.",
        "corrective_action": "Dealers replace the hose.",
        "fire_risk_when_parked": "No",
        "do_not_drive": "No",
        "completion_rate": "50",
    }
    changed = {(":id" if name == "id" else name): value for name, value in changes.items()}
    return {name: value for name, value in (row | changed).items() if value is not None}


def body_of(rows: Sequence[Row]) -> bytes:
    """A page in the layout of SODA."""
    return ("[" + "\n,".join(json.dumps(row) for row in rows) + "\n]\n").encode()


def land(
    store: Store, *pages: Sequence[Row] | bytes, day: int = 1, years: Sequence[int] = ()
) -> tuple[BatchPlan, RawPages]:
    """Land these pages as one batch of a read on a day of June 2026."""
    at = FIRST_DAY + timedelta(days=day - 1)
    moment = Moment(
        began_at=f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        answered_at=f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}",
        modified_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
    )
    read, current = start_read(
        store,
        RECALLS,
        Source(dataset="6axg-epim", publisher="made-up:7"),
        "test",
        covers=None if years else {},
    )
    bodies = [page if isinstance(page, bytes) else body_of(page) for page in pages]
    label = f"all-{new_read_id()[-8:]}"
    landed = [
        land_page(store, RECALLS, read, label, number, gzip.compress(body, mtime=0))
        for number, body in enumerate(bodies)
    ]
    partitions = [str(year) for year in years] or list(current.parts)
    facts = {"years": {"label": "all"}, "new_columns": []}
    raw = finish_landing(
        store, RECALLS, read, landed, moment, label=label, partitions=partitions, facts=facts
    )
    plan = BatchPlan(
        read=read,
        years={"label": "all", "first": None, "last": None, "undated": True},
        partitions=partitions,
        counted_rows=0,
        counted_at="",  # not `modified_at`, so the row count is not compared
        replay=None,
    )
    return plan, raw


def publish(
    store: Store,
    *rows: Row,
    day: int = 1,
    years: Sequence[int] = (),
    waive: dict[str, str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Publish the rows of a day and update the ledger, without aggregations or site."""
    plan, raw = land(store, rows, day=day, years=years)
    batch = pipeline.transform(store, raw)
    receipt = pipeline.publish(
        store, [plan], [batch], waive=SMALL if waive is None else waive, dry_run=dry_run
    )
    if not dry_run:
        pipeline.ledger(store)
    return receipt


def publish_days_ago(store: Store, *rows: Row, days: int) -> dict[str, Any]:
    """Publish with read and commit times this many days ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    with (
        patch(f"{__name__}.FIRST_DAY", then),
        patch("include.lake.table.time", SimpleNamespace(time=then.timestamp)),
        patch(
            "include.lake.reads.new_read_id",
            lambda: f"{then:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
        ),
    ):
        return publish(store, *rows)


def rows_of_table(store: Store) -> list[Row]:
    """The current rows, read with deltalake alone."""
    table = DeltaTable(store.url(KEYS.table), storage_options=store.options)
    rows = pa.table(table.to_pyarrow_table()).sort_by("nhtsa_id")
    return list(rows.select(RECALLS.business_columns).to_pylist())


def year_files(store: Store) -> dict[str, pa.Table]:
    names = [
        key for key in store.list("vehicle_recalls", recursive=False) if key.endswith(".parquet")
    ]
    tables = parallel_map(lambda key: from_parquet(store.get(key)), names)
    years = [name.rpartition("/")[2].removesuffix(".parquet") for name in names]
    return dict(zip(years, tables, strict=True))


def quarantine_of(store: Store, receipt: dict[str, Any]) -> list[Row]:
    body = store.get_if_exists(KEYS.quarantine(receipt["read_id"]))
    return [] if body is None else list(from_parquet(body).to_pylist())


def version_of(store: Store) -> int:
    return load_version(store, KEYS.table).receipt_number

"""A small lake of recalls, published by the core a day at a time."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa

from include.data.contract import Limits
from include.data.validate import QUARANTINE
from include.lake.landing import finish_landing, land_page
from include.lake.ledger import record
from include.lake.publish import publish
from include.lake.reads import Moment, Source, start_read
from include.lake.staging import stage, write_candidates
from include.lake.store import Store
from include.vehicle_recalls.contract import RECALLS

WITHOUT_LIMITS = replace(RECALLS, limits=Limits())  # these lakes are tiny
REPORTED = date(2019, 3, 4)
Rows = Mapping[str, Mapping[str, Any]]


def publish_day(
    store: Store, at: str, rows: Rows, *, publisher: str = "made-up:7", with_ledger: bool = True
) -> int | None:
    """Publish all recalls as of a moment; the version, or None if nothing changed."""
    source = Source(dataset="recalls", publisher=publisher)
    read, _ = start_read(store, WITHOUT_LIMITS, source, "test", covers={})
    page = land_page(store, WITHOUT_LIMITS, read, "all", 0, gzip.compress(b"[]"), rows=len(rows))
    moment = Moment(began_at=at, answered_at=at, modified_at=at)
    raw = finish_landing(
        store, WITHOUT_LIMITS, read, [page], moment, label="all", partitions=["2019"]
    )
    table = pa.Table.from_pylist(
        [{"nhtsa_id": key, "report_received_date": REPORTED, **row} for key, row in rows.items()],
        schema=RECALLS.schema,
    )
    batch = stage(store, WITHOUT_LIMITS, raw, table, QUARANTINE.empty_table())
    batch = write_candidates(store, WITHOUT_LIMITS, read["read_id"], batch)
    receipt = publish(store, WITHOUT_LIMITS, read, [batch])
    if with_ledger:
        record(store, WITHOUT_LIMITS)
    version: int | None = receipt["version"]
    return version

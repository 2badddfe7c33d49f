"""A small lake of recalls, published by the core a day at a time."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from include.data.contract import Column, Dataset
from include.data.validate import QUARANTINE
from include.lake.landing import finish_landing, land_page
from include.lake.ledger import record
from include.lake.publish import publish
from include.lake.reads import Moment, Source, start_read
from include.lake.staging import stage, write_candidates
from include.lake.store import Store

RECALLS = Dataset(
    name="vehicle_recalls",
    version="1",
    grain="One row is one recall campaign.",
    key="nhtsa_id",
    columns=(
        Column("nhtsa_id", pa.string(), "The campaign.", required=True),
        Column("completion_rate", pa.float64(), "Percent of the vehicles repaired."),
        Column("do_not_drive", pa.bool_(), "Whether owners are told not to drive."),
        Column("subject", pa.string(), "What it is about."),
    ),
    partition_by="year",
    partition_of=lambda rows: pa.chunked_array([["2019"] * rows.num_rows]),
)
Rows = Mapping[str, Mapping[str, Any]]


def publish_day(
    store: Store, at: str, rows: Rows, *, publisher: str = "made-up:7", with_ledger: bool = True
) -> int | None:
    """Publish all recalls as of a moment; the version, or None if nothing changed."""
    source = Source(dataset="recalls", publisher=publisher)
    read, _ = start_read(store, RECALLS, source, "test", covers={})
    page = land_page(store, RECALLS, read, "all", 0, gzip.compress(b"[]"), rows=len(rows))
    moment = Moment(began_at=at, answered_at=at, modified_at=at)
    raw = finish_landing(store, RECALLS, read, [page], moment, label="all", partitions=["2019"])
    table = pa.Table.from_pylist(
        [{"nhtsa_id": key, **row} for key, row in rows.items()], schema=RECALLS.schema
    )
    batch = stage(store, RECALLS, raw, table, QUARANTINE.empty_table())
    batch = write_candidates(store, RECALLS, read["read_id"], batch)
    receipt = publish(store, RECALLS, read, [batch])
    if with_ledger:
        record(store, RECALLS)
    version: int | None = receipt["version"]
    return version

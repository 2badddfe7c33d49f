"""A small lake with a past: three days on which recalls are edited, moved, retracted and return."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.client import BaseClient

from include.first.keys import mint_token
from include.first.lake import Lake
from include.vehicle_recalls.ledger import bring_to_head
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.report import project_reports
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    a_read,
    a_row,
    land_rows,
    new_lake,
    publish_landed,
)

DAY_1, DAY_2, DAY_3 = (f"2026-06-2{day}T09:30:43Z" for day in (7, 8, 9))


def in_year(year: int, number: int, **changes: Any) -> Row:
    return a_row(number, report_received_date=f"{year}-03-04T00:00:00.000", **changes)


DAYS = {
    DAY_1: [in_year(2018, 1), in_year(2019, 2), in_year(2019, 3), in_year(2017, 5)],
    DAY_2: [in_year(2019, 2, subject="New", component=None), in_year(2020, 3), in_year(2017, 5)],
    DAY_3: [in_year(2018, 1), in_year(2019, 2), in_year(2020, 3), in_year(2017, 5)],
}


def publish_day(
    lake: Lake, observed: str, rows: list[Row], *, begun: datetime | None = None
) -> int | None:
    """Up to the commit; `begun` is when the read got its token, now if not said."""
    read = a_read(lake)
    if begun:
        read["token"] = f"{begun:%Y%m%dT%H%M%S}-{mint_token()[-8:]}"
    return publish_landed(lake, land_rows(lake, rows, read=read, refreshed=observed))["version"]


def finish(lake: Lake) -> None:
    """What follows a commit."""
    project_years(lake)
    project_aggregates(lake)
    bring_to_head(lake)
    project_reports(lake)


def three_days(s3: BaseClient, s3_url: str) -> Lake:
    """In a bucket of its own, for a fixture that outlives a test."""
    lake = new_lake(s3, s3_url)
    for observed, rows in DAYS.items():
        publish_day(lake, observed, rows)
        finish(lake)
    return lake


def copy(lake: Lake, target: Lake) -> Lake:
    """Every object with its metadata, in another bucket, for a test that changes some."""

    def copy_one(key: str) -> None:
        source = {"Bucket": lake.bucket, "Key": key}
        target.s3.copy_object(Bucket=target.bucket, Key=key, CopySource=source)

    target.at_once(copy_one, [key for key in lake.keys("") if KEYS.staging_folder not in key])
    return target


def forged(receipt: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The receipt of a version that no read brought; the ledger has to compare it by itself."""
    return receipt | {"events": None, "years": receipt["years"].copy()} | changes

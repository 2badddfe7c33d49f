"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from include.lake import Lake
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.report import project_reports
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import write_parquet


def run(
    api: RecallsApi,
    lake: Lake,
    years: Sequence[int] = (),
    *,
    dry_run: bool = False,
    run_id: str = "by hand",
) -> Published:
    parts = take_census(api, lake, years, run_id)
    written = [write_parquet(lake, partition(lake, land(api, lake, part))) for part in parts]
    published = publish(lake, parts, written, dry_run=dry_run)
    if not dry_run:
        project_years(lake)
        project_aggregates(lake)
        project_reports(lake)
    return published

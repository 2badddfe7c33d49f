"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from include.lake import Lake
from include.vehicle_recalls.extract import Landed, land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.report import project_reports
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import Written, write_parquet

WORKERS = 2


def run(
    api: RecallsApi,
    lake: Lake,
    years: Sequence[int] = (),
    *,
    dry_run: bool = False,
    run_id: str = "by hand",
) -> Published:
    parts = take_census(api, lake, years, run_id)

    def transform(landed: Future[Landed]) -> Written:
        return write_parquet(lake, partition(lake, landed.result()))

    # Batches side by side, as Airflow's workers have them; the API is asked one thing at a time.
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(WORKERS) as workers:
        landed = [reader.submit(land, api, lake, part) for part in parts]
        try:
            written = list(workers.map(transform, landed))
        finally:
            reader.shutdown(cancel_futures=True)
    published = publish(lake, parts, written, dry_run=dry_run)
    if not dry_run:
        project_years(lake)
        project_aggregates(lake)
        project_reports(lake)
    return published

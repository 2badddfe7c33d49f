"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from include.errors import PermanentError
from include.first.lake import Lake
from include.vehicle_recalls.extract import Landed, Part, land, take_census
from include.vehicle_recalls.ledger import bring_to_head, refuse_other_history
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.replay import land_again, take_raw
from include.vehicle_recalls.report import project_reports
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import Written, write_parquet

WORKERS = 2
API, RAW = "api", "raw:"


def begin(
    open_api: Callable[[], RecallsApi], lake: Lake, years: Sequence[int], source: str, run_id: str
) -> list[Part]:
    """What is to be read: of the API, or of what an earlier read landed, without the API."""
    refuse_other_history(lake)
    if source == API:
        return take_census(open_api(), lake, years, run_id)
    if not source.startswith(RAW):
        raise PermanentError(
            f"the source is {source!r}; `api` and `raw:` with a read's token are known"
        )
    if years:
        raise PermanentError(
            "a replay takes the years of the read that it replays; leave `years` empty"
        )
    return take_raw(lake, source.removeprefix(RAW), run_id)


def fetch(open_api: Callable[[], RecallsApi], lake: Lake, part: Part) -> Landed:
    if part["read"]["replay_of"]:
        return land_again(lake, part)
    return land(open_api(), lake, part)


def run(
    api: RecallsApi,
    lake: Lake,
    years: Sequence[int] = (),
    *,
    source: str = API,
    dry_run: bool = False,
    accept: Mapping[str, str] | None = None,
    run_id: str = "by hand",
) -> Published:
    parts = begin(lambda: api, lake, years, source, run_id)

    def transform(landed: Future[Landed]) -> Written:
        return write_parquet(lake, partition(lake, landed.result()))

    # Batches side by side, as Airflow's workers have them; the API is asked one thing at a time.
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(WORKERS) as workers:
        landed = [reader.submit(fetch, lambda: api, lake, part) for part in parts]
        try:
            written = list(workers.map(transform, landed))
        finally:
            reader.shutdown(cancel_futures=True)
    published = publish(lake, parts, written, dry_run=dry_run, accept=accept)
    if not dry_run:
        project_years(lake)
        project_aggregates(lake)
        bring_to_head(lake)
        project_reports(lake)
    return published

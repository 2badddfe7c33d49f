"""The tasks of the DAG vehicle_recalls, in their order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pyarrow as pa

from include.data.checks import Check
from include.data.tables import concat
from include.data.validate import quarantine_repeated
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.landing import RawPages, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import copy_of, refresh_copies
from include.lake.plan import Plan
from include.lake.publish import Receipt, publish_read
from include.lake.reads import Read, start_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.lake.table import load_version
from include.site.build import build_site
from include.vehicle_recalls.aggregates import aggregation_files, count_by_year, stage_counts
from include.vehicle_recalls.batches import includes, plan_all, plan_some
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.complete_read import BatchPlan, SourceChanged, land_complete
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.replay import API, landed_again, plan_replay
from include.vehicle_recalls.transform import EMPTY, raw_by_row_id, typed_page

MAX_BATCH_ROWS = 50_000


def plan(
    open_api: Callable[[], RecallsApi],
    store: Store,
    years: Sequence[int] = (),
    run_id: str = "by hand",
    source: str = API,
) -> list[BatchPlan]:
    """Count the source's rows per year; plan which years are read together."""
    if source != API:
        return plan_replay(store, source, years, run_id)
    counts = open_api().year_counts()
    asked = sorted({int(year) for year in years})
    if not asked and not counts.rows_by_year:
        raise SourceChanged(
            "the source has no rows; nothing was changed. It may be in the middle of a refresh: "
            "run again later"
        )
    read, current = start_read(
        store, RECALLS, counts.state.source, run_id, covers=None if asked else {}
    )
    known = sorted({*counts.rows_by_year, *map(int, current.parts), *asked})
    batches = (
        plan_some(counts.rows_by_year, asked, MAX_BATCH_ROWS)
        if asked
        else plan_all(counts.rows_by_year, known, MAX_BATCH_ROWS)
    )
    rows = sum(counts.rows_by_year.get(year, 0) for year in asked or counts.rows_by_year)
    return [
        BatchPlan(
            read=Read(**{**read, "batches": len(batches)}),
            years=batch,
            partitions=[str(year) for year in asked or known if includes(batch, year)],
            counted_rows=rows if asked else rows + counts.undated,
            counted_at=counts.state.modified_at,
            replay=None,
        )
        for batch in batches
    ]


def extract(open_api: Callable[[], RecallsApi], store: Store, batch: BatchPlan) -> RawPages:
    """Land every page as it came, and check the counts; again if the source changed meanwhile."""
    if batch["replay"]:
        return landed_again(store, batch)
    return land_complete(open_api(), store, batch)


def partition(store: Store, raw: RawPages) -> StagedBatch:
    """Type the rows, quarantine what breaks the contract, stage the years that changed."""
    # Report dates are American; the day of the read in UTC is at most a day ahead.
    day = datetime.fromisoformat(max(raw["moment"]["answered_at"], raw["moment"]["modified_at"]))
    typed = [EMPTY, *(typed_page(read_page(store, page), day) for page in raw["pages"])]
    rows, quarantined = quarantine_repeated(
        RECALLS,
        concat(page.rows for page in typed),
        concat(page.quarantined for page in typed),
        lambda repeated: _raw_texts(store, raw, repeated),
    )
    del typed
    batch = stage(store, RECALLS, raw, rows, quarantined)
    return stage_counts(store, raw, batch, count_by_year(rows))


def _raw_texts(store: Store, raw: RawPages, repeated: pa.Table) -> list[str]:
    texts: dict[str, str] = {}
    for page in raw["pages"]:
        texts |= raw_by_row_id(read_page(store, page))
    return [texts.get(row_id, "") for row_id in repeated["Id"].to_pylist()]


def write_parquet(store: Store, raw: RawPages, batch: StagedBatch) -> StagedBatch:
    """Write a candidate file for each changed year."""
    return write_candidates(store, RECALLS, raw["read"]["read_id"], batch)


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Partition and write_parquet in one step, for replays and proofs."""
    return write_parquet(store, raw, partition(store, raw))


def publish(
    store: Store,
    plans: Sequence[BatchPlan],
    batches: Sequence[StagedBatch],
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """Commit the next version, then bring the year files up to date."""
    if len(states := {batch["moment"]["modified_at"] for batch in batches}) > 1:
        raise PermanentError(
            f"the source was replaced between batches ({', '.join(sorted(states))}); nothing was "
            "published. Start a new run"
        )
    receipt = publish_read(
        store,
        RECALLS,
        plans[0]["read"],
        batches,
        dry_run=dry_run,
        waive=waive,
        more_checks=lambda plan: _checks(plans, batches, plan),
    )
    if not dry_run:
        refresh_years(store)
    return receipt


def refresh_years(store: Store) -> list[str]:
    """Bring the year files up to date; returns the files it wrote."""
    return refresh_copies(
        store,
        RECALLS,
        lambda version: [copy_of(f"{y}.parquet", part) for y, part in version.parts.items()],
    )


def _checks(
    plans: Sequence[BatchPlan], batches: Sequence[StagedBatch], plan: Plan
) -> Iterator[Check]:
    counted, was = plans[0]["counted_rows"], plans[0]["counted_at"]
    replaced = was != batches[0]["moment"]["modified_at"]
    yield Check(
        "counted = landed",
        passed=replaced or plan.landed == counted,
        found=f"{plan.landed:,}; the source was replaced after it was counted"
        if replaced
        else f"{counted:,} = {plan.landed:,}",
        hint="the source counts itself in two ways; run again, and look at it if it stays",
    )


def aggregate(store: Store) -> list[str]:
    """Bring the three aggregations up to date; returns the files it wrote."""
    return refresh_copies(
        store,
        RECALLS,
        lambda version: aggregation_files(store, version),
        manifest="aggregates/_plain_files.json",
    )


def ledger(store: Store) -> list[int]:
    """Bring the ledger up to date; returns the versions that it added."""
    return update_ledger(store, RECALLS)


def refresh(store: Store) -> list[str]:
    """Everything that follows from the table; a run does the same in its tasks."""
    ledger(store)
    files = [*refresh_years(store), *aggregate(store)]
    is_empty = not load_version(store, Keys(RECALLS.name).table).receipt
    return files if is_empty else [*files, *build_site(store)]


def run(
    open_api: Callable[[], RecallsApi],
    store: Store,
    years: Sequence[int] = (),
    *,
    run_id: str = "by hand",
    source: str = API,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """The whole path in one process, in the order of the DAG."""
    plans = plan(open_api, store, years, run_id, source)
    pool = ThreadPoolExecutor(1)  # lands the next batches while one is transformed
    try:
        landed = pool.map(lambda each: extract(open_api, store, each), plans)
        batches = [transform(store, raw) for raw in landed]
    finally:
        pool.shutdown(cancel_futures=True)
    receipt = publish(store, plans, batches, dry_run=dry_run, waive=waive)
    if not dry_run:
        aggregate(store)
        ledger(store)
    return receipt

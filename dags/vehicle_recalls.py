"""Vehicle recalls: the US government's recall data, every day, one Parquet file per report year.

Makes `vehicle_recalls/{year}.parquet`, three tables under `aggregates/`, a ledger of every edit,
a report for each version and the files of `site/`, all from the table `vehicle_recalls/table`. The
government replaces the whole dataset daily and edits old years all the time, so every year is read
every day; years that did not change cost nothing.

**Backfill**: trigger with `years`, or use `vehicle_recalls_by_year`, whose backfill form takes
report years (2015-01-01 to 2019-12-31 is five runs).

**When a check stops a change that is real**: trigger again with `waive`, the check's name and
the reason, such as `{"rows per year": "NHTSA withdrew the 2019 tire campaigns"}`.

**When it is red**: the last line of the failed task's log says what happened, where, and what to
do. Nothing was published; readers see the version before. Clear the task or trigger a new run at
any time: a commit is made once, and the next run finishes what was interrupted after it.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import CronPartitionTimetable, dag, get_current_context, task, task_group

from include.vehicle_recalls.years import FIRST_YEAR, parse_years
from plugins.assets import RECALLS
from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    source_param,
    store,
    waive_param,
    years_param,
)
from plugins.notifications import send_news

log = logging.getLogger(__name__)

PARAMS = {
    "years": years_param("One year; leave it empty in the form of a backfill."),
    "dry_run": dry_run_param(),
    "waive": waive_param('{"rows per year": "NHTSA withdrew the 2019 tire campaigns"}'),
}
ALL_YEARS = PARAMS | {"years": years_param("Empty means all."), "source": source_param()}
BY_BATCH = "{{ batch_label }}"


def recalls_api() -> Any:
    from plugins.hooks.recalls_hook import RecallsHook

    return RecallsHook().get_conn()


@task(pool="recalls_api")
def plan(*, one_year: bool) -> Any:
    """Count the source's rows per year; plan which years are read together."""
    from include.vehicle_recalls.batches import single_year
    from include.vehicle_recalls.pipeline import plan

    context = get_current_context()
    params, run = context["params"], context["dag_run"]
    refuse_unknown_conf(run.conf, PARAMS if one_year else ALL_YEARS)
    years = parse_years(params["years"])
    if not one_year:
        source = params["source"] or "api"
        return plan(recalls_api, store(), years, context["run_id"], source)
    year = single_year(run.partition_key, years)
    return plan(recalls_api, store(), [year], context["run_id"])


@task(pool="recalls_api", map_index_template=BY_BATCH)
def extract(batch_plan: Any) -> Any:
    """Land every page of the batch as it came, and check that the counts agree."""
    from include.vehicle_recalls.pipeline import extract

    get_current_context()["batch_label"] = batch_plan["years"]["label"]
    return extract(recalls_api, store(), batch_plan)


@task(map_index_template=BY_BATCH)
def partition(raw: Any) -> Any:
    """Type the rows, quarantine what breaks the contract, stage the years that changed."""
    from include.vehicle_recalls.pipeline import partition

    get_current_context()["batch_label"] = raw["batch"]
    return partition(store(), raw)


@task(map_index_template=BY_BATCH)
def write_parquet(raw: Any, staged: Any) -> Any:
    """Write the candidate file of each changed year."""
    from include.vehicle_recalls.pipeline import write_parquet

    get_current_context()["batch_label"] = raw["batch"]
    return write_parquet(store(), raw, staged)


@task_group
def batch(batch_plan: Any) -> Any:
    raw = extract(batch_plan)
    return write_parquet(raw, partition(raw))


@task
def publish(plans: Any, batches: Any) -> Any:
    """Compare with the current version, check, commit; then refresh the year files."""
    from include.vehicle_recalls.pipeline import publish

    # A mapped group that ran once hands over its bare value.
    batches = [batches] if isinstance(batches, dict) else list(batches)
    params = get_current_context()["params"]
    return publish(store(), list(plans), batches, dry_run=params["dry_run"], waive=params["waive"])


@task
def aggregate(receipt: Any) -> Any:
    """Refresh the three aggregations, unless they are up to date."""
    from include.vehicle_recalls.pipeline import aggregate

    if not get_current_context()["params"]["dry_run"]:
        aggregate(store())
    return receipt


@task
def ledger(receipt: Any) -> Any:
    """Add the events of each new version to the ledger, exactly once."""
    from include.vehicle_recalls.pipeline import ledger

    if not get_current_context()["params"]["dry_run"]:
        ledger(store())
    return receipt


@task
def report(receipt: Any) -> str:
    """One readable screen, on the run's page and beside the data; the news for its subscribers."""
    from include.vehicle_recalls.report import report_run

    made = report_run(store(), receipt, dry_run=get_current_context()["params"]["dry_run"])
    shown = show(made.screen)
    if made.notice:
        send_news(made.notice.headline, made.notice.text, receipt)
    measure("vehicle_recalls", receipt)
    return shown


@task(max_active_tis_per_dag=1)
def site(receipt: Any) -> None:
    """Bring the site up to date; nothing else waits for it."""
    from include.site.build import build_site

    if not get_current_context()["params"]["dry_run"]:
        build_site(store(), receipt)


@task(outlets=[RECALLS])
def announce(receipt: Any) -> None:
    """Tell the consumers of the asset which years changed.

    When none did, the task is green and says so in its log. Airflow makes an event of every outlet
    of a task that succeeds, so the outlet is taken off; to skip the task would look like a fault.
    """
    from include.lake.report import headline

    context = get_current_context()
    if receipt["version"] is None or not receipt["changed"]:
        context["task"].outlets = []
        log.info("no year changed, so there is nothing to announce")
        return
    event = context["outlet_events"][RECALLS]
    names = ("version", "read_id", "source", "observed_at", "counts")
    event.extra = {
        "headline": headline(receipt, "row"),
        "where": store().url(f"{RECALLS.name}/table"),
        **{name: receipt[name] for name in names},
    }
    event.add_partitions(sorted(receipt["changed"]))


def pipeline(*, one_year: bool) -> None:
    plans = plan(one_year=one_year)
    batches = batch.expand(batch_plan=plans)
    aggregated = aggregate(publish(plans, batches))
    recorded = ledger(aggregated)
    report(recorded) >> site(recorded)
    announce(aggregated)


@dag(schedule="@daily", tags=["recalls"], params=ALL_YEARS, **dag_options(__doc__))
def vehicle_recalls() -> None:
    pipeline(one_year=False)


BY_YEAR = {"start_date": datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), "max_active_runs": 4}


@dag(
    schedule=CronPartitionTimetable("0 0 1 1 *", timezone="UTC", key_format="%Y"),
    tags=["recalls"],
    params=PARAMS,
    **dag_options(__doc__) | BY_YEAR,
)
def vehicle_recalls_by_year() -> None:
    pipeline(one_year=True)


vehicle_recalls()
vehicle_recalls_by_year()

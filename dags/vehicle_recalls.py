"""Vehicle recalls: the US government's recall data, every day, one Parquet file a report year.

Makes `vehicle_recalls/{year}.parquet`, three tables under `aggregates/`, a ledger of every edit
and a report for each version, all from the Delta table `vehicle_recalls/table`. The government
replaces the whole dataset daily and edits old years all the time, so every year is read every
day; years that did not change cost nothing.

**Backfill**: trigger with `years`, or use `vehicle_recalls_by_year`, whose backfill form speaks
report years (2015-01-01 to 2019-12-31 is five runs).

**When a check stops a change that is real**: trigger again with `accept`, the check's name and
the reason, such as `{"rows per year": "NHTSA withdrew the 2019 tire campaigns"}`.

**When it is red**: the failed task's last line says what, where and what to do. Nothing was
published, readers see the version before. A run can always be cleared or triggered again:
a commit is done once, and whatever was interrupted after it is mended by the next run.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    Param,
    dag,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from plugins.notifying.notify import alert, tell
from plugins.policy.every_dag import (
    DEFAULTS,
    lake,
    may_accept,
    may_dry_run,
    measure,
    refuse_unknown_conf,
    show,
)

log = logging.getLogger(__name__)
RECALLS = Asset("vehicle_recalls")
THIS_YEAR = datetime.now(UTC).year
FIRST_YEAR = 1966  # NHTSA's first; a test holds it to the contract's

PARAMS = {
    "years": Param(
        [],
        type="array",
        items={"type": "integer", "minimum": FIRST_YEAR, "maximum": THIS_YEAR},
        title="Report years",
        description=f"A list such as [2019, 2024]; {FIRST_YEAR} to {THIS_YEAR}. Empty means all.",
    ),
    "dry_run": may_dry_run(),
    "accept": may_accept('{"rows per year": "NHTSA withdrew the 2019 tire campaigns"}'),
}
ALL_YEARS = PARAMS | {
    "source": Param(
        "api",
        type="string",
        pattern=r"^(api|raw:[A-Za-z0-9-]+)$(?!\n)",
        title="Source",
        description=(
            "api; or a read's token from its report, such as raw:20261121T104304-d9c96462, to make "
            "it again from what it landed. One that the table did not come from is only compared."
        ),
    )
}
ONE_YEAR = PARAMS | {
    "years": Param(
        [],
        type="array",
        items=PARAMS["years"].schema["items"],
        title="Report year",
        description="Exactly one, such as [2019]. Leave it empty in the backfill form.",
    )
}
BY_BATCH = "{{ batch_label }}"


def recalls_api() -> Any:
    from plugins.hooks.recalls_hook import RecallsHook

    return RecallsHook().get_conn()


@task(pool="recalls_api")
def census(*, one_year: bool) -> Any:
    """Ask the source for its rows per year; plan which years are read together."""
    from include.vehicle_recalls.run import begin

    context = get_current_context()
    params = context["params"]
    refuse_unknown_conf(context["dag_run"].conf, ONE_YEAR if one_year else ALL_YEARS)
    key = context["dag_run"].partition_key
    years = params["years"]
    if one_year and key:
        years = [_report_year(key)]
    if one_year and len(set(years)) != 1:
        raise AirflowFailException(
            f"vehicle_recalls_by_year reads one report year, not {years or 'all'}: "
            'start it from the backfill form, or with {"years": [2019]}'
        )
    source = "api" if one_year else params["source"]
    return begin(recalls_api, lake(), years, source, context["run_id"])


def _report_year(key: str) -> int:
    if not key.isdecimal() or not FIRST_YEAR <= int(key) <= THIS_YEAR:
        raise AirflowFailException(
            f"the partition key {key!r} is no report year; {FIRST_YEAR} to {THIS_YEAR} are"
        )
    return int(key)


@task(pool="recalls_api", map_index_template=BY_BATCH)
def extract(part: Any) -> Any:
    """Land every page of the batch as it came; shake hands on the count."""
    from include.vehicle_recalls.run import fetch

    get_current_context()["batch_label"] = part["batch"]["label"]
    return fetch(recalls_api, lake(), part)


@task(map_index_template=BY_BATCH)
def partition(landed: Any) -> Any:
    """Type the rows, set aside what breaks the contract, stage the years that changed."""
    from include.vehicle_recalls import partition

    get_current_context()["batch_label"] = landed["batch"]["label"]
    return partition.partition(lake(), landed)


@task(map_index_template=BY_BATCH)
def write_parquet(staged: Any) -> Any:
    """Write the candidate file of each changed year."""
    from include.vehicle_recalls import write

    get_current_context()["batch_label"] = staged["label"]
    return write.write_parquet(lake(), staged)


@task_group
def batch(part: Any) -> Any:
    return write_parquet(partition(extract(part)))


@task
def publish(parts: Any, written: Any) -> Any:
    """Compare with the head, check, commit; then bring the year files in line."""
    from include.vehicle_recalls.project import project_years
    from include.vehicle_recalls.publish import publish

    # A mapped group that ran once hands over its bare value.
    written = [written] if isinstance(written, dict) else list(written)
    params = get_current_context()["params"]
    dry_run, accept = params["dry_run"], params["accept"]
    here = lake()
    published = publish(here, list(parts), written, dry_run=dry_run, accept=accept)
    if not dry_run:
        project_years(here)
    return published


@task
def aggregate(published: Any) -> Any:
    """Recount all committed years, unless the aggregations are the head's already."""
    from include.vehicle_recalls.project import project_aggregates

    if not published["dry_run"]:
        project_aggregates(lake())
    return published


@task
def ledger(published: Any) -> Any:
    """Record what each version changed, one row a field, exactly once a version."""
    from include.vehicle_recalls.ledger import bring_to_head

    if not published["dry_run"]:
        bring_to_head(lake())
    return published


@task
def report(published: Any) -> None:
    """One readable screen, in this log and beside the data; news to who is configured."""
    from include.vehicle_recalls.report import project_reports, render

    here = lake()
    screen = render(here, published)
    if not published["dry_run"]:
        project_reports(here)
    show(screen, log)
    tell(here, published)
    is_whole = not (published["years_read"] or published["replay_of"])
    if is_whole and not published["dry_run"]:
        measure("vehicle_recalls", published, published["counts"]["quarantined"])


@task(outlets=[RECALLS])
def announce(published: Any) -> None:
    """Tell who waits for recalls which years changed; skipped when none did."""
    if published["version"] is None or not published["changed"]:
        raise AirflowSkipException("no year was changed")
    event = get_current_context()["outlet_events"][RECALLS]
    event.extra = {
        name: published[name] for name in ("version", "token", "source", "observed_at", "counts")
    }
    event.add_partitions(sorted(published["changed"]))


def pipeline(*, one_year: bool) -> None:
    parts = census(one_year=one_year)
    written = batch.expand(part=parts)
    aggregated = aggregate(publish(parts, written))
    report(ledger(aggregated))
    announce(aggregated)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=ALL_YEARS,
    default_args=DEFAULTS,
    on_failure_callback=alert,
    description=(__doc__ or "").partition("\n")[0],
    doc_md=__doc__,
    tags=["recalls"],
)
def vehicle_recalls() -> None:
    pipeline(one_year=False)


@dag(
    schedule=CronPartitionTimetable("0 0 1 1 *", timezone="UTC", key_format="%Y"),
    start_date=datetime(FIRST_YEAR, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    params=ONE_YEAR,
    default_args=DEFAULTS,
    on_failure_callback=alert,
    description=(__doc__ or "").partition("\n")[0],
    doc_md=__doc__,
    tags=["recalls"],
)
def vehicle_recalls_by_year() -> None:
    pipeline(one_year=True)


vehicle_recalls()
vehicle_recalls_by_year()

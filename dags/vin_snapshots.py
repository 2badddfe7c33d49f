"""VIN snapshots: every vehicle that the VIN service knows, every day, as one Parquet file.

Makes `vin_snapshots/vehicles.parquet` from the Delta table `vin_snapshots/table`, whose versions
are the days on which something changed. The export is landed as it came, checked, and compared
with the version before; an export that says the same commits nothing.

**Backfill**: there is none, for the service only has today's vehicles. Earlier days are versions
of the table.

**When a check stops a change that is real**: trigger again with `accept`, the check's name and
the reason, such as `{"vehicles": "the cache was started anew"}`.

**When it is red**: the failed task's last line says what, where and what to do. Nothing was
published, readers see the version before. A run can always be cleared or triggered again:
a commit is done once, and whatever was interrupted after it is mended by the next run.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, get_current_context, task

from plugins.notifying.notify import alert
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

PARAMS = {
    "dry_run": may_dry_run(),
    "accept": may_accept('{"vehicles": "the cache was started anew"}'),
}


def vin_api() -> Any:
    from plugins.hooks.vin_hook import VinHook

    return VinHook().get_conn()


@task(pool="vin_api")
def fetch() -> Any:
    """Land the export of the VIN service byte for byte."""
    from include.vin_snapshots.fetch import fetch

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    return fetch(vin_api(), lake(), context["run_id"])


@task
def check(landed: Any) -> Any:
    """Hold the export to what must always be so: its columns, its VINs, its source."""
    from include.vin_snapshots.fetch import check

    return check(lake(), landed)


@task
def publish(checked: Any) -> Any:
    """Compare with the version before, check what that takes away, commit if it differs."""
    from include.vin_snapshots.publish import publish

    params = get_current_context()["params"]
    return publish(lake(), checked, dry_run=params["dry_run"], accept=params["accept"])


@task
def project(published: Any) -> Any:
    """Bring the plain file in line with the table."""
    from include.vin_snapshots.publish import project

    if not published["dry_run"]:
        project(lake())
    return published


@task
def report(published: Any) -> None:
    """One readable screen, in this log."""
    from include.vin_snapshots.publish import OVERTAKEN
    from include.vin_snapshots.report import render

    show(render(lake(), published), log)
    if not published["dry_run"] and published["state"] != OVERTAKEN:
        measure("vin_snapshots", published)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=DEFAULTS,
    on_failure_callback=alert,
    description=(__doc__ or "").partition("\n")[0],
    doc_md=__doc__,
    tags=["vehicles"],
)
def vin_snapshots() -> None:
    report(project(publish(check(fetch()))))


vin_snapshots()

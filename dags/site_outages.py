"""Site outages: what KrakenFlex should know of a site, found out and posted, every day.

Makes `site_outages/{site_id}.parquet`, from the Delta table `site_outages/table`, and posts the
same outages to KrakenFlex. It gets all outages and the site, keeps the outages of the site's
devices that did not begin before `since`, and attaches the device's name; their order and their
timestamps stay as they came.

**Backfill**: none is needed, for the API only has today's state. For another site trigger with its
`site_id`. What another `since` would find a dry run shows; KrakenFlex takes only the usual one.

**Posted at least once**: a record is kept before and after each post. What KrakenFlex accepted
last is not posted again; `force` does it all the same. After a crash between post and record the
same payload is posted again.

**When it is red**: the failed task's last line says what, where and what to do. Until `post` is
green nothing was published. A run can always be cleared or triggered again: what was interrupted
is mended by the next run.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from plugins.notifying.notify import alert
from plugins.policy.every_dag import (
    DEFAULTS,
    lake,
    may_dry_run,
    measure,
    refuse_unknown_conf,
    show,
)

log = logging.getLogger(__name__)

PARAMS = {
    "site_id": Param(
        "norwich-pear-tree",
        type="string",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$(?!\n)",
        title="Site",
        description="The site's id at KrakenFlex, such as norwich-pear-tree.",
    ),
    "since": Param(
        "2022-01-01T00:00:00.000Z",
        type="string",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$(?!\n)",
        title="Since",
        description=(
            "An instant with its offset. An outage that began before it is left out; "
            "one that began exactly then is kept. KrakenFlex takes no other than the usual one, "
            "so that another is for dry runs."
        ),
    ),
    "dry_run": may_dry_run(
        "Post nothing and publish nothing; the report shows what would be posted."
    ),
    "force": Param(
        False,
        type="boolean",
        title="Force",
        description="Post even if KrakenFlex accepted the same payload last.",
    ),
}


def krakenflex() -> Any:
    from plugins.hooks.krakenflex_hook import KrakenflexHook

    return KrakenflexHook().get_conn()


@task
def begin() -> Any:
    """Say what is read, and under which token."""
    from include.site_outages import read

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    params = context["params"]
    return read.begin(lake(), params["site_id"], params["since"], context["run_id"])


@task(pool="krakenflex_api")
def outages(begun: Any) -> Any:
    """Land all outages as they came."""
    from include.site_outages.read import land_outages

    return land_outages(krakenflex(), lake(), begun)


@task(pool="krakenflex_api")
def site(begun: Any) -> Any:
    """Land the site and its devices as they came."""
    from include.site_outages.read import land_site

    return land_site(krakenflex(), lake(), begun)


@task
def enrich(begun: Any, all_outages: Any, the_site: Any) -> Any:
    """Keep the site's outages that count, attach names; say what is odd about them."""
    from include.site_outages.read import stage

    return stage(lake(), begun, all_outages, the_site)


@task(pool="krakenflex_api")
def post(staged: Any) -> Any:
    """Post the outages, unless they are what KrakenFlex accepted last."""
    from include.site_outages.deliver import deliver

    params = get_current_context()["params"]
    dry_run, force = params["dry_run"], params["force"]
    return deliver(krakenflex, lake(), staged, dry_run=dry_run, force=force)


@task
def publish(delivered: Any) -> Any:
    """Commit the site's file if it changed; then bring the plain files in line."""
    from include.site_outages import publish

    here = lake()
    published = publish.publish(here, delivered)
    if not delivered["dry_run"]:
        publish.project(here)
    return published


@task
def report(published: Any) -> None:
    """One readable screen in this log."""
    from include.site_outages.publish import OVERTAKEN
    from include.site_outages.report import render

    show(render(lake(), published), log)
    if not published["dry_run"] and published["state"] != OVERTAKEN:
        measure("site_outages", published, published["counts"]["set_aside"])


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
    tags=["outages"],
)
def site_outages() -> None:
    begun = begin()
    report(publish(post(enrich(begun, outages(begun), site(begun)))))


site_outages()

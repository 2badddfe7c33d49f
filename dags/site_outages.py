"""Site outages: find the outages of a site and post them to KrakenFlex, every day.

Makes `site_outages/{site_id}.parquet` from the Delta table `site_outages/table`, and posts the
same outages to KrakenFlex: those of the site's devices that did not begin before `since`, each
with the name of its device. Their order and their timestamps stay as the API sent them.

**Backfill**: there is none, because the API only has today's outages. For another site, trigger
with its `site_id`.

**Posted at least once**: a record is written before and after each post. The outages that
KrakenFlex accepted last are not posted again, unless with `force`. After a crash between post and
record they are posted again.

**When it is red**: the last line of the failed task says what happened, to which thing, and what
to do. Before `deliver` is green nothing is published. Clear the task or trigger the DAG again: the
next run repairs whatever was interrupted.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    flag_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
)

PARAMS = {
    "site_id": Param(
        "norwich-pear-tree",
        type="string",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$(?!\n)",
        title="Site",
        description="The id of the site at KrakenFlex, such as norwich-pear-tree.",
    ),
    "since": Param(
        "2022-01-01T00:00:00.000Z",
        type="string",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$(?!\n)",
        title="Since",
        description=(
            "A point in time with its offset. An outage that began before it is not posted; one "
            "that began exactly then is. KrakenFlex only accepts the default: use another one "
            "with a dry run."
        ),
    ),
    "dry_run": dry_run_param(
        "Post and publish nothing; the report shows what would be posted and what would change."
    ),
    "force": flag_param(
        "Force", "Post the outages even if KrakenFlex accepted the same ones last."
    ),
}


def krakenflex() -> Any:
    from plugins.hooks.krakenflex_hook import KrakenFlexHook

    return KrakenFlexHook().get_conn()


@task(pool="krakenflex_api")
def extract() -> Any:
    """Land the list of all outages and the site, byte for byte."""
    from include.site_outages.pipeline import extract

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    params = context["params"]
    return extract(krakenflex(), store(), params["site_id"], params["since"], context["run_id"])


@task
def transform(raw: Any) -> Any:
    """Keep the outages of the site, attach the names, quarantine what cannot be posted."""
    from include.site_outages.pipeline import transform

    return transform(store(), raw)


@task(pool="krakenflex_api")
def deliver(raw: Any, batch: Any) -> Any:
    """Post the outages, unless KrakenFlex accepted the same ones last."""
    from include.site_outages.deliver import deliver

    params = get_current_context()["params"]
    dry_run, force = params["dry_run"], params["force"]
    return deliver(krakenflex(), store(), raw, batch, dry_run=dry_run, force=force)


@task
def publish(raw: Any, batch: Any) -> Any:
    """Commit the rows of the site, if they changed."""
    from include.site_outages.pipeline import publish

    dry_run = get_current_context()["params"]["dry_run"]
    return publish(store(), raw, batch, dry_run=dry_run)


@task
def report(receipt: Any) -> str:
    """Show one screen, in the log and on the run's page."""
    from include.site_outages.report import report

    shown = show(report(store(), receipt))
    measure("site_outages", receipt)
    return shown


@dag(schedule="@daily", tags=["outages"], params=PARAMS, **dag_options(__doc__))
def site_outages() -> None:
    raw = extract()
    report(publish(raw, deliver(raw, transform(raw))))


site_outages()

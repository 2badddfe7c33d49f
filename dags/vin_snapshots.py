"""VIN snapshots: every vehicle that the VIN service knows, every day, as one Parquet file.

Makes `vin_snapshots/vehicles.parquet` from the Delta table `vin_snapshots/table`. Each day on
which something changed is a version of the table; an export without changes commits nothing.

**Backfill**: there is none, because the service only has today's vehicles. Earlier days are
versions of the table.

**When a check stops a change that is real**: trigger again with `waive`, the name of the check and
the reason, such as `{"rows in total": "the cache was replaced"}`.

**When it is red**: the last line of the failed task says what happened, to which thing, and what
to do. Nothing was published; readers see the version before. Clear the task or trigger the DAG
again: a read is committed once, and the next run repairs whatever was interrupted after it.
"""

from typing import Any

from airflow.sdk import dag, get_current_context, task

from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
    waive_param,
)

PARAMS = {
    "dry_run": dry_run_param(),
    "waive": waive_param('{"rows in total": "the cache was replaced"}'),
}


@task(pool="vin_api")
def extract() -> Any:
    """Land the export of the VIN service, byte for byte."""
    from include.vin_snapshots.pipeline import extract
    from plugins.hooks.vin_hook import VinHook

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    return extract(VinHook().get_conn(), store(), context["run_id"])


@task
def transform(raw: Any) -> Any:
    """Validate the vehicles, and quarantine those that break the contract."""
    from include.vin_snapshots.pipeline import transform

    return transform(store(), raw)


@task
def publish(raw: Any, batch: Any) -> Any:
    """Compare with the current version, check the changes, and commit them."""
    from include.vin_snapshots.pipeline import publish

    params = get_current_context()["params"]
    return publish(store(), raw, batch, dry_run=params["dry_run"], waive=params["waive"])


@task
def report(receipt: Any) -> str:
    """Show one screen, in the log and on the run's page."""
    from include.lake.report import standard_report
    from include.vin_snapshots.contract import VIN_SNAPSHOTS

    shown = show(
        standard_report(store(), VIN_SNAPSHOTS, receipt, noun="vehicle", name="VIN snapshots")
    )
    measure("vin_snapshots", receipt)
    return shown


@dag(schedule="@daily", tags=["vehicles"], params=PARAMS, **dag_options(__doc__))
def vin_snapshots() -> None:
    raw = extract()
    report(publish(raw, transform(raw)))


vin_snapshots()

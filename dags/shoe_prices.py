"""Shoe prices: what a shop asks for its shoes in dollars, and in euros at the ECB's rate, daily.

Makes `shoe_prices/{rate_date}.parquet` and `.csv`, and `shoe_prices/latest.parquet` and `.csv`,
from the Delta table `shoe_prices/table`; and the Delta table `shoe_products/table` with the ledger
of what the shop changed from read to read. The DAG runs at 17:00 UTC, after the ECB has published
the rate of the day. On a day without a rate, such as a Sunday, the last rate before it is used,
and the file has the date of that rate.

**Backfill**: trigger with a `rate_date`, or with `start_date` and `end_date` for every rate in
between. The shop gives only the prices of today, so the prices of a past day are those of today at
the rate of that day.

**The user of the shop**: the first run creates the user that the connection `shop_api` names, if
the shop does not have it. Later runs use the tokens in the Variable `shop_tokens`.

**When a check fails although the data is right**: trigger again with `waive`, the name of the
check and the reason, such as `{"products that stayed": "the shop was emptied"}`.

**When it is red**: the last line of the failed task says what happened, where, and what to do.
Clear the task or trigger the DAG again: a commit is done once, and the next run finishes what was
interrupted.
"""

from datetime import UTC
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
    waive_param,
)


def day_param(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


PARAMS = {
    "category": Param(
        "Shoes",
        type="string",
        minLength=1,
        maxLength=200,
        pattern=r"\S",
        title="Category",
        description="The name of a category of the shop; upper and lower case are alike.",
    ),
    "rate_date": day_param(
        "Rate date",
        "Use the last rate up to this day, such as 2023-02-10. Empty: the day of the run.",
    ),
    "start_date": day_param("Start date", "With an end date: every rate from this day on."),
    "end_date": day_param("End date", "With a start date: every rate up to and on this day."),
    "dry_run": dry_run_param(),
    "waive": waive_param('{"products that stayed": "the shop was emptied"}'),
}


@task(pool="shop_api")
def extract() -> Any:
    """Sign in to the shop; land the products of the category and the rates as they came."""
    from include.shoe_prices import pipeline
    from include.shoe_prices.ecb import asked_days
    from plugins.hooks.ecb_hook import EcbHook
    from plugins.hooks.shop_hook import ShopHook

    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    refuse_unknown_conf(run.conf, PARAMS)
    run_day = (run.logical_date or run.run_after).astimezone(UTC).date().isoformat()
    days = asked_days(run_day, params["rate_date"], params["start_date"], params["end_date"])
    shop, ecb = ShopHook().get_conn(), EcbHook().get_conn()
    return pipeline.extract(shop, ecb, store(), context["run_id"], days, params["category"])


@task
def transform(raw: Any) -> Any:
    """Validate the products, quarantine those that break the contract, and price the others."""
    from include.shoe_prices import pipeline

    return {table: pipeline.transform(store(), raw[table]) for table in raw}


@task
def publish(raw: Any, batches: Any) -> Any:
    """Check and commit products and prices; then bring the plain files and ledgers up to date."""
    from include.shoe_prices import pipeline

    params = get_current_context()["params"]
    return pipeline.publish(store(), raw, batches, dry_run=params["dry_run"], waive=params["waive"])


@task
def report(receipts: Any) -> str:
    """Show the run on one screen, in this log and on the run's page."""
    from include.shoe_prices.report import report

    shown = show(report(store(), receipts))
    measure("shoe_prices", receipts["products"])
    return shown


@dag(schedule="0 17 * * *", tags=["prices"], params=PARAMS, **dag_options(__doc__))
def shoe_prices() -> None:
    raw = extract()
    report(publish(raw, transform(raw)))


shoe_prices()

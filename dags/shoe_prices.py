"""Shoe prices: what a shop asks for its shoes in dollars, and in euros at the ECB's rate, daily.

Makes `shoe_prices/{rate_date}.parquet` and `.csv`, `shoe_prices/latest.parquet` and `.csv`, from
the Delta table `shoe_prices/table`, and a ledger of what the shop changed from read to read. It
runs at 17:00 UTC, when the ECB has published the day's rate. On a day without one, such as a
Sunday, the last rate before it counts, and the file has that rate's date.

**Backfill**: trigger with a `rate_date`, or with `start_date` and `end_date` for every rate in
between. The shop only tells today's prices: those of past days are today's at the rate of then.

**The user of the shop**: the first run creates the one that the connection `shop_api` names, if
there is none with its login. Later runs use the tokens of the Variable `shop_tokens`.

**When it is red**: the failed task's last line says what, where and what to do. Nothing was
published, readers see the version before. A run can always be cleared or triggered again: what
was interrupted is mended by the next run.
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
    may_accept,
    may_dry_run,
    measure,
    refuse_unknown_conf,
    show,
)

log = logging.getLogger(__name__)


def _day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


PARAMS = {
    "category": Param(
        "Shoes",
        type="string",
        minLength=1,
        maxLength=200,
        pattern=r"\S",
        title="Category",
        description="A category of the shop by its name, in any case.",
    ),
    "rate_date": _day(
        "Rate date",
        "The last rate on or before this day, such as 2023-02-10. Empty means the run's day.",
    ),
    "start_date": _day("Start date", "With an end date: every rate from this day on."),
    "end_date": _day("End date", "With a start date: every rate up to this day, which counts too."),
    "dry_run": may_dry_run(),
    "accept": may_accept('{"products that stayed": "the shop was emptied"}'),
}


@task
def begin() -> Any:
    """Say which days are asked for, and under which token."""
    from include.shoe_prices import read

    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    refuse_unknown_conf(run.conf, PARAMS)
    days = (params["rate_date"], params["start_date"], params["end_date"])
    run_day = (run.logical_date or run.run_after).astimezone(UTC).date().isoformat()
    return read.begin(lake(), params["category"], run_day, *days, context["run_id"])


@task(pool="shop_api")
def products(asked: Any) -> Any:
    """Sign in to the shop; land every page of the category as it came."""
    from include.shoe_prices.read import land_products
    from plugins.hooks.shop_hook import ShopHook

    return land_products(ShopHook().get_conn(), lake(), asked)


@task(pool="ecb_api")
def rates(asked: Any) -> Any:
    """Land the ECB's rates as they came."""
    from include.shoe_prices.read import land_rates
    from plugins.hooks.ecb_hook import EcbHook

    return land_rates(EcbHook().get_conn(), lake(), asked)


@task
def accept(asked: Any, landed_products: Any, landed_rates: Any) -> Any:
    """Hold the products against the contract, set aside what breaks it; choose the rates."""
    from include.shoe_prices.price import stage

    return stage(lake(), asked, landed_products, landed_rates)


@task
def publish(staged: Any) -> Any:
    """Price the products, commit the days that changed; then bring the plain files in line."""
    from include.shoe_prices import project, publish

    here, params = lake(), get_current_context()["params"]
    published = publish.publish(here, staged, dry_run=params["dry_run"], accept=params["accept"])
    if not published["dry_run"]:
        project.project(here)
    return published


@task
def ledger(published: Any) -> Any:
    """Record what the shop changed, one row a field, exactly once a version."""
    from include.shoe_prices.ledger import bring_to_head

    if not published["dry_run"]:
        bring_to_head(lake())
    return published


@task
def report(published: Any) -> None:
    """One readable screen in this log."""
    from include.shoe_prices.publish import OVERTAKEN
    from include.shoe_prices.report import render

    show(render(lake(), published), log)
    if not published["dry_run"] and published["state"] != OVERTAKEN:
        measure("shoe_prices", published, published["counts"]["set_aside"])


@dag(
    schedule="0 17 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=DEFAULTS,
    on_failure_callback=alert,
    description=(__doc__ or "").partition("\n")[0],
    doc_md=__doc__,
    tags=["prices"],
)
def shoe_prices() -> None:
    asked = begin()
    report(ledger(publish(accept(asked, products(asked), rates(asked)))))


shoe_prices()

"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from include.first.lake import Lake
from include.shoe_prices.ecb import Ecb
from include.shoe_prices.ledger import bring_to_head
from include.shoe_prices.price import stage
from include.shoe_prices.project import project
from include.shoe_prices.publish import Published, publish
from include.shoe_prices.read import begin, land_products, land_rates
from include.shoe_prices.shop import Shop

CATEGORY = "Shoes"


def run(
    shop: Shop,
    ecb: Ecb,
    lake: Lake,
    run_day: str,
    *,
    category: str = CATEGORY,
    rate_date: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    run_id: str = "by hand",
    dry_run: bool = False,
    accept: Mapping[str, str] | None = None,
) -> Published:
    asked = begin(lake, category, run_day, rate_date, start_date, end_date, run_id)
    landed = land_products(shop, lake, asked), land_rates(ecb, lake, asked)
    published = publish(lake, stage(lake, asked, *landed), dry_run=dry_run, accept=accept)
    if not dry_run:
        project(lake)
        bring_to_head(lake)
    return published

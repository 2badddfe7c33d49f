"""The tasks of the DAG shoe_prices, in their order.

A run reads the products of one category and the rates of some days. It publishes two tables: what
the shop sells, and these products at each rate. The prices are made from the products as the same
run publishes them, so a quarantined product is priced as it was published last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from include.data.checks import Check, examples
from include.data.tables import concat, is_in
from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.lake import publish as core
from include.lake.copies import refresh_copies
from include.lake.keys import Keys
from include.lake.landing import RawPages, land_answers, landed_batches, publisher_of, read_page
from include.lake.ledger import record
from include.lake.plan import Plan, plan_for
from include.lake.publish import OUTDATED, Receipt
from include.lake.staging import StagedBatch, read_table_file, stage, write_candidates
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version
from include.shoe_prices.checks import euros_match, products_stayed, rate_is_recent
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.ecb import Days, Ecb, choose_rates, rates_in
from include.shoe_prices.files import plain_files
from include.shoe_prices.shop import Shop
from include.shoe_prices.transform import price_rows, read_products

PRODUCTS, PRICES = "products", "prices"  # what each task makes for the two tables
PRODUCTS_READ = "products_read_id"  # a fact of the raw pages of prices


def extract(
    shop: Shop, ecb: Ecb, store: Store, run_id: str, days: Days, category: str
) -> dict[str, RawPages]:
    """Land the rates of the days and all products of the category, byte for byte."""
    rates = ecb.rates(days)
    chosen = choose_rates(days, rates_in(rates.content), rates.date.date())
    name, listed = shop.listing(category)
    publisher_of([listed, rates])
    # By name, because the shop may give a category another number.
    covers = {"category_name": [name]}
    first = days.first and days.first.isoformat()
    facts = {"category": name, "first": first, "last": days.last.isoformat()}
    products = land_answers(
        store, SHOE_PRODUCTS, "shop", run_id, [listed], covers=covers, facts=facts
    )
    prices = land_answers(
        store,
        SHOE_PRICES,
        "shop and ECB",
        run_id,
        [rates],
        covers=covers,
        moment=products["moment"],
        partitions=map(str, chosen),
        facts=facts | {PRODUCTS_READ: products["read"]["read_id"]},
    )
    return {PRODUCTS: products, PRICES: prices}


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Validate and stage the products of a read, or the prices of a read at their rates."""
    return _prices(store, raw) if PRODUCTS_READ in raw["facts"] else _products(store, raw)


def _products(store: Store, raw: RawPages) -> StagedBatch:
    found = read_products(read_page(store, raw["pages"][0]))
    if not found.rows.num_rows:
        raise PermanentError(
            f"the category {raw['facts']['category']} has {found.listed} products and no valid "
            "one; nothing was published. Look at the shop. "
            + examples(found.quarantined["reasons"].to_pylist())
        )
    facts = {"listed": found.listed, "repeated": found.repeated}
    batch = stage(store, SHOE_PRODUCTS, raw, found.rows, found.quarantined, facts)
    return write_candidates(store, SHOE_PRODUCTS, raw["read"]["read_id"], batch)


def _prices(store: Store, raw: RawPages) -> StagedBatch:
    """Of the products as the next version has them, so those that are carried over too."""
    (products,) = landed_batches(store, SHOE_PRODUCTS, raw["facts"][PRODUCTS_READ])
    read = products["read"]
    before = load_version(store, Keys(SHOE_PRODUCTS.name).table, read["since_version"])
    plan = plan_for(store, SHOE_PRODUCTS, before, read, [_products(store, products)])
    for_sale = _of_category(store, raw, plan)
    rates = rates_in(read_page(store, raw["pages"][0]))
    days = map(date.fromisoformat, raw["partitions"])
    rows = concat(price_rows(for_sale, day, rates[day]) for day in days)
    batch = stage(store, SHOE_PRICES, raw, rows, QUARANTINE.empty_table())
    return write_candidates(store, SHOE_PRICES, raw["read"]["read_id"], batch)


def _of_category(store: Store, raw: RawPages, products: Version | Plan) -> pa.Table:
    if not products.parts:
        return SHOE_PRODUCTS.schema.empty_table()
    rows = read_table_file(store, SHOE_PRODUCTS, products.parts[""]["path"])
    return rows.filter(is_in(rows["category_name"], [raw["facts"]["category"]]))


def publish(
    store: Store,
    raw: Mapping[str, RawPages],
    batches: Mapping[str, StagedBatch],
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> dict[str, Receipt]:
    """Commit the products, then the prices; then bring plain files and ledgers up to date.

    A crash between the two commits leaves the prices as they were, until this task or the next
    run for the same days commits them.
    """

    def check_products(plan: Plan) -> list[Check]:
        before, after = (_of_category(store, raw[PRODUCTS], of) for of in (plan.current, plan))
        return [products_stayed(before, after)]

    def check_prices(plan: Plan) -> list[Check]:
        days = [day for day in plan.changed if day in plan.parts]
        rows = parallel_map(
            lambda day: read_table_file(store, SHOE_PRICES, plan.parts[day]["path"]), days
        )
        of_prices = raw[PRICES]
        return [
            euros_match(dict(zip(days, rows, strict=True))),
            rate_is_recent(max(of_prices["partitions"]), of_prices["facts"]["last"]),
        ]

    products = core.publish(
        store,
        SHOE_PRODUCTS,
        raw[PRODUCTS]["read"],
        [batches[PRODUCTS]],
        dry_run=dry_run,
        waive=waive,
        more_checks=check_products,
    )
    is_outdated = products["outcome"] == OUTDATED
    prices = core.publish(
        store,
        SHOE_PRICES,
        raw[PRICES]["read"],
        [batches[PRICES]],
        dry_run=dry_run or is_outdated,
        more_checks=check_prices,
    )
    if is_outdated:
        prices |= {"outcome": OUTDATED}
    if not dry_run:
        refresh(store)
    return {PRODUCTS: products, PRICES: _for_report(prices, raw[PRICES]["partitions"])}


def refresh(store: Store) -> list[str]:
    """Bring ledgers and plain files up to the tables; returns the files it wrote."""
    record(store, SHOE_PRODUCTS)
    record(store, SHOE_PRICES)
    return refresh_copies(store, SHOE_PRICES, lambda version: plain_files(store, version))


def _for_report(receipt: Receipt, days: list[str]) -> Receipt:
    """Without the state of all other days, which XCom need not carry."""
    parts = {day: receipt["parts"][day] for day in days if day in receipt["parts"]}
    return receipt | {"days": days, "newest": max(receipt["parts"], default=""), "parts": parts}

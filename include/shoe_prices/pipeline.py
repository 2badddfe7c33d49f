"""The tasks of the DAG shoe_prices, in their order.

A run reads the products of one category and the rates of some days. It publishes two tables: what
the shop sells, and these products at each rate. The prices are made from the products as the same
run publishes them, so a quarantined product is priced as it was published last.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.tables import concat, is_in, not_in
from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.landing import RawPages, land_answers, landed_batches, publisher_of, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import refresh_copies
from include.lake.plan import Plan, plan_for
from include.lake.publish import OUTDATED, Receipt, publish_read
from include.lake.staging import StagedBatch, read_table_file, stage, write_candidates
from include.lake.store import Store
from include.lake.table import Version, load_version
from include.shoe_prices.contract import (
    MAX_RATE_AGE_DAYS,
    PRODUCTS_GONE,
    SHOE_PRICES,
    SHOE_PRODUCTS,
)
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

    def commit(dataset: Dataset, table: str, **options: Any) -> Receipt:
        return publish_read(store, dataset, raw[table]["read"], [batches[table]], **options)

    products = commit(
        SHOE_PRODUCTS,
        PRODUCTS,
        dry_run=dry_run,
        waive=waive,
        more_checks=lambda plan: [_products_stayed(store, raw[PRODUCTS], plan)],
    )
    is_outdated = products["outcome"] == OUTDATED
    prices = commit(
        SHOE_PRICES,
        PRICES,
        dry_run=dry_run or is_outdated,
        more_checks=lambda _: [_rate_is_recent(raw[PRICES])],
    )
    if is_outdated:
        prices |= {"outcome": OUTDATED}
    if not dry_run:
        refresh(store)
    return {PRODUCTS: products, PRICES: _for_report(prices, raw[PRICES]["partitions"])}


def _products_stayed(store: Store, raw: RawPages, plan: Plan) -> Check:
    """Of the category that was read: other products under new numbers do not make up for them."""
    before, after = (_of_category(store, raw, products) for products in (plan.current, plan))
    gone = pc.sum(not_in(before["id"], after["id"])).as_py() or 0
    return Check(
        "products that stayed",
        passed=PRODUCTS_GONE.allows(gone, before.num_rows),
        found=f"{gone:,} of {before.num_rows:,} are gone from the category",
        hint=f"the limit is {PRODUCTS_GONE}; look at the shop, it may be in the middle of a reset",
        can_waive=True,
    )


def _rate_is_recent(raw: RawPages) -> Check:
    newest, asked = max(raw["partitions"]), raw["facts"]["last"]
    age_days = (date.fromisoformat(asked) - date.fromisoformat(newest)).days
    return Check(
        "the rate is recent",
        passed=age_days <= MAX_RATE_AGE_DAYS,
        found=f"of {newest}, {age_days} days before {asked}",
        hint="the ECB publishes on working days: look at its site",
        warns=True,
    )


def refresh(store: Store) -> list[str]:
    """Bring ledgers and plain files up to the tables; returns the files it wrote."""
    update_ledger(store, SHOE_PRODUCTS)
    update_ledger(store, SHOE_PRICES)
    return refresh_copies(store, SHOE_PRICES, lambda version: plain_files(store, version))


def _for_report(receipt: Receipt, days: list[str]) -> Receipt:
    """Without the state of all other days, which XCom need not carry."""
    parts = {day: receipt["parts"][day] for day in days if day in receipt["parts"]}
    return receipt | {"days": days, "newest": max(receipt["parts"], default=""), "parts": parts}

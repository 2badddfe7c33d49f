"""The tasks of the DAG shoe_prices, in their order.

A run reads the products of one category and the rates of some days. It publishes two tables: what
the shop sells, and these products at each rate. The prices are made from the products as the same
run publishes them, so a quarantined product is priced as it was published last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Generic, TypedDict, TypeVar

from include.data.checks import Check, examples
from include.data.tables import concat
from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.lake import publish as core
from include.lake.copies import refresh_copies
from include.lake.landing import RawPages, finish_landing, land_page, landed_batches, read_page
from include.lake.ledger import record
from include.lake.plan import Plan, plan_for
from include.lake.publish import OUTDATED, Receipt
from include.lake.reads import Source, SourceMismatch, start_read
from include.lake.staging import StagedBatch, read_table_file, stage, write_candidates
from include.lake.store import Store, parallel_map
from include.shoe_prices.categories import category_ids, of_category, products_version
from include.shoe_prices.checks import euros_match, products_stayed, rate_is_recent
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.ecb import Days, Ecb, choose_rates, rates_in
from include.shoe_prices.plain_files import plain_files
from include.shoe_prices.shop import Shop
from include.shoe_prices.transform import price_rows, read_products

CATEGORY = "Shoes"
PRODUCTS_READ = "products_read_id"  # a fact of the raw pages of prices
Each = TypeVar("Each")


class Two(TypedDict, Generic[Each]):
    """What a task makes for each of the two tables."""

    products: Each
    prices: Each


def extract(
    shop: Shop, ecb: Ecb, store: Store, run_id: str, days: Days, category: str = CATEGORY
) -> Two[RawPages]:
    """Land the rates of the days and every page of the category, byte for byte."""
    rates = ecb.rates(days)
    chosen = choose_rates(days, rates_in(rates.content), rates.date.date())
    listing = shop.listing(category)
    publisher = listing.page.publisher
    if publisher != rates.publisher:
        raise SourceMismatch(
            f"the shop's products are {publisher} and the ECB's rates {rates.publisher}; "
            "nothing was published. Correct the connections"
        )
    covers = {"category_id": category_ids(store, listing.category)}
    source = Source(dataset="shop", publisher=publisher)
    of_products, _ = start_read(store, SHOE_PRODUCTS, source, run_id, covers=covers)
    source = Source(dataset="shop and ECB", publisher=publisher)
    of_prices, _ = start_read(store, SHOE_PRICES, source, run_id, covers=covers)
    facts = {
        "category": listing.category.name,
        "first": days.first and days.first.isoformat(),
        "last": days.last.isoformat(),
    }
    page = land_page(store, SHOE_PRODUCTS, of_products, "all", 0, listing.page.gzipped)
    products = finish_landing(
        store, SHOE_PRODUCTS, of_products, [page], listing.moment, facts=facts
    )
    page = land_page(store, SHOE_PRICES, of_prices, "all", 0, rates.gzipped)
    facts[PRODUCTS_READ] = of_products["read_id"]
    days_with_rate = map(str, chosen)
    prices = finish_landing(
        store,
        SHOE_PRICES,
        of_prices,
        [page],
        listing.moment,
        partitions=days_with_rate,
        facts=facts,
    )
    return Two(products=products, prices=prices)


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
    before = products_version(store, products["read"]["since_version"])
    plan = plan_for(store, SHOE_PRODUCTS, before, products["read"], [_products(store, products)])
    for_sale = of_category(store, products["read"], plan)
    rates = rates_in(read_page(store, raw["pages"][0]))
    days = map(date.fromisoformat, raw["partitions"])
    rows = concat(price_rows(for_sale, day, rates[day]) for day in days)
    batch = stage(store, SHOE_PRICES, raw, rows, QUARANTINE.empty_table())
    return write_candidates(store, SHOE_PRICES, raw["read"]["read_id"], batch)


def publish(
    store: Store,
    raw: Two[RawPages],
    batches: Two[StagedBatch],
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Two[Receipt]:
    """Commit the products, then the prices; then bring plain files and ledgers up to date.

    A crash between the two commits leaves the prices as they were, until this task or the next
    run for the same days commits them.
    """

    def check_products(plan: Plan) -> list[Check]:
        read = raw["products"]["read"]
        before, after = (of_category(store, read, of) for of in (products_version(store), plan))
        return [products_stayed(before, after)]

    def check_prices(plan: Plan) -> list[Check]:
        days = [day for day in plan.changed if day in plan.parts]
        rows = parallel_map(
            lambda day: read_table_file(store, SHOE_PRICES, plan.parts[day]["path"]), days
        )
        of_prices = raw["prices"]
        return [
            euros_match(dict(zip(days, rows, strict=True))),
            rate_is_recent(max(of_prices["partitions"]), of_prices["facts"]["last"]),
        ]

    products = core.publish(
        store,
        SHOE_PRODUCTS,
        raw["products"]["read"],
        [batches["products"]],
        dry_run=dry_run,
        waive=waive,
        more_checks=check_products,
    )
    is_outdated = products["outcome"] == OUTDATED
    prices = core.publish(
        store,
        SHOE_PRICES,
        raw["prices"]["read"],
        [batches["prices"]],
        dry_run=dry_run or is_outdated,
        more_checks=check_prices,
    )
    if is_outdated:
        prices |= {"outcome": OUTDATED}
    if not dry_run:
        refresh(store)
    return Two(products=products, prices=_for_report(prices, raw["prices"]["partitions"]))


def refresh(store: Store) -> list[str]:
    """Bring ledgers and plain files up to the tables; returns the files it wrote."""
    record(store, SHOE_PRODUCTS)
    record(store, SHOE_PRICES)
    return refresh_copies(store, SHOE_PRICES, lambda version: plain_files(store, version))


def run(
    shop: Shop,
    ecb: Ecb,
    store: Store,
    days: Days,
    *,
    run_id: str = "by hand",
    category: str = CATEGORY,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Two[Receipt]:
    """The whole path in one process, in the order of the DAG."""
    raw = extract(shop, ecb, store, run_id, days, category)
    batches = Two(
        products=transform(store, raw["products"]), prices=transform(store, raw["prices"])
    )
    return publish(store, raw, batches, dry_run=dry_run, waive=waive)


def _for_report(receipt: Receipt, days: list[str]) -> Receipt:
    """Without the state of all other days, which XCom need not carry."""
    parts = {day: receipt["parts"][day] for day in days if day in receipt["parts"]}
    return receipt | {"days": days, "newest": max(receipt["parts"], default=""), "parts": parts}

"""Changes between reads: edits, lost products, quarantine and categories."""

from typing import Any

import pytest

from fakes.control import Control
from include.data.checks import CannotWaive, ChecksFailed
from include.data.diff import EDITED, PUBLISHED, RETRACTED
from include.data.tables import from_parquet
from include.errors import PermanentError
from include.lake.store import Store
from tests.pipelines.shoe_prices.conftest import EditProducts, RunOn
from tests.pipelines.shoe_prices.lake import (
    PRODUCTS,
    events,
    published,
    rows_of,
    versions,
)


def without_shoes(products: list[Any], count: int) -> list[Any]:
    shoes = [p["id"] for p in products if p["category"]["name"] == "Shoes"]
    return [p for p in products if p["id"] not in shoes[:count]]


def test_ledger_records_product_changes_but_not_rate_changes(
    run_on: RunOn, store: Store, world: Control
) -> None:
    """On day 2 the shop changes prices and a name, adds a product and removes one."""
    run_on(20)
    run_on(23)  # a new rate, the same products
    assert events(store) == []
    old = {p["id"]: p for p in world.shop.products(7, 1) if p["category"]["id"] == 4}
    world.day = 2
    new = {p["id"]: p for p in world.shop.products(7, 2) if p["category"]["id"] == 4}
    run_on(24)
    rows = events(store)
    assert {(r[2], r[4], r[5]) for r in rows if r[1] == EDITED and r[3] == "price_usd"} == {
        (key, f"{old[key]['price']}.00", f"{new[key]['price']}.00")
        for key in old.keys() & new.keys()
        if old[key]["price"] != new[key]["price"]
    }
    assert {r[2] for r in rows if r[1] == PUBLISHED} == new.keys() - old.keys()
    assert {r[2] for r in rows if r[1] == RETRACTED} == old.keys() - new.keys()
    assert {r[3] for r in rows if r[1] == EDITED} <= {"price_usd", "title", "slug"}
    assert {r[0] for r in rows} == {2}


def test_new_timestamps_alone_are_no_change(
    run_on: RunOn, store: Store, edit_products: EditProducts
) -> None:
    run_on(20)
    before = published(store)
    renewed = dict.fromkeys(("creationAt", "updatedAt"), "2026-11-23T00:00:00.000Z")
    edit_products(lambda products: [p | renewed for p in products])
    receipts = run_on(20)
    assert {receipt["outcome"] for receipt in receipts.values()} == {"unchanged"}
    assert published(store) == before


def test_losing_too_many_products_needs_a_waiver(
    run_on: RunOn, store: Store, edit_products: EditProducts
) -> None:
    run_on(20)
    before = published(store)
    edit_products(lambda products: without_shoes(products, 7))
    assert run_on(20, dry_run=True)["products"]["counts"]["retracted"] == 7
    edit_products(lambda products: without_shoes(products, 1))
    with pytest.raises(ChecksFailed, match=r"products that stayed: 8 of 14 are gone .*`waive`"):
        run_on(20)
    assert published(store) == before
    run_on(20, waive={"products that stayed": "the season is over"})
    assert (versions(store), len(rows_of(store))) == ((2, 2), 6)
    with pytest.raises(CannotWaive, match="`products that stay` is not a check"):
        run_on(20, waive={"products that stay": "why not"})


def test_category_with_a_new_id_replaces_the_old_one(
    run_on: RunOn,
    store: Store,
    world: Control,
    edit_products: EditProducts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name identifies the category, so products of its old id are retracted."""
    run_on(20)
    categories = world.shop.categories()

    def renumbered(category: Any) -> Any:
        return category | {"id": 44} if category["name"] == "Shoes" else category

    recreated = [
        p | {"id": 9000 + p["id"], "category": renumbered(p["category"])}
        for p in world.shop.products(7, 1)
    ]
    monkeypatch.setattr(world.shop, "categories", lambda: [renumbered(c) for c in categories])
    edit_products(lambda _: recreated)
    with pytest.raises(ChecksFailed, match="14 of 14 are gone"):
        run_on(20)
    run_on(20, waive={"products that stayed": "the shop was reset"})
    assert [row["id"] > 9000 for row in rows_of(store)] == [True] * 14
    assert {row["category_id"] for row in rows_of(store)} == {44}
    assert {event for _, event, *_ in events(store)} == {PUBLISHED, RETRACTED}


@pytest.mark.parametrize("price", ["missing", "text"])
def test_quarantined_product_is_carried_over_at_the_new_rate(
    run_on: RunOn, store: Store, world: Control, price: Any
) -> None:
    run_on(20)
    before = {row["id"]: row["price_usd"] for row in rows_of(store)}
    world.shop.price = price
    products = run_on(23)["products"]
    assert products["counts"]["quarantined"] == products["counts"]["carried_over"] == 1
    (bad,) = from_parquet(store.get(PRODUCTS.quarantine(products["read_id"]))).to_pylist()
    assert "price_usd: " in bad["reasons"]
    assert {row["id"]: row["price_usd"] for row in rows_of(store)} == before
    assert {str(row["rate_date"]) for row in rows_of(store)} == {"2026-11-23"}
    assert events(store) == []


def test_other_category_is_added_beside_the_shoes(run_on: RunOn, store: Store) -> None:
    run_on(20)
    shoes = rows_of(store)
    run_on(20, category="clothes")
    both = rows_of(store)
    assert [row for row in both if row["category_id"] == 4] == shoes
    assert len(both) == len(shoes) + 13
    assert [row["id"] for row in both] == sorted(row["id"] for row in both)
    assert {event for _, event, *_ in events(store)} == {PUBLISHED}
    assert run_on(20)["prices"]["version"] is None
    run_on(23)
    assert len(rows_of(store)) == 14  # a day has only the categories read for it


def test_category_without_valid_products_publishes_nothing(
    run_on: RunOn, store: Store, edit_products: EditProducts
) -> None:
    run_on(20)
    before = published(store)
    edit_products(lambda _: [])
    with pytest.raises(PermanentError, match="no valid one"):
        run_on(23)
    assert published(store) == before

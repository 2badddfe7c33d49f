"""The next run repairs an interrupted one; a late read changes nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from fakes.control import Control
from include.data.contract import Dataset
from include.lake.keys import Keys
from include.lake.rebuild import rebuild_plan
from include.lake.store import Store
from include.lake.table import read_receipt
from include.shoe_prices import pipeline
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.ecb import Ecb, asked_days
from include.shoe_prices.shop import Shop
from tests.pipelines.shoe_prices.conftest import RunOn, run
from tests.pipelines.shoe_prices.lake import (
    FRIDAY,
    MONDAY,
    PRICES,
    events,
    plain,
    published,
    rows_of,
    versions,
)


def crash(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("by", ["the next run", "the same task"])
def test_crash_between_commits_is_repaired(
    shop: Shop,
    ecb: Ecb,
    store: Store,
    world: Control,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    """Until the repair, products are new and prices are old."""
    days = asked_days(FRIDAY)
    run(shop, ecb, store, days)
    files = {key: body for key, body in published(store).items() if key.startswith(PRICES.folder)}
    world.day = 2
    raw = pipeline.extract(shop, ecb, store, "test", days, "Shoes")
    batches = {table: pipeline.transform(store, raw[table]) for table in raw}
    original = pipeline.publish_read
    with monkeypatch.context() as killed:
        killed.setattr(
            pipeline,
            "publish_read",
            lambda store, dataset, *rest, **named: (
                crash if dataset.name == "shoe_prices" else original
            )(store, dataset, *rest, **named),
        )
        with pytest.raises(KeyboardInterrupt):
            pipeline.publish(store, raw, batches)
    assert versions(store) == (2, 1)
    left = {key: body for key, body in published(store).items() if key.startswith(PRICES.folder)}
    assert left == files
    if by == "the next run":
        receipts = run(shop, ecb, store, days)
        assert receipts["products"]["outcome"] == "unchanged"
    else:
        receipts = pipeline.publish(store, raw, batches)
    assert receipts["prices"]["version"] == 2
    assert {row["price_usd"] for row in rows_of(store)} == {
        p["price"] for p in world.shop.products(7, 2) if p["category"]["id"] == 4
    }
    assert {row[0] for row in events(store)} == {2}


@pytest.mark.parametrize("step", ["refresh_copies", "update_ledger"])
def test_crash_after_commits_is_repaired_by_the_next_run_or_a_refresh(
    run_on: RunOn, store: Store, world: Control, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run_on(20)
    world.day = 2
    with monkeypatch.context() as killed:
        killed.setattr(pipeline, step, crash)
        with pytest.raises(KeyboardInterrupt):
            run_on(23)
    assert versions(store) == (2, 2)
    if step == "update_ledger":
        pipeline.refresh(store)  # as the command does
    else:
        receipts = run_on(23)
        assert {receipt["outcome"] for receipt in receipts.values()} == {"unchanged"}
    assert plain(store, "latest.csv") == plain(store, f"{MONDAY}.csv")
    assert str(rows_of(store)[0]["rate_date"]) == MONDAY
    assert {row[0] for row in events(store)} == {2}


def test_read_that_overlaps_a_later_one_is_outdated(
    run_on: RunOn, store: Store, world: Control
) -> None:
    """A slow run neither overwrites later prices nor adds a day."""
    world.day = 2
    run_on(20)
    before = published(store)
    world.day = 1
    receipts = run_on(19)
    assert {receipt["outcome"] for receipt in receipts.values()} == {"outdated"}
    assert published(store) == before


@pytest.mark.parametrize("dataset", [SHOE_PRODUCTS, SHOE_PRICES], ids=lambda dataset: dataset.name)
def test_replayed_read_gives_the_published_parts(
    run_on: RunOn, store: Store, world: Control, dataset: Dataset
) -> None:
    """The raw pages are enough, although the shop and both tables have changed."""
    run_on(19)
    world.day, world.shop.price = 2, "missing"  # one product is carried over
    run_on(20)
    world.day = 3
    run_on(23)
    table = Keys(dataset.name).table
    for number in (1, 2, 3):
        receipt = read_receipt(store, table, number)
        plan = rebuild_plan(store, dataset, receipt, number)
        assert contents(plan.parts) == contents(receipt["parts"])


def contents(parts: Mapping[str, Any]) -> dict[str, str]:
    return {name: part["content"] for name, part in parts.items()}

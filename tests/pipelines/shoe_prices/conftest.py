"""The fake shop and ECB on a Friday evening, without pauses between attempts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.control import Control
from include.lake.store import Store
from include.shoe_prices.ecb import Days, Ecb, asked_days
from include.shoe_prices.pipeline import extract, publish, transform
from include.shoe_prices.shop import Shop
from include.shoe_prices.sign_in import Account, Tokens

ACCOUNT = Account("buyer@example.com", "secretword7", "Buyer", "https://example.com/a.png")
EVENING = datetime(2026, 11, 20, 17, tzinfo=UTC)  # a Friday with a published rate
RunOn = Callable[..., dict[str, Any]]
EditProducts = Callable[[Callable[[list[Any]], list[Any]]], None]


@dataclass
class Memory:
    """Keeps tokens in memory."""

    tokens: Tokens | None = None
    saved: list[Tokens] = field(default_factory=list)

    def load(self) -> Tokens | None:
        return self.tokens

    def save(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.saved.append(tokens)


def run(
    shop: Shop, ecb: Ecb, store: Store, days: Days, category: str = "Shoes", **options: Any
) -> dict[str, Any]:
    """Run all tasks, as the DAG does."""
    raw = extract(shop, ecb, store, "run 1", days, category)
    batches = {table: transform(store, raw[table]) for table in raw}
    return publish(store, raw, batches, **options)


@pytest.fixture
def world(replica: Control, monkeypatch: pytest.MonkeyPatch) -> Control:
    """The fake APIs; their clock may differ from the local one."""
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)
    monkeypatch.setattr("include.http.response.MAX_CLOCK_DIFFERENCE", timedelta(days=10_000))
    replica.date = EVENING
    return replica


@pytest.fixture
def tokens() -> Memory:
    return Memory()


@pytest.fixture
def shop(recalls_url: str, world: Control, tokens: Memory) -> Shop:
    assert world.now == EVENING
    return Shop(recalls_url, ACCOUNT, tokens)


@pytest.fixture
def ecb(recalls_url: str, world: Control) -> Ecb:
    assert world.now == EVENING
    return Ecb(recalls_url)


@pytest.fixture
def run_on(
    recalls_url: str, world: Control, tokens: Memory, ecb: Ecb, store: Store
) -> Callable[..., Any]:
    """Runs the pipeline on a day of November 2026, by the clock of the fakes."""

    def run_on(
        day: int = 20,
        *,
        rate_date: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        **options: Any,
    ) -> Any:
        world.date = EVENING.replace(day=day)
        days = asked_days(f"2026-11-{day:02}", rate_date, start_date, end_date)
        return run(Shop(recalls_url, ACCOUNT, tokens), ecb, store, days, **options)

    return run_on


@pytest.fixture
def edit_products(world: Control, monkeypatch: pytest.MonkeyPatch) -> EditProducts:
    """Replaces the shop's products with `change(products)`."""

    def edit(change: Callable[[list[Any]], list[Any]]) -> None:
        products = world.shop.products
        monkeypatch.setattr(world.shop, "products", lambda *asked: change(products(*asked)))

    return edit

"""The shop and the ECB as the pipeline sees them: the local ones, and no pauses between tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes.control import Control
from include.first.lake import Lake
from include.shoe_prices.ecb import Ecb
from include.shoe_prices.publish import Published
from include.shoe_prices.run import run
from include.shoe_prices.shop import Shop
from include.shoe_prices.sign_in import Account, Tokens

ACCOUNT = Account("buyer@example.com", "secretword7", "Buyer", "https://example.com/a.png")
EVENING = datetime(2026, 11, 20, 17, tzinfo=UTC)  # a Friday; its rate is there


@dataclass
class Memory:
    """A store of tokens that lasts as long as a test."""

    tokens: Tokens | None = None
    saved: list[Tokens] = field(default_factory=list)

    def load(self) -> Tokens | None:
        return self.tokens

    def save(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.saved.append(tokens)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def world(replica: Control) -> Control:
    """The local APIs on a Friday evening."""
    assert not replica.faults
    replica.date = EVENING
    return replica


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def shop(recalls_url: str, world: Control, store: Memory) -> Shop:
    assert world.now == EVENING
    return Shop(recalls_url, ACCOUNT, store)


@pytest.fixture
def ecb(recalls_url: str, world: Control) -> Ecb:
    assert world.now == EVENING
    return Ecb(recalls_url)


@pytest.fixture
def run_on(
    recalls_url: str, world: Control, store: Memory, ecb: Ecb, lake: Lake
) -> Callable[..., Published]:
    """A whole run on a day of November 2026, by the clock of the local APIs."""

    def run_on(day: int = 20, **asked: Any) -> Published:
        world.date = EVENING.replace(day=day)
        shop = Shop(recalls_url, ACCOUNT, store)
        return run(shop, ecb, lake, f"2026-11-{day:02}", **asked)

    return run_on

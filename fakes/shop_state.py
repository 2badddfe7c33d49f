"""What the local shop remembers between requests, and the dials of what is wrong with it."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from fakes import made_up_products as made_up
from fakes.made_up_products import Category, Product
from fakes.shop_accounts import Accounts

BAD_PRICES: dict[str, object] = {
    "null": None,
    "zero": 0,
    "negative": -7,
    "text": "39 dollars",
    "fractional": 39.99,
}
STRANGE = 50_000  # above it are the ids of what strangers add
SECOND_SHOES = 31


class ShopDials(BaseModel):
    """How the shop differs from its usual self; it is a public server that anybody writes to."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # What the category of shoes is called; None: it is gone, and its products with it.
    shoes: str | None = "Shoes"
    # A stranger's empty category of the same name.
    second_shoes: bool = False
    # What is wrong with the price of the first pair of shoes.
    price: Literal["missing", "null", "zero", "negative", "text", "fractional"] | None = None
    # Each request has an order of its own; usually each listing has, from offset 0 on.
    shuffles_between_pages: bool = False
    # Each later page begins one product early, as after an insertion: one comes twice.
    repeats_over_pages: bool = False
    # How many writes of strangers happen before each listing.
    strangers: int = 0


class Shop:
    """Made anew by a reset."""

    def __init__(self, seed: int) -> None:
        self.dials = ShopDials()
        self.accounts = Accounts(seed)
        self._lock = threading.Lock()
        self._listings: Counter[tuple[object, ...]] = Counter()
        self._writes = 0

    def categories(self) -> list[Category]:
        named = {**made_up.CATEGORIES, made_up.SHOES: self.dials.shoes}
        if self.dials.second_shoes:
            named[SECOND_SHOES] = self.dials.shoes or "Shoes"
        return [made_up.category(number, name) for number, name in named.items() if name]

    def products(self, seed: int, day: int) -> list[Product]:
        """All there is, by id, each with its whole category."""
        found = {product["id"]: dict(product) for product in made_up.products(seed, day)}
        self._spoil_price(next(p for p in found.values() if p["category"] == made_up.SHOES))
        for number in range(self._writes):
            _write(found, Random(f"stranger {seed} {number}"), number)
        categories = {category["id"]: category for category in self.categories()}
        return [
            product | {"category": categories[product["category"]]}
            for product in found.values()
            if product["category"] in categories
        ]

    def page(
        self, seed: int, day: int, category: int | None, offset: int | None, limit: int | None
    ) -> list[Product]:
        """The products of a category, or of all; `limit` counts only together with `offset`."""
        paged = offset is not None and limit is not None and limit > 0 and offset >= 0
        with self._lock:
            self._writes += self.dials.strangers
            listing = self._listing(category, offset if paged else None, limit)
        found = [
            product
            for product in self.products(seed, day)
            # Falsy, as the real one has it: category 0 is everything.
            if not category or product["category"]["id"] == category
        ]
        Random(f"order {seed} {category} {listing}").shuffle(found)
        if offset is None or limit is None or not paged:
            return found
        first = offset - 1 if self.dials.repeats_over_pages and offset else offset
        return found[first : first + limit]

    def _listing(self, category: int | None, offset: int | None, limit: int | None) -> int:
        """The number of this listing, which its order is drawn from."""
        if self.dials.shuffles_between_pages:
            self._listings[()] += 1
            return self._listings[()]
        if not offset:
            self._listings[category, limit] += 1
        return self._listings[category, limit]

    def _spoil_price(self, product: Product) -> None:
        if self.dials.price == "missing":
            del product["price"]
        elif self.dials.price is not None:
            product["price"] = BAD_PRICES[self.dials.price]


def _write(found: dict[int, Product], chance: Random, number: int) -> None:
    """A stranger adds a product, changes a price, or removes one, in turn."""
    some: dict[str, Any] = found[chance.choice(list(found))]
    if number % 3 == 0:
        new = some | {"id": STRANGE + 7 * number, "title": "New Product", "price": 10}
        found[new["id"]] = new
    elif number % 3 == 1:
        some["price"] = chance.randint(1, 999)
    else:
        del found[some["id"]]

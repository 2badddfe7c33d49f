"""The Platzi Fake Store API, as far as a reader of its products needs it."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from fakes import made_up_products as made_up
from fakes.faults import World
from fakes.made_up_products import Category, Product
from fakes.shop_accounts import Accounts, complaints

BAD_PRICES = {"null": None, "zero": 0, "negative": -7, "text": "39 dollars", "fractional": 39.99}
STRANGE = 50_000  # above it are the ids of what strangers add
SECOND_SHOES = 31
router = APIRouter(prefix="/api/v1")


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
    """What the shop remembers between requests; made anew by a reset."""

    def __init__(self, seed: int) -> None:
        self.dials = ShopDials()
        self.accounts = Accounts(seed)
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
        first = next(p for p in found.values() if p["category"] == made_up.SHOES)
        if self.dials.price == "missing":
            del first["price"]
        elif self.dials.price is not None:
            first["price"] = BAD_PRICES[self.dials.price]
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
        # Each listing has an order, which is drawn from its number.
        listing = () if self.dials.shuffles_between_pages else (category, limit)
        if offset is None or limit is None or limit <= 0 or offset < 0:
            offset = limit = None
        if not listing or not offset:
            self._listings[listing] += 1
        self._writes += self.dials.strangers
        found = [
            product
            for product in self.products(seed, day)
            # Falsy, as the real one has it: category 0 is everything.
            if not category or product["category"]["id"] == category
        ]
        Random(f"order {seed} {category} {self._listings[listing]}").shuffle(found)
        if offset is None or limit is None:
            return found
        first = offset - 1 if self.dials.repeats_over_pages and offset else offset
        return found[first : first + limit]


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


async def _sent(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.control.shop
    return shop


def _world(request: Request) -> World:
    world: World = request.app.state.control
    return world


Body = Annotated[dict[str, Any], Depends(_sent)]
TheShop = Annotated[Shop, Depends(_shop)]
TheWorld = Annotated[World, Depends(_world)]


# On the event loop, one after the other: what is counted needs no lock.
@router.post("/auth/login")
async def log_in(shop: TheShop, world: TheWorld, body: Body) -> Response:
    user = shop.accounts.signed_in(body.get("email"), body.get("password"))
    if user is None:
        raise HTTPException(401, {"message": "Unauthorized", "statusCode": 401})
    return JSONResponse(shop.accounts.tokens(user, world.now), 201)


@router.get("/auth/profile")
async def profile(request: Request, shop: TheShop, world: TheWorld) -> Response:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    owner = shop.accounts.owner("access", token, world.now)
    if scheme.lower() != "bearer" or owner is None:
        raise HTTPException(401, {"message": "Unauthorized", "statusCode": 401})
    user = shop.accounts.user(owner)
    if user is None:  # a bad request to this shop, in the words of its database
        where = json.dumps({"id": owner}, indent=4)
        said = f'Could not find any entity of type "User" matching: {where}'
        raise HTTPException(400, {"name": "EntityNotFoundError", "message": said})
    return JSONResponse(user)


@router.post("/auth/refresh-token")
async def refresh(shop: TheShop, world: TheWorld, body: Body) -> Response:
    token = body.get("refreshToken")
    if not isinstance(token, str) or not token:
        raise _bad_request(["refreshToken should not be empty"])
    user = shop.accounts.user(shop.accounts.owner("refresh", token, world.now))
    if user is None:
        said = {"message": "Invalid", "error": "Unauthorized", "statusCode": 401}
        raise HTTPException(401, said)
    return JSONResponse(shop.accounts.tokens(user, world.now), 201)


@router.post("/users")
async def create_user(shop: TheShop, world: TheWorld, body: Body) -> Response:
    """A second one of an email, too; the answer has the password in it, as the real one has."""
    if wrong := complaints(body):
        raise _bad_request(wrong)
    return JSONResponse(shop.accounts.create(body, world.now), 201)


@router.get("/users")
async def users(shop: TheShop) -> Response:
    return JSONResponse(shop.accounts.users)


@router.get("/categories")
async def categories(shop: TheShop) -> Response:
    return JSONResponse(shop.categories())


@router.get("/products")
async def products(request: Request, shop: TheShop, world: TheWorld) -> Response:
    """A category that does not exist has no products, and no category, or 0, is all of them."""
    numbers: dict[str, int | None] = {}
    wrong = []
    for name in ("categoryId", "offset", "limit"):
        text = request.query_params.get(name)
        try:
            numbers[name] = int(text) if text is not None else None
        except ValueError:
            wrong.append(f"{name} must be a number conforming to the specified constraints")
    if wrong:
        raise _bad_request(wrong)
    return JSONResponse(shop.page(world.seed, world.day, *numbers.values()))


def _bad_request(message: list[str]) -> HTTPException:
    return HTTPException(400, {"message": message, "error": "Bad Request", "statusCode": 400})

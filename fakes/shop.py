"""The Platzi Fake Store API, as far as a reader of its products needs it."""

import json
from collections import Counter
from random import Random
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from fakes import made_up_products as made_up
from fakes.made_up_products import Category, Product
from fakes.shop_accounts import FIELDS, Accounts

SECOND_SHOES = 31  # a category's id
Body = dict[str, Any]
router = APIRouter(prefix="/api/v1")


class Shop:
    """How the shop differs from its usual self, and what it remembers between requests."""

    def __init__(self) -> None:
        # What the category of shoes is called; None: it is gone, and its products with it.
        self.shoes: str | None = "Shoes"
        # A stranger's empty category of the same name.
        self.second_shoes = False
        # What is wrong with the price of the first pair of shoes.
        self.price: Literal["missing", "text"] | None = None
        # Each request has an order of its own; usually each listing has, from offset 0 on.
        self.shuffles_between_pages = False
        # Each later page begins one product early, as after an insertion: one comes twice.
        self.repeats_over_pages = False
        self.accounts = Accounts()
        self._listings: Counter[tuple[object, ...]] = Counter()

    def categories(self) -> list[Category]:
        named = {**made_up.CATEGORIES, made_up.SHOES: self.shoes}
        if self.second_shoes:
            named[SECOND_SHOES] = self.shoes or "Shoes"
        return [made_up.category(number, name) for number, name in named.items() if name]

    def products(self, seed: int, day: int) -> list[Product]:
        """All there is, by id, each with its whole category."""
        found = [dict(product) for product in made_up.products(seed, day)]
        first = next(product for product in found if product["category"] == made_up.SHOES)
        if self.price == "missing":
            del first["price"]
        if self.price == "text":
            first["price"] = "39 dollars"
        categories = {category["id"]: category for category in self.categories()}
        return [
            product | {"category": categories[product["category"]]}
            for product in found
            if product["category"] in categories
        ]

    def page(
        self, seed: int, day: int, category: int | None, offset: int | None, limit: int | None
    ) -> list[Product]:
        """The products of a category, or of all; `limit` counts only together with `offset`."""
        # Each listing has an order, which is drawn from its number.
        listing = () if self.shuffles_between_pages else (category, limit)
        if offset is None or limit is None or limit <= 0 or offset < 0:
            offset = limit = None
        if not listing or not offset:
            self._listings[listing] += 1
        found = [
            product
            for product in self.products(seed, day)
            # Falsy, as the real one has it: category 0 is everything.
            if not category or product["category"]["id"] == category
        ]
        Random(f"order {seed} {category} {self._listings[listing]}").shuffle(found)
        if offset is None or limit is None:
            return found
        first = offset - 1 if self.repeats_over_pages and offset else offset
        return found[first : first + limit]


def _refusal(status: int, message: object, error: str = "Unauthorized") -> HTTPException:
    return HTTPException(status, {"message": message, "error": error, "statusCode": status})


# On the event loop, one after the other: what is counted needs no lock.
@router.post("/auth/login")
async def log_in(request: Request, body: Body) -> Response:
    control = request.app.state.control
    user = control.shop.accounts.signed_in(body.get("email"), body.get("password"))
    if user is None:
        raise HTTPException(401, {"message": "Unauthorized", "statusCode": 401})
    return JSONResponse(control.shop.accounts.tokens(user, control.now), 201)


@router.get("/auth/profile")
async def profile(request: Request) -> Response:
    control = request.app.state.control
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    owner = control.shop.accounts.owner("access", token, control.now)
    if scheme.lower() != "bearer" or owner is None:
        raise HTTPException(401, {"message": "Unauthorized", "statusCode": 401})
    user = control.shop.accounts.user(owner)
    if user is None:  # a bad request to this shop, in the words of its database
        where = json.dumps({"id": owner}, indent=4)
        said = f'Could not find any entity of type "User" matching: {where}'
        raise HTTPException(400, {"name": "EntityNotFoundError", "message": said})
    return JSONResponse(user)


@router.post("/auth/refresh-token")
async def refresh(request: Request, body: Body) -> Response:
    control = request.app.state.control
    owner = control.shop.accounts.owner("refresh", body["refreshToken"], control.now)
    user = control.shop.accounts.user(owner)
    if user is None:
        raise _refusal(401, "Invalid")
    return JSONResponse(control.shop.accounts.tokens(user, control.now), 201)


@router.post("/users")
async def create_user(request: Request, body: Body) -> Response:
    """A second one of an email, too; the answer has the password in it, as the real one has."""
    if missing := [name for name in FIELDS if not body.get(name)]:
        raise _refusal(400, [f"{name} should not be empty" for name in missing], "Bad Request")
    control = request.app.state.control
    return JSONResponse(control.shop.accounts.create(body, control.now), 201)


@router.get("/users")
async def users(request: Request) -> Response:
    return JSONResponse(request.app.state.control.shop.accounts.users)


@router.get("/categories")
async def categories(request: Request) -> Response:
    return JSONResponse(request.app.state.control.shop.categories())


@router.get("/products")
async def products(
    request: Request,
    categoryId: int | None = None,  # noqa: N803 - the shop's name
    offset: int | None = None,
    limit: int | None = None,
) -> Response:
    """A category that does not exist has no products, and no category, or 0, is all of them."""
    control = request.app.state.control
    found = control.shop.page(control.seed, control.day, categoryId, offset, limit)
    return JSONResponse(found)

"""The Platzi Fake Store API, as far as a reader of its products needs it."""

import json
from collections import Counter
from random import Random
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from fakes import made_up_products as made_up
from fakes.faults import Dials
from fakes.made_up_products import Category, Product
from fakes.shop_accounts import Accounts, complaints

BAD_PRICES = {"null": None, "zero": 0, "negative": -7, "text": "39 dollars", "fractional": 39.99}
SECOND_SHOES = 31  # a category's id
router = APIRouter(prefix="/api/v1")


class ShopDials(Dials):
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


class Shop:
    """What the shop remembers between requests; made anew by a reset."""

    def __init__(self, seed: int) -> None:
        self.dials = ShopDials()
        self.accounts = Accounts(seed)
        self._listings: Counter[tuple[object, ...]] = Counter()

    def categories(self) -> list[Category]:
        named = {**made_up.CATEGORIES, made_up.SHOES: self.dials.shoes}
        if self.dials.second_shoes:
            named[SECOND_SHOES] = self.dials.shoes or "Shoes"
        return [made_up.category(number, name) for number, name in named.items() if name]

    def products(self, seed: int, day: int) -> list[Product]:
        """All there is, by id, each with its whole category."""
        found = [dict(product) for product in made_up.products(seed, day)]
        first = next(product for product in found if product["category"] == made_up.SHOES)
        if self.dials.price == "missing":
            del first["price"]
        elif self.dials.price is not None:
            first["price"] = BAD_PRICES[self.dials.price]
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
        listing = () if self.dials.shuffles_between_pages else (category, limit)
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
        first = offset - 1 if self.dials.repeats_over_pages and offset else offset
        return found[first : first + limit]


async def _sent(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


Body = Annotated[dict[str, Any], Depends(_sent)]


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
    token = body.get("refreshToken")
    if not isinstance(token, str) or not token:
        raise _refusal(400, ["refreshToken should not be empty"], "Bad Request")
    user = control.shop.accounts.user(control.shop.accounts.owner("refresh", token, control.now))
    if user is None:
        raise _refusal(401, "Invalid")
    return JSONResponse(control.shop.accounts.tokens(user, control.now), 201)


@router.post("/users")
async def create_user(request: Request, body: Body) -> Response:
    """A second one of an email, too; the answer has the password in it, as the real one has."""
    if wrong := complaints(body):
        raise _refusal(400, wrong, "Bad Request")
    control = request.app.state.control
    return JSONResponse(control.shop.accounts.create(body, control.now), 201)


@router.get("/users")
async def users(request: Request) -> Response:
    return JSONResponse(request.app.state.control.shop.accounts.users)


@router.get("/categories")
async def categories(request: Request) -> Response:
    return JSONResponse(request.app.state.control.shop.categories())


@router.get("/products")
async def products(request: Request) -> Response:
    """A category that does not exist has no products, and no category, or 0, is all of them."""
    control = request.app.state.control
    given = (request.query_params.get(name) for name in ("categoryId", "offset", "limit"))
    try:
        numbers = [None if text is None else int(text) for text in given]
    except ValueError:
        wrong = ["a number conforming to the specified constraints is needed"]
        raise _refusal(400, wrong, "Bad Request") from None
    return JSONResponse(control.shop.page(control.seed, control.day, *numbers))

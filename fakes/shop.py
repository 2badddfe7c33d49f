"""The Platzi Fake Store API, as far as a reader of its products needs it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from fakes.control import Control
from fakes.shop_accounts import complaints
from fakes.shop_state import ShopDials

PREFIX = "/api/v1"
router = APIRouter()


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


Body = Annotated[dict[str, Any], Depends(_body)]


@router.post("/_control/shop")
def turn(request: Request, dials: ShopDials) -> ShopDials:
    """Change the dials that are named; the others stay."""
    shop = _control(request).shop
    changes = dials.model_dump(exclude_unset=True)
    shop.dials = shop.dials.model_copy(update=changes)
    return shop.dials


@router.post(f"{PREFIX}/auth/login")
def log_in(request: Request, body: Body) -> Response:
    control = _control(request)
    user = control.shop.accounts.signed_in(body.get("email"), body.get("password"))
    if user is None:
        return _unauthorized()
    return JSONResponse(control.shop.accounts.tokens(user, control.now), 201)


@router.get(f"{PREFIX}/auth/profile")
def profile(request: Request) -> Response:
    control = _control(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    owner = control.shop.accounts.owner("access", token, control.now)
    if scheme.lower() != "bearer" or owner is None:
        return _unauthorized()
    user = control.shop.accounts.user(owner)
    return JSONResponse(user) if user else _no_such(request, "User", owner)


@router.post(f"{PREFIX}/auth/refresh-token")
def refresh(request: Request, body: Body) -> Response:
    control = _control(request)
    token = body.get("refreshToken")
    if not isinstance(token, str) or not token:
        wrong = ["refreshToken should not be empty", "refreshToken must be a string"]
        return _bad_request(wrong[:1] if token == "" else wrong if token is None else wrong[1:])
    owner = control.shop.accounts.owner("refresh", token, control.now)
    user = control.shop.accounts.user(owner) if owner is not None else None
    if user is None:
        return JSONResponse({"message": "Invalid", "error": "Unauthorized", "statusCode": 401}, 401)
    return JSONResponse(control.shop.accounts.tokens(user, control.now), 201)


@router.post(f"{PREFIX}/users")
def create_user(request: Request, body: Body) -> Response:
    """Whoever has the email already; the answer has the password in it, as the real one has."""
    wrong = complaints(body)
    if wrong:
        return _bad_request(wrong)
    control = _control(request)
    return JSONResponse(control.shop.accounts.create(body, control.now), 201)


@router.get(f"{PREFIX}/users")
def users(request: Request) -> Response:
    return JSONResponse(_control(request).shop.accounts.users)


@router.post(f"{PREFIX}/users/is-available")
def is_available() -> Response:
    """Says nothing about the email: the answer is always the same."""
    return JSONResponse({"isAvailable": False}, 201)


@router.get(f"{PREFIX}/categories")
def categories(request: Request) -> Response:
    return JSONResponse(_control(request).shop.categories())


@router.get(f"{PREFIX}/categories/{{number}}")
def one_category(request: Request, number: str) -> Response:
    if not number.isdecimal():
        return _bad_request("Validation failed (numeric string is expected)")
    for category in _control(request).shop.categories():
        if category["id"] == int(number):
            return JSONResponse(category)
    return _no_such(request, "Category", int(number))


@router.get(f"{PREFIX}/products")
def products(request: Request) -> Response:
    """A category that does not exist has no products, and no category, or 0, is all of them."""
    numbers: dict[str, int | None] = {}
    wrong = []
    for name in ("limit", "offset", "categoryId"):
        text = request.query_params.get(name)
        try:
            numbers[name] = int(text) if text is not None else None
        except ValueError:
            wrong.append(f"{name} must be a number conforming to the specified constraints")
    if wrong:
        return _bad_request(wrong)
    control = _control(request)
    page = control.shop.page(
        control.seed, control.day, numbers["categoryId"], numbers["offset"], numbers["limit"]
    )
    return JSONResponse(page)


@router.get(f"{PREFIX}/products/{{number}}")
def one_product(request: Request, number: str) -> Response:
    if not number.isdecimal():
        return _bad_request("Validation failed (numeric string is expected)")
    control = _control(request)
    for product in control.shop.products(control.seed, control.day):
        if product["id"] == int(number):
            return JSONResponse(product)
    return _no_such(request, "Product", int(number))


def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


def _unauthorized() -> Response:
    return JSONResponse({"message": "Unauthorized", "statusCode": 401}, 401)


def _bad_request(message: str | list[str]) -> Response:
    return JSONResponse({"message": message, "error": "Bad Request", "statusCode": 400}, 400)


def _no_such(request: Request, entity: str, number: int) -> Response:
    """What is not there is a bad request to this shop, told in the words of its database."""
    where: dict[str, Any] = {"id": number}
    if entity == "Product":
        where = {"relations": ["category"], "where": where}
    matching = json.dumps(where, indent=4)
    return JSONResponse(
        {
            "path": request.url.path,
            "timestamp": f"{_control(request).now:%Y-%m-%dT%H:%M:%S}.000Z",
            "name": "EntityNotFoundError",
            "message": f'Could not find any entity of type "{entity}" matching: {matching}',
        },
        400,
    )

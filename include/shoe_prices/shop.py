"""The shop's API: its categories, and all products of one."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from include.errors import PermanentError
from include.http.client import HttpClient, Response
from include.http.errors import UnexpectedBody
from include.lake.reads import Moment
from include.shoe_prices.sign_in import (
    Account,
    TokenStore,
    WrongPassword,
    has_user,
    log_in,
    sign_in,
)

OFFICIAL_HOST = "api.escuelajs.co"
PATH = "/api/v1"
ISO = "%Y-%m-%dT%H:%M:%SZ"
FIRST_SIZE = 1_000  # products in one answer; a full one is asked for again, ten times as large


class Category(NamedTuple):
    id: int
    name: str


class Listing(NamedTuple):
    """All products of a category, as they came."""

    category: Category
    page: Response
    moment: Moment


class Shop:
    """The API as one user, who signs in before the first request. The host may have its path."""

    def __init__(self, host: str, account: Account, tokens: TokenStore, **limits: Any) -> None:
        self._url = host.rstrip("/").removesuffix(PATH) + PATH
        self._account = account
        self._tokens = tokens
        self._limits = limits  # `attempts` and `total_s` of HttpClient

    def listing(self, category_name: str) -> Listing:
        response = self._get("/categories", {})
        category = _category_named(category_name, response.json())
        page = self._all_products(category)
        moment = Moment(
            began_at=f"{response.date:{ISO}}", answered_at=f"{page.date:{ISO}}", modified_at=""
        )
        return Listing(category, page, moment)

    def check_access(self) -> str:
        """One sentence on our user; creates none, and neither reads nor writes stored tokens."""
        client = self._open()
        if log_in(client, self._account, self._url):
            return "the shop lets the user sign in"
        if has_user(client, self._account.email):
            raise WrongPassword
        return "the shop has no such user yet; the first run creates it"

    def _open(self, *tokens: str) -> HttpClient:
        return HttpClient(self._url, secrets=[self._account.password, *tokens], **self._limits)

    @cached_property
    def _client(self) -> HttpClient:
        stored = self._tokens.load()
        return self._open(*([stored.access_token, stored.refresh_token] if stored else []))

    @cached_property
    def _headers(self) -> dict[str, str]:
        token = sign_in(self._client, self._account, self._tokens, self._url)
        return {"Authorization": f"Bearer {token}"}

    def _get(self, path: str, params: dict[str, str]) -> Response:
        return self._client.get(path, params=params, headers=self._headers, check=_check_list)

    def _all_products(self, category: Category) -> Response:
        """In one answer: the shop promises no order, so separate pages could miss a product."""
        size = FIRST_SIZE
        while True:
            params = {"categoryId": str(category.id), "offset": "0", "limit": str(size)}
            page = self._get("/products", params)
            rows = page.json()
            for row in rows:
                found = row.get("category")
                if isinstance(found, dict) and found.get("id") not in (None, category.id):
                    raise UnexpectedBody(
                        f"{page.where} sent products of category {found['id']} instead of "
                        f"{category.id}, which may have been removed; try again later"
                    )
            if len(rows) < size:
                return page
            size *= 10


def _category_named(name: str, found: list[dict[str, Any]]) -> Category:
    """The one category of this name, in any case; never all products instead."""
    known = [
        Category(each["id"], each["name"])
        for each in found
        if isinstance(each.get("id"), int) and isinstance(each.get("name"), str)
    ]
    matching = [each for each in known if each.name.strip().casefold() == name.strip().casefold()]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(f"{each.name} ({each.id})" for each in known) or "none"
    if matching:
        raise PermanentError(
            f"the shop has {len(matching)} categories {name!r}: {names}; rename or remove one at "
            "the shop, or set the param `category` to another"
        )
    raise PermanentError(
        f"the shop has no category {name!r}; it has: {names}. Set the param `category`"
    )


def _check_list(response: Response) -> None:
    _ = response.date  # raises when it is missing or wrong
    found = response.json()
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UnexpectedBody(
            f"{response.where} sent no list of objects; check the host, or try again later"
        )

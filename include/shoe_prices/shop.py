"""The shop in its own words: its categories, and all products of one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from include.errors import PermanentError
from include.first.rest import Answer, RestClient, UnexpectedBody
from include.first.rest_errors import instant
from include.shoe_prices.sign_in import Account, Tokens, TokenStore, sign_in

log = logging.getLogger(__name__)
OFFICIAL_HOST = "api.escuelajs.co"
PATH = "/api/v1"
PAGE_SIZE = 100
PASSES = 5  # each with pages twice as large, so that the last ones are a single page


@dataclass(frozen=True)
class Category:
    id: int
    name: str


@dataclass(frozen=True)
class Listing:
    """All products of a category, page by page as they came."""

    category: Category
    pages: list[Answer]

    @property
    def publisher(self) -> str:
        return self.pages[-1].publisher

    @property
    def answered_at(self) -> str:
        """When the last page came, by the shop's clock."""
        return answered_at(self.pages[-1])


class NoSuchCategory(PermanentError):
    """The shop has no category of this name, or more than one."""


class Shop:
    """The API at one host, as one user. Signs in before the first question."""

    def __init__(
        self,
        host: str,
        account: Account,
        store: TokenStore,
        *,
        attempts: int = 5,
        total_s: float = 600,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._host = host
        self._account = account
        self._store = store
        self._limits = (attempts, total_s)
        self._page_size = page_size
        self._access_token: str | None = None

    def listing(self, category_name: str) -> Listing:
        category = self.category(category_name)
        return Listing(category, self._pages(category))

    def category(self, name: str) -> Category:
        """The one category of this name, whatever its case."""
        found = self._get("/categories", {}, check=_check_list).json()
        named = [
            Category(one["id"], one["name"])
            for one in found
            if isinstance(one.get("id"), int) and isinstance(one.get("name"), str)
        ]
        matching = [one for one in named if one.name.strip().casefold() == name.strip().casefold()]
        if len(matching) == 1:
            return matching[0]
        there = ", ".join(f"{one.name} ({one.id})" for one in named) or "none"
        if not matching:
            raise NoSuchCategory(
                f"the shop has no category {name!r}; it has: {there}. Set the param `category`"
            )
        raise NoSuchCategory(
            f"the shop has {len(matching)} categories {name!r}: {there}. Nobody can tell which is "
            "meant; rename or remove one at the shop, or set the param `category` to another"
        )

    @cached_property
    def _client(self) -> RestClient:
        return client_of(self._host, self._account, self._store.load(), *self._limits)

    def _pages(self, category: Category) -> list[Answer]:
        """Every page, of a pass over all of them that lost nothing.

        The shop promises no order. As all pages together have as many rows as there are
        products, one that is lost shows as another that came twice; and because a removal in
        between shows in no such way, two passes must agree, unless all came on one page.
        """
        before: set[str] | None = None
        for number in range(PASSES):
            pages, ids = self._one_pass(category, self._page_size << number)
            once = set(ids)
            whole = len(once) == len(ids)
            if whole and (len(pages) == 1 or once == before):
                return pages
            log.info(
                "pass %d over category %d: %d rows, %d products; reading it again",
                *(number + 1, category.id, len(ids), len(once)),
            )
            before = once if whole else None
        raise UnexpectedBody(
            f"the products of category {category.name} changed in each of {PASSES} passes over "
            "its pages; nothing was published. Try again later"
        )

    def _one_pass(self, category: Category, size: int) -> tuple[list[Answer], list[str]]:
        pages: list[Answer] = []
        ids: list[str] = []
        while True:
            params = {
                "categoryId": str(category.id),
                "offset": str(len(pages) * size),
                "limit": str(size),
            }
            page = self._get("/products", params, check=_check_list)
            rows = page.json()
            for row in rows:
                if _category_of(row) not in (None, category.id):
                    raise UnexpectedBody(
                        f"{page.where} gave products of category {_category_of(row)} when asked "
                        f"for {category.id}; was it removed meanwhile? Try again later"
                    )
            pages.append(page)
            ids += [str(row.get("id")) for row in rows]
            if len(rows) < size:
                return pages, ids

    def _get(self, path: str, params: dict[str, str], check: Any) -> Answer:
        if self._access_token is None:
            self._access_token = sign_in(self._client, self._account, self._store)
        bearer = {"Authorization": f"Bearer {self._access_token}"}
        return self._client.get(path, params=params, headers=bearer, check=check)


def client_of(
    host: str, account: Account, kept: Tokens | None, attempts: int, total_s: float
) -> RestClient:
    """The way to the shop; the path of the API need not be given."""
    return RestClient(
        host.rstrip("/").removesuffix(PATH) + PATH,
        secrets=[account.password, *([kept.refresh_token, kept.access_token] if kept else [])],
        attempts=attempts,
        total_s=total_s,
    )


def answered_at(answer: Answer) -> str:
    """When it was answered, by the API's own clock."""
    moment = instant(answer.headers.get("Date", ""))
    if moment is None:
        raise UnexpectedBody(f"{answer.where} came without a Date, so its age is not known")
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _category_of(row: dict[str, Any]) -> Any:
    category = row.get("category")
    return category.get("id") if isinstance(category, dict) else None


def _check_list(answer: Answer) -> None:
    answered_at(answer)
    found = answer.json()
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UnexpectedBody(
            f"{answer.where} gave no list of objects; check the host, or try again later"
        )

"""The shop's API: its categories, and all products of one."""

from typing import Any

from include.errors import PermanentError
from include.http.client import HttpClient, Response
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
FIRST_SIZE = 1_000  # products in one answer; a full one is asked for again, ten times as large


class Shop:
    """The API as one user; signs in before the first request. The host may have its path."""

    def __init__(self, host: str, account: Account, tokens: TokenStore, **limits: Any) -> None:
        self._url = host.rstrip("/").removesuffix(PATH) + PATH
        self._account = account
        self._tokens = tokens
        self._limits = limits  # `attempts` and `total_s` of HttpClient

    def listing(self, category_name: str) -> tuple[str, Response]:
        """The category as the shop spells it, and all its products.

        They are in one answer: the shop promises no order, so separate pages could miss some.
        """
        stored = self._tokens.load()
        client = self._open(*([stored.access_token, stored.refresh_token] if stored else []))
        token = sign_in(client, self._account, self._tokens, self._url)
        headers = {"Authorization": f"Bearer {token}"}
        categories = client.get("/categories", headers=headers, check=Response.rows).rows()
        category, name = _category_named(category_name, categories)
        size = FIRST_SIZE
        while True:
            params = {"categoryId": str(category), "offset": "0", "limit": str(size)}
            page = client.get("/products", params=params, headers=headers, check=Response.rows)
            _refuse_other_categories(page, category)
            if len(page.rows()) < size:
                return name, page
            size *= 10

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


def _category_named(name: str, found: list[dict[str, Any]]) -> tuple[int, str]:
    """The one category of this name, in any case; never all products instead."""
    known: list[tuple[Any, Any]] = [(each.get("id"), each.get("name")) for each in found]
    wanted = name.strip().casefold()
    matching = [(i, n) for i, n in known if isinstance(n, str) and n.strip().casefold() == wanted]
    if len(matching) == 1 and isinstance(matching[0][0], int):
        return matching[0]
    names = ", ".join(f"{each} ({number})" for number, each in known) or "none"
    if matching:
        raise PermanentError(
            f"the shop has {len(matching)} categories {name!r}: {names}; rename or remove one at "
            "the shop, or set the param `category` to another"
        )
    raise PermanentError(
        f"the shop has no category {name!r}; it has: {names}. Set the param `category`"
    )


def _refuse_other_categories(page: Response, category: int) -> None:
    """The shop sends every product when it forgets the filter."""
    for row in page.rows():
        found = row.get("category")
        if isinstance(found, dict) and found.get("id") not in (None, category):
            raise page.unexpected(
                f"sent products of category {found['id']} instead of {category}, which may "
                "have been removed"
            )

"""A read: what the shop says of a category and the ECB of some days, landed as it came."""

from __future__ import annotations

import gzip
import hashlib
import logging
from datetime import date
from typing import TypedDict

from include.errors import PermanentError
from include.first.keys import PriceKeys, mint_token
from include.first.lake import Lake, LakeError, columns_unlike
from include.first.rest import Answer
from include.shoe_prices.contract import CONTRACT
from include.shoe_prices.ecb import Ecb
from include.shoe_prices.ledger import refuse_other_history
from include.shoe_prices.shop import Shop, answered_at

log = logging.getLogger(__name__)
KEYS = PriceKeys(CONTRACT.name)
APIS = "shop and ecb"


class OtherSource(PermanentError):
    """Real and made-up data never meet in one bucket."""


class OtherColumns(PermanentError):
    """The table was made by a contract that has other columns."""


class Asked(TypedDict):
    """What every task of a run starts from."""

    token: str
    run_id: str
    category: str
    first: str | None  # None: the one rate on or before the last day
    last: str
    head_version: int


class Page(TypedDict):
    """One answer as it lies in `raw/`."""

    key: str
    sha256: str


class Landed(TypedDict):
    """What one of the two APIs said, and which it is: real, or made up from a seed."""

    pages: list[Page]
    category: str  # its name at the shop; empty for the ECB
    category_id: int
    publisher: str
    answered_at: str


def begin(
    lake: Lake,
    category: str,
    run_day: str,
    rate_date: str | None,
    start_date: str | None,
    end_date: str | None,
    run_id: str,
) -> Asked:
    """Which days are asked for; refused before anything is read when they make no sense."""
    if bool(start_date) != bool(end_date):
        raise PermanentError("`start_date` and `end_date` belong together; set both, or neither")
    if start_date and rate_date:
        raise PermanentError(
            "`rate_date` is one day, `start_date` and `end_date` are many; leave one"
        )
    last = _day("end_date" if end_date else "rate_date", end_date or rate_date or run_day)
    first = _day("start_date", start_date) if start_date else None
    if first and first > last:
        raise PermanentError(f"`start_date` {first} is after `end_date` {last}; exchange them")
    head = lake.head(KEYS.table)
    if differ := columns_unlike(head, CONTRACT.schema):
        raise OtherColumns(
            f"the table has other columns or types than the contract ({', '.join(differ)}); "
            "nothing was read. A contract with other columns needs a bucket of its own"
        )
    refuse_other_history(lake)
    return Asked(
        token=mint_token(),
        run_id=run_id,
        category=category,
        first=first,
        last=last,
        head_version=head.version,
    )


def land_products(shop: Shop, lake: Lake, asked: Asked) -> Landed:
    """Every page of the category."""
    listing = shop.listing(asked["category"])
    refuse_other_source(lake.head(KEYS.table).receipt, listing.publisher)
    landing = f"products-{mint_token()}"  # another try gets other answers, and a place of its own
    pages = [
        _put(lake, KEYS.raw(asked["token"], landing, number), page)
        for number, page in enumerate(listing.pages)
    ]
    return Landed(
        pages=pages,
        category=listing.category.name,
        category_id=listing.category.id,
        publisher=listing.publisher,
        answered_at=listing.answered_at,
    )


def land_rates(ecb: Ecb, lake: Lake, asked: Asked) -> Landed:
    last = date.fromisoformat(asked["last"])
    first = asked["first"]
    answer = ecb.between(date.fromisoformat(first), last) if first else ecb.up_to(last)
    refuse_other_source(lake.head(KEYS.table).receipt, answer.publisher)
    page = _put(lake, KEYS.rates(asked["token"], f"rates-{mint_token()}"), answer)
    return Landed(
        pages=[page],
        category="",
        category_id=0,
        publisher=answer.publisher,
        answered_at=answered_at(answer),
    )


def take(lake: Lake, page: Page) -> bytes:
    """A landed answer; refused when the bytes are not those that came."""
    body = lake.get(page["key"])
    if hashlib.sha256(body).hexdigest() != page["sha256"]:
        raise LakeError(
            f"{page['key']} is not what was landed (sha256 differs); restore it, or read anew"
        )
    return gzip.decompress(body)


def refuse_other_source(receipt: dict[str, object], publisher: str) -> None:
    asked = source_of(publisher)
    if (holds := receipt.get("source", asked)) != asked:
        raise OtherSource(
            f"{KEYS.table} holds {holds}, and what was asked now is {asked}; nothing was "
            "published. Use another bucket for another source"
        )


def source_of(publisher: str) -> dict[str, str]:
    return {"apis": APIS, "publisher": publisher}


def _put(lake: Lake, key: str, answer: Answer) -> Page:
    body = answer.gzipped
    lake.put(key, body)
    log.info("landed %s: %d bytes", key, len(body))
    return Page(key=key, sha256=hashlib.sha256(body).hexdigest())


def _day(name: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise PermanentError(
            f"`{name}` is {text!r}, which is no day; write it as 2023-02-10"
        ) from None

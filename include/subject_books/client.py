"""Open Library: the books of a subject, a page at a time, and author records."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from include.http.client import HttpClient, Response
from include.http.errors import UnexpectedBody

OFFICIAL_HOST = "openlibrary.org"
MAX_PAGE = 1_000  # books; the API answers 422 to more
MAX_AUTHORS = 150  # a key has at most 25 characters, so the address stays far below 8,000
REQUESTS_PER_S, REQUESTS_PER_S_WITH_CONTACT = 1, 3
SPARE = 1.1  # on their way some requests catch up with the one before
WORK_KEY = re.compile(r"/works/OL\d{1,14}W", re.ASCII)
AUTHOR_KEY = re.compile(r"/authors/OL\d{1,14}A", re.ASCII)
Record = dict[str, Any]


class Page(NamedTuple):
    """A page of a subject, in the order in which it came."""

    work_count: int  # of the whole subject
    works: list[Record]
    response: Response


class Authors(NamedTuple):
    """Records by key; an author that is not known is absent."""

    records: dict[str, Record]
    response: Response


def keep_pace(
    per_second: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Callable[[], None]:
    """A function that waits until the next request is polite; there are no bursts."""
    interval_s = SPARE / per_second
    next_at = clock()

    def wait_turn() -> None:
        nonlocal next_at
        if (early_s := next_at - clock()) > 0:
            sleep(early_s)
        next_at = clock() + interval_s

    return wait_turn


class OpenLibrary:
    """Not for several threads. With a `contact` Open Library takes more requests a second."""

    def __init__(
        self,
        host: str,
        *,
        contact: str | None = None,
        page_size: int = MAX_PAGE,
        attempts: int = 5,
        total_s: float = 600,
        wait_turn: Callable[[], None] | None = None,
    ) -> None:
        self.page_size = page_size
        per_second = REQUESTS_PER_S_WITH_CONTACT if contact else REQUESTS_PER_S
        self._client = HttpClient(
            host,
            contact=contact,
            attempts=attempts,
            total_s=total_s,
            wait_turn=wait_turn or keep_pace(per_second),
        )

    def page(self, subject: str, offset: int = 0, limit: int | None = None) -> Page:
        """Books of a subject, most editions first. Ties come in another order each time."""
        response = self._client.get(
            f"/subjects/{quote(subject, safe=':')}.json",
            params={"limit": str(limit or self.page_size), "offset": str(offset)},
            check=_check_page,
        )
        body = response.json()
        return Page(body["work_count"], body["works"], response)

    def authors(self, keys: Sequence[str]) -> Authors:
        """The records of at most `MAX_AUTHORS` authors, in one request."""
        response = self._client.get(
            "/api/get_many",
            params={"keys": json.dumps(list(keys), separators=(",", ":"))},
            check=_check_authors,
        )
        return Authors(response.json()["result"], response)


def _check_page(response: Response) -> None:
    body = response.json()
    works = body.get("works") if isinstance(body, dict) else None
    count = body.get("work_count") if isinstance(body, dict) else None
    if type(count) is not int or count < 0 or not isinstance(works, list):
        raise UnexpectedBody(
            f"{response.where} sent JSON that is not a page of a subject; check the host"
        )
    for work in works:
        if not isinstance(work, dict) or not WORK_KEY.fullmatch(str(work.get("key"))):
            raise UnexpectedBody(
                f"{response.where} sent a book without a key such as /works/OL1W; try again later"
            )
    _ = response.date  # raises when it is missing or wrong


def _check_authors(response: Response) -> None:
    body = response.json()
    records = body.get("result") if isinstance(body, dict) else None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise UnexpectedBody(
            f"{response.where} sent JSON that holds no author records; check the host"
        )
    _ = response.date

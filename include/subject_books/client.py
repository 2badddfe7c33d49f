"""Open Library: the first books of a subject, page by page, and author records."""

import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import quote

from include.errors import PermanentError
from include.http.client import HttpClient, Response

log = logging.getLogger(__name__)
OFFICIAL_HOST = "openlibrary.org"
PAGE_SIZE = 1_000  # books; the API answers 422 to more
MAX_PASSES = 10  # over the same pages
MAX_PAGES = 60  # a minute's worth at the slowest pace
MAX_AUTHORS = 150  # a key has at most 25 characters, so the address stays far below 8,000
SPARE = 1.1  # margin, because the network may bring two requests closer together
WORK_KEY = re.compile(r"/works/OL\d{1,14}W", re.ASCII)
AUTHOR_KEY = re.compile(r"/authors/OL\d{1,14}A", re.ASCII)
KINDS = re.compile(r"(?:person|place|time):")
LEFT_OUT = set(';/?:@&=+$,<>#%"{}|\\^[]`')  # by Open Library, from the address of a subject
Record = dict[str, Any]


class Page(NamedTuple):
    """A page of a subject, in the order in which it came."""

    work_count: int  # of the whole subject
    works: list[Record]
    response: Response


class FirstBooks(NamedTuple):
    works: list[Record]  # those that are taken
    pages: list[Page]  # that they came on
    promised: int  # books that must come, by the API's own count
    came: int  # of these
    certain: int  # books above the last tie of the first page: a limit that always works


class OpenLibrary:
    """Not for several threads. With a `contact` Open Library takes more requests a second."""

    def __init__(
        self,
        host: str,
        *,
        contact: str | None = None,
        wait_turn: Callable[[], None] | None = None,
        **limits: Any,
    ) -> None:
        pace = keep_pace(per_second=3 if contact else 1)
        self._client = HttpClient(host, contact=contact, wait_turn=wait_turn or pace, **limits)

    def page(self, subject: str, offset: int = 0, limit: int = PAGE_SIZE) -> Page:
        """Books of a subject, most editions first. Ties come in another order each time."""
        response = self._client.get(
            f"/subjects/{quote(subject, safe=':')}.json",
            params={"limit": str(limit), "offset": str(offset)},
            check=_check_page,
        )
        body = response.json()
        return Page(body["work_count"], body["works"], response)

    def authors(self, keys: Sequence[str]) -> Response:
        """The records of at most `MAX_AUTHORS` authors by key; an unknown one is absent."""
        params = {"keys": json.dumps(list(keys), separators=(",", ":"))}
        return self._client.get("/api/get_many", params=params, check=_check_authors)


def keep_pace(per_second: float) -> Callable[[], None]:
    """A function that waits until the next request is polite; there are no bursts."""
    interval_s = SPARE / per_second
    next_at = monotonic()

    def wait_turn() -> None:
        nonlocal next_at
        if (early_s := next_at - monotonic()) > 0:
            sleep(early_s)
        next_at = monotonic() + interval_s

    return wait_turn


def read_first_books(ask: Callable[[int], Page], limit: int) -> FirstBooks:
    """Ask for pages by offset until every book that may be taken has come.

    The API shuffles books with equal edition counts for each request, so pages repeat some books
    and miss others. The number of books with at least a given edition count stays the same. It
    says when all books have come, so a subject always gives the same books.
    """
    pages: list[Page] = []
    for _ in range(MAX_PASSES):
        latest, promised, min_editions = _read_once(ask, limit)
        pages += latest
        newest = {work["key"]: work for page in pages for work in page.works}
        came = sum(_editions(work) >= min_editions for work in newest.values())
        if came >= promised or len(pages) >= MAX_PAGES:
            break
        log.info("%d of %d books came; reading again, for ties are shuffled", came, promised)
    first = [_editions(work) for work in latest[0].works]
    certain = sum(count > first[-1] for count in first)
    return FirstBooks(take(newest.values(), limit), pages, promised, came, certain)


def take(works: Iterable[Record], limit: int) -> list[Record]:
    """The first `limit` different books by edition count, then by key."""
    distinct = {work["key"]: work for work in works}
    return sorted(distinct.values(), key=lambda work: (-_editions(work), work["key"]))[:limit]


def _read_once(ask: Callable[[int], Page], limit: int) -> tuple[list[Page], int, int]:
    """The pages that matter, how many books must come, and how many editions these have."""
    pages: list[Page] = []
    counts: list[int] = []
    while True:
        page = ask(len(counts))
        pages.append(page)
        found = [_editions(work) for work in page.works]
        if found != sorted(found, reverse=True):
            raise page.response.unexpected("sent books that are not sorted by edition count")
        counts += found
        if len(counts) >= page.work_count or not found or len(pages) >= MAX_PAGES:
            return pages, page.work_count, 0
        if len(counts) >= limit and counts[-1] < counts[limit - 1]:
            last_taken = counts[limit - 1]
            return pages, sum(count >= last_taken for count in counts), last_taken


def _editions(work: Record) -> int:
    count = work.get("edition_count")
    return count if type(count) is int else 0


def check_subject(subject: str) -> None:
    """Refuse what cannot be the name of a subject, with the right spelling where there is one."""
    spelled = _spell(subject)
    if not spelled:
        raise PermanentError(
            f"{subject!r} is not a subject; give one as in the address of its page on "
            "openlibrary.org, such as data_mining, children's_fiction or place:london"
        )
    if spelled != subject:
        raise PermanentError(
            f"{subject!r} is not how Open Library spells a subject; "
            f"use {spelled} if that is the one you mean"
        )


def _spell(text: str) -> str:
    """As in the address of the subject's page: lower case, words joined by _."""
    text = "_".join(unicodedata.normalize("NFC", text.lower()).split())
    kind = KINDS.match(text)
    start = kind.end() if kind else 0
    name = "".join(c for c in text[start:] if c not in LEFT_OUT and c.isprintable()).strip("_")
    return text[:start] + name if name else ""


def _check_page(response: Response) -> None:
    body = response.json()
    works = body.get("works") if isinstance(body, dict) else None
    count = body.get("work_count") if isinstance(body, dict) else None
    if type(count) is not int or count < 0 or not isinstance(works, list):
        raise response.unexpected("sent JSON that is not a page of a subject")
    for work in works:
        if not isinstance(work, dict) or not WORK_KEY.fullmatch(str(work.get("key"))):
            raise response.unexpected("sent a book without a key such as /works/OL1W")


def _check_authors(response: Response) -> None:
    body = response.json()
    records = body.get("result") if isinstance(body, dict) else None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise response.unexpected("sent JSON that holds no author records")

"""Open Library: the books of a subject, a page at a time, and author records."""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import quote

from include.errors import PermanentError
from include.http.client import HttpClient, Response

OFFICIAL_HOST = "openlibrary.org"
PAGE_SIZE = 1_000  # books; the API answers 422 to more
MAX_AUTHORS = 150  # a key has at most 25 characters, so the address stays far below 8,000
SPARE = 1.1  # on their way some requests catch up with the one before
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

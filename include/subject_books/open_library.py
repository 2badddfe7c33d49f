"""Open Library in its own words: the books of a subject, a page at a time; author records."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.first.rest import Answer, RestClient, UnexpectedBody
from include.first.rest_errors import instant
from include.subject_books.pace import Pace

OFFICIAL_HOST = "openlibrary.org"
MAX_PAGE = 1_000  # books; the API answers 422 to more
# Keys of at most 25 characters, so that the address stays far below 8,000.
BATCH = 150
PER_SECOND, PER_SECOND_WITH_CONTACT = 1, 3
WORK_KEY = re.compile(r"/works/OL\d{1,14}W", re.ASCII)
AUTHOR_KEY = re.compile(r"/authors/OL\d{1,14}A", re.ASCII)
Record = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer, and what its headers say of it."""

    gzipped: bytes  # the body as it travelled; packed here when it came unpacked
    publisher: str  # "official", or "made-up:7" for local data of seed 7
    answered_at: str  # by the clock of the API


@dataclass(frozen=True)
class Page:
    """A page of a subject, in the order in which it came."""

    work_count: int  # of the whole subject
    works: list[Record]
    said: Said


@dataclass(frozen=True)
class Authors:
    """Records by key; who is not known is absent."""

    records: dict[str, Record]
    said: Said


class OpenLibrary:
    """Asks one thing at a time, not faster than it is welcome to. Not for several threads."""

    def __init__(
        self,
        host: str,
        *,
        contact: str | None = None,
        page_size: int = MAX_PAGE,
        attempts: int = 5,
        total_s: float = 600,
        pace: Pace | None = None,
    ) -> None:
        self.page_size = page_size
        pace = pace or Pace(PER_SECOND_WITH_CONTACT if contact else PER_SECOND)
        self._client = RestClient(
            host, contact=contact, attempts=attempts, total_s=total_s, pace=pace.wait
        )

    def page(self, subject: str, offset: int = 0, limit: int | None = None) -> Page:
        """Books of a subject, most editions first. Ties come in any order, anew each time."""
        answer = self._client.get(
            f"/subjects/{subject}.json",
            params={"limit": str(limit or self.page_size), "offset": str(offset)},
            check=_check_page,
        )
        held = answer.json()
        return Page(held["work_count"], held["works"], _said(answer))

    def authors(self, keys: Sequence[str]) -> Authors:
        """The records of at most `BATCH` authors, in one request."""
        answer = self._client.get(
            "/api/get_many",
            params={"keys": json.dumps(list(keys), separators=(",", ":"))},
            check=_check_authors,
        )
        return Authors(answer.json()["result"], _said(answer))


def _check_page(answer: Answer) -> None:
    held = answer.json()
    works = held.get("works") if isinstance(held, dict) else None
    count = held.get("work_count") if isinstance(held, dict) else None
    if type(count) is not int or count < 0 or not isinstance(works, list):
        raise UnexpectedBody(
            f"{answer.where} answered with JSON that is no page of a subject; check the host"
        )
    for work in works:
        if not isinstance(work, dict) or not WORK_KEY.fullmatch(str(work.get("key"))):
            raise UnexpectedBody(
                f"{answer.where} lists a book without a key such as /works/OL1W; try again later"
            )


def _check_authors(answer: Answer) -> None:
    held = answer.json()
    records = held.get("result") if isinstance(held, dict) else None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise UnexpectedBody(
            f"{answer.where} answered with JSON that holds no author records; check the host"
        )


def _said(answer: Answer) -> Said:
    packed = answer.gzipped
    at = instant(answer.headers.get("Date", "")) or datetime.now(UTC)
    return Said(packed, answer.publisher, f"{at:%Y-%m-%dT%H:%M:%SZ}")

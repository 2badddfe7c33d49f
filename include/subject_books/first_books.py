"""Which books of a subject are taken, and reading until all of them have come.

Taken are the first `limit` books by edition count, then by key. The API sorts by edition count
alone and shuffles ties anew for each request, so pages overlap and miss books. But the number of
books with at least so many editions does not depend on the order of ties: that number says when
to stop, and the same subject always gives the same books.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from include.http.errors import UnexpectedBody
from include.subject_books.client import Page, Record

log = logging.getLogger(__name__)
MAX_PASSES = 10  # over the same pages
MAX_PAGES = 60  # a minute's worth at the slowest pace


class FirstBooks(NamedTuple):
    works: list[Record]  # those that are taken
    pages: list[Page]  # that they came on
    promised: int  # books that must come, by the API's own count
    came: int  # of these
    agreed: int  # how many first books the pages agree on


class _Pass(NamedTuple):
    """One time from the first page to the last one that matters."""

    pages: list[Page]
    promised: int
    min_editions: int  # of the books that are promised

    def promised_from(self, editions: int) -> int:
        """Books with at least so many editions: the order of ties does not change their number."""
        return sum(edition_count(work) >= editions for page in self.pages for work in page.works)


def edition_count(work: Record) -> int:
    count = work.get("edition_count")
    return count if type(count) is int else 0


def take(works: Iterable[Record], limit: int) -> list[Record]:
    """The first `limit` different books by edition count, then by key."""
    distinct = {work["key"]: work for work in works}
    return sorted(distinct.values(), key=lambda work: (-edition_count(work), work["key"]))[:limit]


def read_first_books(ask: Callable[[int], Page], limit: int) -> FirstBooks:
    """Ask for pages by offset until every book that may be taken has come."""
    pages: list[Page] = []
    asked = 0
    for _ in range(MAX_PASSES):
        latest = _read_once(ask, limit)
        asked += len(latest.pages)
        pages += latest.pages
        came = _came(pages, latest.min_editions)
        if came > latest.promised:
            log.warning("the subject changed while it was read; earlier pages are left out")
            pages, came = latest.pages, _came(latest.pages, latest.min_editions)
        if came >= latest.promised or asked >= MAX_PAGES:
            break
        log.info("%d of %d books came; reading again, for ties are shuffled", came, latest.promised)
    works = take((work for page in pages for work in page.works), limit)
    agreed = _agreed(latest, pages) if came < latest.promised else came
    return FirstBooks(works, pages, latest.promised, came, agreed)


def _read_once(ask: Callable[[int], Page], limit: int) -> _Pass:
    pages: list[Page] = []
    offset, last_taken = 0, None
    while True:
        page = ask(offset)
        pages.append(page)
        counts = [edition_count(work) for work in page.works]
        end = offset + len(counts)
        if end >= page.work_count or not counts:
            return _Pass(pages, page.work_count, 0)
        if counts != sorted(counts, reverse=True):
            raise UnexpectedBody(
                "the books of a page are no longer sorted by edition count, so the first ones "
                "are unknown; look at Open Library's API"
            )
        if last_taken is None and end >= limit:
            last_taken = counts[limit - 1 - offset]
        if last_taken is not None and counts[-1] < last_taken:
            fewer = next(place for place, count in enumerate(counts) if count < last_taken)
            return _Pass(pages, offset + fewer, last_taken)
        if len(pages) >= MAX_PAGES:
            return _Pass(pages, page.work_count, 0)
        offset = end


def _came(pages: Iterable[Page], min_editions: int) -> int:
    newest = {work["key"]: edition_count(work) for page in pages for work in page.works}
    return sum(count >= min_editions for count in newest.values())


def _agreed(latest: _Pass, pages: list[Page]) -> int:
    """The longest list of first books that is complete: a smaller limit would be enough."""
    counts = {edition_count(work) for page in latest.pages for work in page.works}
    promised = {count: latest.promised_from(count) for count in sorted(counts)[1:]}
    return max((n for count, n in promised.items() if _came(pages, count) == n), default=0)

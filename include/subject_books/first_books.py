"""Which books of a subject are taken, and reading until all of them have come.

Taken are the first `limit` books by edition count, then by key. The API sorts by edition count
alone and shuffles ties anew for each request, so pages overlap and miss books. But the number of
books with at least so many editions does not depend on the order of ties: that number says when
to stop, and the same subject always gives the same books.
"""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from include.subject_books.client import Page, Record

log = logging.getLogger(__name__)
MAX_PASSES = 10  # over the same pages
MAX_PAGES = 60  # a minute's worth at the slowest pace


class FirstBooks(NamedTuple):
    works: list[Record]  # those that are taken
    pages: list[Page]  # that they came on
    promised: int  # books that must come, by the API's own count
    came: int  # of these
    certain: int  # books before the last tie of the first page: as a limit they are enough


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
    for _ in range(MAX_PASSES):
        latest, promised, min_editions = _read_once(ask, limit)
        pages += latest
        newest = {work["key"]: work for page in pages for work in page.works}
        came = sum(edition_count(work) >= min_editions for work in newest.values())
        if came >= promised or len(pages) >= MAX_PAGES:
            break
        log.info("%d of %d books came; reading again, for ties are shuffled", came, promised)
    first = [edition_count(work) for work in latest[0].works]
    certain = sum(count > first[-1] for count in first)
    return FirstBooks(take(newest.values(), limit), pages, promised, came, certain)


def _read_once(ask: Callable[[int], Page], limit: int) -> tuple[list[Page], int, int]:
    """Read from the first page to the last one that matters.

    Returns the pages, how many books must come, and how many editions these have at least.
    """
    pages: list[Page] = []
    counts: list[int] = []
    while True:
        page = ask(len(counts))
        pages.append(page)
        found = [edition_count(work) for work in page.works]
        if found != sorted(found, reverse=True):
            raise page.response.unexpected("sent books that are not sorted by edition count")
        counts += found
        if len(counts) >= page.work_count or not found or len(pages) >= MAX_PAGES:
            return pages, page.work_count, 0
        if len(counts) >= limit and counts[-1] < counts[limit - 1]:
            last_taken = counts[limit - 1]
            return pages, sum(count >= last_taken for count in counts), last_taken

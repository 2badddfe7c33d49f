"""Which books of a subject are taken, and reading on until they are all there.

Taken are the first `limit` books by edition count, then by key. The API sorts by edition count
alone and shuffles ties anew for each request, so that pages overlap and miss books. But how many
books have at least so many editions does not depend on the order of ties: that number says when
to stop, and the same subject always gives the same books.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from include.first.rest import UnexpectedBody
from include.subject_books.open_library import Page, Record

log = logging.getLogger(__name__)
PASSES = 10  # over the same pages
MOST_PAGES = 60  # a minute's worth at the slowest pace


class Gathered(NamedTuple):
    works: list[Record]  # those that are taken
    pages: list[Page]  # that they came on
    promised: int  # books that must have been seen, by the API's own count
    came: int  # of these


def editions(work: Record) -> int:
    count = work.get("edition_count")
    return count if type(count) is int else 0


def taken(works: Iterable[Record], limit: int) -> list[Record]:
    """The first `limit` different books by edition count, then by key."""
    distinct = {work["key"]: work for work in works}
    return sorted(distinct.values(), key=lambda work: (-editions(work), work["key"]))[:limit]


def gather(ask: Callable[[int], Page], limit: int) -> Gathered:
    """Ask for pages by offset until every book that may be taken was seen."""
    pages: list[Page] = []
    asked = promised = came = 0
    for _ in range(PASSES):
        this_pass, promised, least = _pass(ask, limit)
        asked += len(this_pass)
        pages += this_pass
        came = _distinct(pages, least)
        if came > promised:
            log.warning("the subject changed while it was read; what came before is left out")
            pages, came = this_pass, _distinct(this_pass, least)
        if came >= promised or asked >= MOST_PAGES:
            break
        log.info("%d of %d books came; reading again, for ties are shuffled", came, promised)
    return Gathered(taken((w for p in pages for w in p.works), limit), pages, promised, came)


def _pass(ask: Callable[[int], Page], limit: int) -> tuple[list[Page], int, int]:
    """Pages from the first on; how many books have at least as many editions as the last taken."""
    pages: list[Page] = []
    offset, last_taken = 0, None
    while True:
        page = ask(offset)
        pages.append(page)
        counts = [editions(work) for work in page.works]
        end = offset + len(counts)
        if end >= page.work_count or not counts:
            return pages, page.work_count, 0
        if counts != sorted(counts, reverse=True):
            raise UnexpectedBody(
                "the books of a page do not come by edition count any more, so the first ones "
                "cannot be told; look at Open Library's API"
            )
        if last_taken is None and end >= limit:
            last_taken = counts[limit - 1 - offset]
        if last_taken is not None and counts[-1] < last_taken:
            fewer = next(place for place, count in enumerate(counts) if count < last_taken)
            return pages, offset + fewer, last_taken
        if len(pages) >= MOST_PAGES:
            return pages, page.work_count, 0
        offset = end


def _distinct(pages: Iterable[Page], least: int) -> int:
    newest = {work["key"]: editions(work) for page in pages for work in page.works}
    return sum(count >= least for count in newest.values())

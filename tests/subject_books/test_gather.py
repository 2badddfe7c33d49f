"""Which books are taken, and that a shuffled order of ties never changes them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from include.first.rest import UnexpectedBody
from include.subject_books.gather import MOST_PAGES, PASSES, gather, taken
from include.subject_books.open_library import Page, Record, Said

SAID = Said(b"", "made-up:7", "2026-11-21T00:00:00Z")


def book(number: int, editions: Any) -> Record:
    return {"key": f"/works/OL{number}W", "edition_count": editions}


class Shelf:
    """A subject whose ties are shuffled anew for each page."""

    def __init__(self, books: list[Record], page_size: int, seed: int = 0) -> None:
        self.books = books
        self.page_size = page_size
        self.chance = random.Random(seed)
        self.asked: list[int] = []

    def __call__(self, offset: int) -> Page:
        self.asked.append(offset)
        shuffled = self.chance.sample(self.books, len(self.books))
        shuffled.sort(key=lambda work: -work["edition_count"])
        return Page(len(self.books), shuffled[offset : offset + self.page_size], SAID)


BOOKS = [book(number, 1 + (number % 7 == 0) + 5 * (number % 31 == 0)) for number in range(1, 301)]


def keys(works: list[Record]) -> list[str]:
    return [work["key"] for work in works]


def test_the_first_by_editions_then_by_key() -> None:
    """Most editions first; of as many, the smaller key; one without a number has none."""
    works = [book(3, 1), book(2, 5), book(10, 1), book(4, None), book(2, 5)]
    assert keys(taken(works, 9)) == ["/works/OL2W", "/works/OL10W", "/works/OL3W", "/works/OL4W"]
    assert keys(taken(works, 2)) == ["/works/OL2W", "/works/OL10W"]


@pytest.mark.parametrize("limit", [1, 9, 10, 43, 44, 100, 299, 300, 500])
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_ties_do_not_matter(limit: int, seed: int) -> None:
    """Whatever the order of ties and wherever the cut falls, the same books are taken."""
    gathered = gather(Shelf(BOOKS, page_size=60, seed=seed), limit)
    assert gathered.came == gathered.promised
    assert keys(gathered.works) == keys(taken(BOOKS, limit))


@pytest.mark.parametrize("count", [0, 1, 59, 60, 61, 120])
def test_pages_end_where_the_subject_ends(count: int) -> None:
    """Nothing, one, exactly full and one more: each book is there and no page is asked in vain."""
    shelf = Shelf(BOOKS[:count], page_size=60)
    gathered = gather(shelf, 1000)
    assert len(gathered.works) == gathered.promised == count
    assert shelf.asked[: max(1, -(-count // 60))] == list(range(0, max(count, 1), 60))
    assert count > 60 or len(shelf.asked) == 1


def test_a_page_that_holds_the_subject_is_asked_for_once() -> None:
    """With pages of 1,000 books a subject of 300 is one question."""
    shelf = Shelf(BOOKS, page_size=1000)
    gather(shelf, 100)
    assert shelf.asked == [0]


def test_reading_stops_where_no_more_can_be_taken() -> None:
    """Of a large subject only the pages down to the last tie are read."""
    shelf = Shelf(BOOKS, page_size=20)
    first = gather(shelf, 5)
    assert set(shelf.asked) == {0}
    assert first.promised == sum(work["edition_count"] >= 6 for work in BOOKS)


def test_a_subject_that_lacks_books_is_told_and_left() -> None:
    """A count that the pages never reach ends the reading, and both numbers are kept."""

    def ask(offset: int) -> Page:
        asked.append(offset)
        return Page(12, [book(1, 1), book(2, 1)] if not offset else [], SAID)

    asked: list[int] = []
    gathered = gather(ask, 100)
    assert (gathered.promised, gathered.came) == (12, 2)
    assert len(asked) == 2 * PASSES


def test_an_endless_subject_ends() -> None:
    """A subject that always has one more page is left after so many pages."""

    def ask(offset: int) -> Page:
        asked.append(offset)
        return Page(10**9, [book(offset + n, 1) for n in range(5)], SAID)

    asked: list[int] = []
    gathered = gather(ask, 3)
    assert gathered.came < gathered.promised
    assert len(asked) == MOST_PAGES


def test_a_subject_that_changes_meanwhile_is_read_anew() -> None:
    """A book that left between two passes is not taken."""
    one, two, three, other = (book(number, 1) for number in range(1, 5))
    pages = iter(
        [
            Page(4, [one, two], SAID),
            Page(4, [one, three], SAID),  # overlaps: a fourth is missing
            Page(3, [other, two], SAID),  # now they are three
            Page(3, [three], SAID),
        ]
    )
    gathered = gather(lambda _: next(pages), 10)
    assert set(keys(gathered.works)) == set(keys([other, two, three]))
    assert gathered.came == gathered.promised == 3


def test_another_order_is_refused() -> None:
    """Where books do not come by edition count, the first ones cannot be told: that is said."""
    page = Page(9, [book(1, 1), book(2, 5)], SAID)
    with pytest.raises(UnexpectedBody, match="edition count"):
        gather(lambda _: page, 100)


def test_the_replica_gives_the_same_books_each_time(open_library: Callable[..., Any]) -> None:
    """Small pages of the shuffled subject end with the books that one large page has."""
    small, large = open_library(page_size=130), open_library()
    for limit in (100, 260, 620):
        parts = gather(lambda offset: small.page("data_mining", offset), limit)
        whole = gather(lambda offset: large.page("data_mining", offset), limit)
        assert parts.works == whole.works
        assert len(whole.works) == limit
        assert len(whole.pages) == 1

import random
from typing import Any

import pytest

from include.http.errors import UnexpectedBody
from include.http.response import Response
from include.subject_books.client import (
    MAX_PAGES,
    MAX_PASSES,
    Page,
    Record,
    read_first_books,
    take,
)

RESPONSE = Response(200, "openlibrary.org", {}, b"", b"")


def book(number: int, editions: Any) -> Record:
    return {"key": f"/works/OL{number}W", "edition_count": editions}


class Shelf:
    """A subject that shuffles ties for each page."""

    def __init__(self, books: list[Record], page_size: int, seed: int = 0) -> None:
        self.books = books
        self.page_size = page_size
        self.chance = random.Random(seed)
        self.asked: list[int] = []

    def __call__(self, offset: int) -> Page:
        self.asked.append(offset)
        shuffled = self.chance.sample(self.books, len(self.books))
        shuffled.sort(key=lambda work: -work["edition_count"])
        return Page(len(self.books), shuffled[offset : offset + self.page_size], RESPONSE)


BOOKS = [book(number, 1 + (number % 7 == 0) + 5 * (number % 31 == 0)) for number in range(1, 301)]


def keys(works: list[Record]) -> list[str]:
    return [work["key"] for work in works]


@pytest.mark.parametrize("limit", [1, 9, 10, 43, 44, 100, 299, 300, 500])
@pytest.mark.parametrize("seed", range(3))
def test_read_of_shuffled_ties_gives_the_same_books(limit: int, seed: int) -> None:
    found = read_first_books(Shelf(BOOKS, page_size=60, seed=seed), limit)
    assert found.came == found.promised
    assert keys(found.works) == keys(take(BOOKS, limit))


@pytest.mark.parametrize("count", [0, 1, 59, 60, 61, 120])
def test_read_ends_at_the_last_book(count: int) -> None:
    shelf = Shelf(BOOKS[:count], page_size=60)
    found = read_first_books(shelf, 1000)
    assert len(found.works) == found.promised == count
    assert shelf.asked[: max(1, -(-count // 60))] == list(range(0, max(count, 1), 60))
    assert count > 60 or len(shelf.asked) == 1


def test_read_requests_no_page_after_the_last_tie() -> None:
    shelf = Shelf(BOOKS, page_size=20)
    first = read_first_books(shelf, 5)
    assert shelf.asked == [0]
    assert first.promised == sum(work["edition_count"] >= 6 for work in BOOKS)


def test_read_of_inconsistent_ties_gives_both_counts_and_a_safe_limit() -> None:
    """The books before the first page's last tie are complete."""
    many = [book(number, 2) for number in range(1, 151)]
    ties = [book(number, 1) for number in range(201, 221)]

    def ask(offset: int) -> Page:
        asked.append(offset)
        return Page(500, [] if offset else many + ties, RESPONSE)

    asked: list[int] = []
    found = read_first_books(ask, 400)
    assert (found.promised, found.came, found.certain) == (500, 170, 150)
    assert len(asked) == 2 * MAX_PASSES
    assert read_first_books(ask, found.certain).came == found.certain


def test_read_limits_endless_subject() -> None:
    def ask(offset: int) -> Page:
        asked.append(offset)
        return Page(10**9, [book(offset + n, 1) for n in range(5)], RESPONSE)

    asked: list[int] = []
    found = read_first_books(ask, 3)
    assert found.came < found.promised
    assert len(asked) == MAX_PAGES


def test_read_refuses_other_order() -> None:
    page = Page(9, [book(1, 1), book(2, 5)], RESPONSE)
    with pytest.raises(UnexpectedBody, match="edition count"):
        read_first_books(lambda _: page, 100)

"""The made-up library: the same each time, hard on CSV, and moving on day by day."""

from __future__ import annotations

import csv
import io

import pytest

from fakes.made_up_books import BIG, SMALL, complete_author, library
from fakes.made_up_curiosities import AUTHORS, WORKS


def test_the_same_seed_makes_the_same_library():
    """Made again from nothing."""
    once = library(3, 2)
    library.cache_clear()
    again = library(3, 2)
    assert once is not again
    assert once == again
    assert library(4, 2) != once


def test_a_later_day_leaves_the_earlier_as_it_was():
    """No day is made by changing another."""
    library.cache_clear()
    before = repr(library(3, 1))
    library(3, 30)
    assert repr(library(3, 1)) == before


@pytest.mark.parametrize("day", [1, 2, 366])
def test_every_book_and_author_is_there(day):
    """No subject names a book, and no book an author, that the library lacks."""
    held = library(3, day)
    odd = {work["key"] for work in WORKS.values()}
    for keys in held.subjects.values():
        assert len(set(keys)) == len(keys)
        for key in keys:
            assert held.works[key]["key"] == key
            if key not in odd:
                assert {a["key"] for a in held.works[key]["authors"]} <= held.authors.keys()


@pytest.mark.parametrize("day", [1, 2, 366])
def test_merged_authors_lead_to_a_person(day):
    """Over any number of steps; only the oddities go in circles."""
    held = library(3, day)
    merged = 0
    for key in held.authors.keys() - AUTHORS.keys():
        seen = {key}
        while "location" in held.authors[key]:
            merged += 1
            key = held.authors[key]["location"]  # noqa: PLW2901
            assert key not in seen
            seen.add(key)
        assert held.authors[key]["name"]
    assert merged >= 10 + day


def test_some_books_have_no_authors_or_no_title():
    """In the big subject too, but few."""
    works = [library(3, 1).works[key] for key in library(3, 1).subjects[BIG]]
    assert 5 < sum(not work["authors"] for work in works) < 50
    assert 0 < sum("title" not in work for work in works) < 20
    assert sum(work["first_publish_year"] is None for work in works) > 5


def test_no_day_changes_an_oddity():
    """Whoever looks for one finds it as described."""
    authors = library(3, 366).authors
    assert {key: authors[key] for key in AUTHORS} == AUTHORS


def test_titles_need_quoting():
    """Quotes, commas, new lines, tabs and letters beyond ASCII."""
    titles = [work.get("title", "") for work in library(3, 1).works.values()]
    for mark in ('"', ",", "\n", "\r", "\t", "=", "É", "数", "\U0001f4da"):
        assert any(mark in title for title in titles), mark
    written = io.StringIO(newline="")
    csv.writer(written).writerows([title] for title in titles)
    read = csv.reader(io.StringIO(written.getvalue(), newline=""))
    assert [row[0] if row else "" for row in read] == titles


def test_the_shared_book_leaves_one_subject_only():
    """On the second day."""
    first, second = library(3, 1), library(3, 2)
    both = set(first.subjects[BIG]) & set(first.subjects[SMALL])
    assert len(both) == 2
    assert len(both & set(second.subjects[BIG])) == 1
    assert second.subjects[SMALL] == first.subjects[SMALL]


def test_a_record_keeps_its_own_type():
    """What is merged or deleted says so in the place of the usual type."""
    key = WORKS["deleted_author"]["authors"][0]["key"]
    assert complete_author(key, AUTHORS[key])["type"] == {"key": "/type/delete"}
    assert complete_author("/authors/OL1A", {"name": "x"})["type"] == {"key": "/type/author"}

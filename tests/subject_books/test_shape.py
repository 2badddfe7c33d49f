"""From what Open Library says to three tables: each quirk has its rule."""

from __future__ import annotations

from typing import Any

import pytest

from fakes import made_up_curiosities as curiosities
from fakes.made_up_books import complete_author
from include.subject_books.open_library import Record
from include.subject_books.shape import Shaped, author_keys, shape
from include.subject_books.tables import PUBLISHED, arrow_schema, key_of

RECORDS = {key: complete_author(key, record) for key, record in curiosities.AUTHORS.items()}
ANNA, BRAM = "/authors/OL7000001A", "/authors/OL7000002A"


@pytest.fixture(scope="module")
def shaped() -> Shaped:
    return shape(curiosities.WORKS.values(), RECORDS)


def made_of(*works: Record, records: dict[str, Record] | None = None) -> Shaped:
    return shape(works, RECORDS if records is None else records)


def rows(shaped: Shaped, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shaped.tables[table].to_pylist()
    return found


def book(shaped: Shaped, oddity: str) -> dict[str, Any]:
    key = curiosities.WORKS[oddity]["key"]
    (found,) = (row for row in rows(shaped, "books") if row["work_key"] == key)
    return found


def authors_of(shaped: Shaped, oddity: str) -> list[tuple[str, int]]:
    key = curiosities.WORKS[oddity]["key"]
    links = [row for row in rows(shaped, "authors_books") if row["work_key"] == key]
    return sorted(((row["author_key"], row["position"]) for row in links), key=lambda x: x[1])


def author(shaped: Shaped, number: int) -> dict[str, Any]:
    key = f"/authors/OL{7_000_000 + number}A"
    (found,) = (row for row in rows(shaped, "authors") if row["author_key"] == key)
    return found


def test_tables_are_what_the_model_says(shaped: Shaped) -> None:
    """Columns and types are the model's, rows are sorted by key, keys are unique."""
    for table in PUBLISHED:
        made = shaped.tables[table.name]
        assert made.schema.equals(arrow_schema(table))
        keys = [tuple(row[name] for name in key_of(table)) for row in made.to_pylist()]
        assert keys == sorted(set(keys))


def test_every_link_has_both_ends(shaped: Shaped) -> None:
    """Each link leads to a book and an author; each author has a book; every book is there."""
    links = rows(shaped, "authors_books")
    books = {row["work_key"] for row in rows(shaped, "books")}
    assert books == {work["key"] for work in curiosities.WORKS.values()}
    assert {row["work_key"] for row in links} <= books
    assert {row["author_key"] for row in links} == {
        row["author_key"] for row in rows(shaped, "authors")
    }


@pytest.mark.parametrize("oddity", ["no_title", "empty_title"])
def test_a_book_without_a_title_has_null(shaped: Shaped, oddity: str) -> None:
    """A title that is missing or empty is null, and is counted."""
    assert book(shaped, oddity)["title"] is None
    assert curiosities.WORKS[oddity]["key"] in shaped.oddities["book without a title"]


@pytest.mark.parametrize("oddity", ["awkward_title", "formula_title", "padded_title", "long_title"])
def test_titles_are_verbatim(shaped: Shaped, oddity: str) -> None:
    """Quotes, line breaks, spaces and formulas stay as they are."""
    assert book(shaped, oddity)["title"] == curiosities.WORKS[oddity]["title"]


def test_a_book_without_an_author_is_kept(shaped: Shaped) -> None:
    """It has its row among the books and none among the links."""
    assert book(shaped, "no_authors")["title"]
    assert authors_of(shaped, "no_authors") == []
    assert shaped.oddities["book without an author"] == [curiosities.WORKS["no_authors"]["key"]]


def test_places_have_no_gap(shaped: Shaped) -> None:
    """Authors keep the book's order; one named twice, or merged with another, counts once."""
    assert authors_of(shaped, "order_of_authors") == [(BRAM, 1), (ANNA, 2)]
    assert authors_of(shaped, "author_twice") == [(ANNA, 1), (BRAM, 2)]
    assert authors_of(shaped, "merged_and_target") == [(ANNA, 1)]
    assert authors_of(shaped, "merged") == authors_of(shaped, "merged_twice") == [(ANNA, 1)]


def test_two_keys_of_one_person_stay_two(shaped: Shaped) -> None:
    """Who bears the same name need not be the same: only Open Library merges."""
    assert len(authors_of(shaped, "two_keys_of_one_person")) == 2


@pytest.mark.parametrize(
    ("number", "name", "trouble"),
    [
        (7, "Lost Author", "merged into /authors/OL7000099A, which is not known"),
        (8, "Round", "merged in a circle"),
        (9, "And Round", "merged in a circle"),
        (10, "Selfsame", "merged in a circle"),
        (11, "Misdirected", "merged into /works/OL7000001W, which is no author"),
        (12, "Deleted Author", "deleted"),
        (13, "Nobody Knows", "not known"),
        (14, None, None),
    ],
)
def test_an_author_without_a_record_has_the_credited_name(
    shaped: Shaped, number: int, name: str | None, trouble: str | None
) -> None:
    """Who has no record is kept under the book's key and name, with the reason."""
    assert author(shaped, number)["name"] == name
    assert author(shaped, number)["trouble"] == trouble


def test_what_an_author_is(shaped: Shaped) -> None:
    """The record's name wins over the credit; dates are text; a bio is text, however wrapped."""
    assert author(shaped, 16)["name"] == "New Name"
    assert author(shaped, 17)["birth_date"] == "ca. 384 BC"
    assert author(shaped, 17)["death_date"] == "after 1 May, 322?"
    assert author(shaped, 18)["bio"] == "Wrote one book,\nthen stopped."
    assert author(shaped, 19)["bio"] == 'Said "never again", and wrote two more.'


def test_numbers_that_are_none(shaped: Shaped) -> None:
    """A cover of -1 and a year of 9999 are null and counted; a year before Christ is one."""
    assert book(shaped, "cover_missing")["cover_id"] is None
    assert book(shaped, "year_to_come")["first_publish_year"] is None
    assert book(shaped, "year_before_christ")["first_publish_year"] == -350
    assert book(shaped, "no_editions")["edition_count"] == 0
    assert len(shaped.oddities["cover that is none"]) == 1
    assert len(shaped.oddities["year that is none"]) == 1


@pytest.mark.parametrize(
    "work",
    [
        {"authors": None},
        {"authors": "Anna"},
        {"authors": [None, 7, {}, {"key": 1}, {"key": "/works/OL1W"}, {"key": "/authors/OL1A\n"}]},
        {"title": 7, "edition_count": "many", "cover_id": True, "has_fulltext": "yes"},
        {"edition_count": -1, "first_publish_year": 1.5, "cover_id": 2**70},
    ],
)
def test_hostile_books_are_rows_all_the_same(work: Record) -> None:
    """What is of another kind than it should be is null; nothing breaks."""
    made = made_of({"key": "/works/OL1W", **work})
    (row,) = rows(made, "books")
    assert row.pop("work_key") == "/works/OL1W"
    assert set(row.values()) == {None}
    assert rows(made, "authors") == []


@pytest.mark.parametrize(
    "record",
    [{"name": None}, {"name": ["x"]}, {"bio": {"value": {}}}, {"bio": 7}, {"birth_date": 1931}],
)
def test_hostile_records_are_authors_all_the_same(record: Record) -> None:
    """A record whose fields are of another kind leaves the credited name and nulls."""
    work = {"key": "/works/OL1W", "authors": [{"key": ANNA, "name": "Credited"}]}
    (row,) = rows(made_of(work, records={ANNA: record}), "authors")
    assert row == dict.fromkeys(row) | {"author_key": ANNA, "name": "Credited"}


def test_text_that_cannot_be_held() -> None:
    """PostgreSQL holds no NUL and UTF-8 no half of a pair: both go, and it is counted."""
    made = made_of({"key": "/works/OL1W", "title": "a\0b\ud83dc"})
    assert rows(made, "books")[0]["title"] == "ab?c"
    assert made.oddities["text that cannot be held as it is"] == ["/works/OL1W"]


def test_the_order_of_what_came_does_not_matter(shaped: Shaped) -> None:
    """Books in another order make the same tables."""
    again = made_of(*reversed(list(curiosities.WORKS.values())))
    assert all(again.tables[name].equals(made) for name, made in shaped.tables.items())
    assert again.oddities == shaped.oddities


def test_whom_to_ask_for() -> None:
    """Every key that is an author's is asked for, once."""
    works = [
        {"key": "/works/OL1W", "authors": [{"key": ANNA}, {"key": BRAM}, {"key": "x"}]},
        {"key": "/works/OL2W", "authors": [{"key": ANNA}]},
    ]
    assert author_keys(works) == [ANNA, BRAM]

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes import made_up_curiosities as curiosities
from fakes.made_up_books import complete_author
from include.subject_books.client import Record
from include.subject_books.contract import IN_FILES
from include.subject_books.tables import tables_of
from include.subject_books.transform import Books, author_keys, books_of

RECORDS = {key: complete_author(key, record) for key, record in curiosities.AUTHORS.items()}
ANNA, BRAM = "/authors/OL7000001A", "/authors/OL7000002A"


@pytest.fixture(scope="module")
def found() -> Books:
    return books_of("curiosities", curiosities.WORKS.values(), RECORDS)


def books_from(*works: Record, records: dict[str, Record] | None = None) -> Books:
    return books_of("odd", works, RECORDS if records is None else records)


def rows(found: Books, table: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tables_of(found.rows)[table].to_pylist()
    return listed


def key_of(oddity: str) -> str:
    return str(curiosities.WORKS[oddity]["key"])


def book(found: Books, oddity: str) -> dict[str, Any]:
    return next(row for row in rows(found, "books") if row["work_key"] == key_of(oddity))


def authors_of(found: Books, oddity: str) -> list[tuple[str, int]]:
    links = [row for row in rows(found, "authors_books") if row["work_key"] == key_of(oddity)]
    return sorted(((row["author_key"], row["position"]) for row in links), key=lambda x: x[1])


def author(found: Books, number: int) -> dict[str, Any]:
    key = f"/authors/OL{7_000_000 + number}A"
    return next(row for row in rows(found, "authors") if row["author_key"] == key)


def test_tables_have_the_declared_columns_and_sorted_unique_keys(found: Books) -> None:
    for table in IN_FILES:
        made = tables_of(found.rows)[table.name]
        assert made.schema.equals(table.schema, check_metadata=True)
        keys = [tuple(row[name] for name in table.key) for row in made.to_pylist()]
        assert keys == sorted(set(keys))


def test_tables_every_link_has_both_ends(found: Books) -> None:
    links = rows(found, "authors_books")
    books = {row["work_key"] for row in rows(found, "books")}
    assert books == {work["key"] for work in curiosities.WORKS.values()}
    assert {row["work_key"] for row in links} <= books
    authors = {row["author_key"] for row in rows(found, "authors")}
    assert {row["author_key"] for row in links} == authors


def test_tables_of_no_rows_are_empty(found: Books) -> None:
    assert {t.num_rows for t in tables_of(found.rows.slice(0, 0)).values()} == {0}


@pytest.mark.parametrize("oddity", ["no_title", "empty_title"])
def test_title_missing_or_empty_is_null_and_counted(found: Books, oddity: str) -> None:
    assert book(found, oddity)["title"] is None
    assert key_of(oddity) in found.oddities["book without a title"]


@pytest.mark.parametrize("oddity", ["awkward_title", "formula_title", "padded_title", "long_title"])
def test_title_is_verbatim(found: Books, oddity: str) -> None:
    assert book(found, oddity)["title"] == curiosities.WORKS[oddity]["title"]


def test_book_without_author_is_kept(found: Books) -> None:
    assert book(found, "no_authors")["title"]
    assert authors_of(found, "no_authors") == []
    assert found.oddities["book without an author"] == [key_of("no_authors")]


def test_positions_have_no_gap(found: Books) -> None:
    """Authors keep the order of the book; one named twice, or merged with another, counts once."""
    assert authors_of(found, "order_of_authors") == [(BRAM, 1), (ANNA, 2)]
    assert authors_of(found, "author_twice") == [(ANNA, 1), (BRAM, 2)]
    assert authors_of(found, "merged_and_target") == [(ANNA, 1)]
    assert authors_of(found, "merged") == authors_of(found, "merged_twice") == [(ANNA, 1)]


def test_two_keys_of_one_name_stay_two_authors(found: Books) -> None:
    assert len(authors_of(found, "two_keys_of_one_person")) == 2


@pytest.mark.parametrize(
    ("number", "name", "problem"),
    [
        (7, "Lost Author", "merged into /authors/OL7000099A, which is not known"),
        (8, "Round", "merged in a circle"),
        (9, "And Round", "merged in a circle"),
        (10, "Selfsame", "merged in a circle"),
        (11, "Misdirected", "merged into /works/OL7000001W, which is not an author"),
        (12, "Deleted Author", "deleted"),
        (13, "Nobody Knows", "not known"),
        (14, None, None),
    ],
)
def test_author_without_record_has_the_credited_name_and_the_problem(
    found: Books, number: int, name: str | None, problem: str | None
) -> None:
    assert author(found, number)["name"] == name
    assert author(found, number)["problem"] == problem


def test_author_is_what_the_record_has(found: Books) -> None:
    assert author(found, 16)["name"] == "New Name"
    assert author(found, 17)["birth_date"] == "ca. 384 BC"
    assert author(found, 17)["death_date"] == "after 1 May, 322?"
    assert author(found, 18)["bio"] == "Wrote one book,\nthen stopped."
    assert author(found, 19)["bio"] == 'Said "never again", and wrote two more.'


def test_authors_column_is_canonical_json(found: Books) -> None:
    row = next(r for r in found.rows.to_pylist() if r["work_key"] == key_of("bio_as_text"))
    author = json.loads(row["authors"])[0]
    assert list(author) == ["author_key", "name", "birth_date", "death_date", "bio", "problem"]
    assert row["authors"] == json.dumps([author], ensure_ascii=False, separators=(",", ":"))
    assert row["subject_book"] == f"curiosities{row['work_key']}"


def test_impossible_numbers_are_null_and_counted(found: Books) -> None:
    assert book(found, "cover_missing")["cover_id"] is None
    assert book(found, "year_to_come")["first_publish_year"] is None
    assert book(found, "year_before_christ")["first_publish_year"] == -350
    assert book(found, "no_editions")["edition_count"] == 0
    assert found.oddities["impossible cover"] == [key_of("cover_missing")]
    assert found.oddities["impossible year"] == [key_of("year_to_come")]


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
def test_book_with_values_of_other_types_is_a_row_with_nulls(work: Record) -> None:
    found = books_from({"key": "/works/OL1W", **work})
    (row,) = rows(found, "books")
    assert row.pop("work_key") == "/works/OL1W"
    assert set(row.values()) == {None}
    assert rows(found, "authors") == []


@pytest.mark.parametrize(
    "record",
    [{"name": None}, {"name": ["x"]}, {"bio": {"value": {}}}, {"bio": 7}, {"birth_date": 1931}],
)
def test_record_with_values_of_other_types_leaves_the_credited_name(record: Record) -> None:
    work = {"key": "/works/OL1W", "authors": [{"key": ANNA, "name": "Credited"}]}
    (row,) = rows(books_from(work, records={ANNA: record}), "authors")
    assert row == dict.fromkeys(row) | {"author_key": ANNA, "name": "Credited"}


def test_text_that_cannot_be_stored_is_mended_and_counted() -> None:
    """PostgreSQL holds no NUL and UTF-8 no half of a surrogate pair."""
    found = books_from({"key": "/works/OL1W", "title": "a\0b\ud83dc"})
    assert rows(found, "books")[0]["title"] == "ab?c"
    assert found.oddities["text with characters that cannot be stored"] == ["/works/OL1W"]


def test_order_of_the_answers_does_not_matter(found: Books) -> None:
    again = books_of("curiosities", reversed(curiosities.WORKS.values()), RECORDS)
    assert again.rows.equals(found.rows)
    assert again.oddities == found.oddities


def test_author_keys_are_asked_for_once() -> None:
    works = [
        {"key": "/works/OL1W", "authors": [{"key": ANNA}, {"key": BRAM}, {"key": "x"}]},
        {"key": "/works/OL2W", "authors": [{"key": ANNA}]},
    ]
    assert author_keys(works) == [ANNA, BRAM]

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from fakes import made_up_curiosities as curiosities
from fakes.made_up_books import complete_author
from include.subject_books.client import MAX_AUTHORS, Record
from include.subject_books.contract import IN_FILES
from include.subject_books.tables import tables_of
from include.subject_books.transform import (
    MAX_HOPS,
    author_keys,
    books_of,
    follow,
    read_records,
)

RECORDS = {key: complete_author(key, record) for key, record in curiosities.AUTHORS.items()}
ANNA, BRAM = "/authors/OL7000001A", "/authors/OL7000002A"


Books = tuple[pa.Table, dict[str, set[str]]]


@pytest.fixture(scope="module")
def found() -> Books:
    return books_of("curiosities", curiosities.WORKS.values(), RECORDS)


def rows(found: Books, table: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tables_of(found[0])[table].to_pylist()
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


def test_tables_match_the_contract_and_links_are_complete(found: Books) -> None:
    for table in IN_FILES:
        made = tables_of(found[0])[table.name]
        assert made.schema.equals(table.schema, check_metadata=True)
        keys = [tuple(row[name] for name in table.key) for row in made.to_pylist()]
        assert keys == sorted(set(keys))
    links = rows(found, "authors_books")
    books = {row["work_key"] for row in rows(found, "books")}
    assert books == {work["key"] for work in curiosities.WORKS.values()}
    assert {row["work_key"] for row in links} <= books
    authors = {row["author_key"] for row in rows(found, "authors")}
    assert {row["author_key"] for row in links} == authors


def test_title_is_verbatim_or_null_and_counted(found: Books) -> None:
    for oddity in ("awkward_title", "formula_title", "padded_title", "long_title"):
        assert book(found, oddity)["title"] == curiosities.WORKS[oddity]["title"]
    for oddity in ("no_title", "empty_title"):
        assert book(found, oddity)["title"] is None
        assert key_of(oddity) in found[1]["book without a title"]


def test_author_positions_have_no_gap(found: Books) -> None:
    """Authors keep the order of the book; duplicate or merged authors count once."""
    assert authors_of(found, "order_of_authors") == [(BRAM, 1), (ANNA, 2)]
    assert authors_of(found, "author_twice") == [(ANNA, 1), (BRAM, 2)]
    assert authors_of(found, "merged_and_target") == [(ANNA, 1)]
    assert authors_of(found, "merged") == authors_of(found, "merged_twice") == [(ANNA, 1)]
    assert len(authors_of(found, "two_keys_of_one_person")) == 2
    assert authors_of(found, "no_authors") == []
    assert found[1]["book without an author"] == {key_of("no_authors")}


@pytest.mark.parametrize(
    ("number", "name", "problem"),
    [
        (7, "Lost Author", "merged into /authors/OL7000099A, which is not known"),
        (8, "Round", "merged in a circle"),
        (9, "And Round", "merged in a circle"),
        (10, "Selfsame", "merged in a circle"),
        (11, "Misdirected", "merged into /works/OL7000001W, which is not known"),
        (12, "Deleted Author", "deleted"),
        (13, "Nobody Knows", "not known"),
        (14, None, None),
    ],
)
def test_author_without_record_has_credited_name_and_problem(
    found: Books, number: int, name: str | None, problem: str | None
) -> None:
    assert author(found, number)["name"] == name
    assert author(found, number)["problem"] == problem


def test_author_fields_come_from_the_record(found: Books) -> None:
    assert author(found, 16)["name"] == "New Name"
    assert author(found, 17)["birth_date"] == "ca. 384 BC"
    assert author(found, 17)["death_date"] == "after 1 May, 322?"
    assert author(found, 18)["bio"] == "Wrote one book,\nthen stopped."
    assert author(found, 19)["bio"] == 'Said "never again", and wrote two more.'


def test_impossible_numbers_are_null_and_counted(found: Books) -> None:
    assert book(found, "cover_missing")["cover_id"] is None
    assert book(found, "year_to_come")["first_publish_year"] is None
    assert book(found, "year_before_christ")["first_publish_year"] == -350
    assert book(found, "no_editions")["edition_count"] == 0
    assert found[1]["impossible cover_id"] == {key_of("cover_missing")}
    assert found[1]["impossible first_publish_year"] == {key_of("year_to_come")}


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
def test_invalid_values_of_a_book_become_null(work: Record) -> None:
    found = books_of("odd", [{"key": "/works/OL1W", **work}], RECORDS)
    (row,) = rows(found, "books")
    assert row.pop("work_key") == "/works/OL1W"
    assert set(row.values()) == {None}
    assert rows(found, "authors") == []


def test_text_that_cannot_be_stored_is_repaired_and_counted() -> None:
    """PostgreSQL rejects NUL, and UTF-8 rejects lone surrogates."""
    found = books_of("odd", [{"key": "/works/OL1W", "title": "a\0b\ud83dc"}], {})
    assert rows(found, "books")[0]["title"] == "ab?c"
    assert found[1]["text with characters that cannot be stored"] == {"/works/OL1W"}


def author_record(number: int) -> str:
    return f"/authors/OL{number}A"


def merged(into: str) -> Record:
    return {"type": {"key": "/type/redirect"}, "location": into}


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"type": {"key": "/type/edition"}}, "not an author"),
        (merged(""), "merged into nothing, which is not known"),
        ({"name": "Without a type"}, None),
    ],
    ids=str,
)
def test_follow_names_the_problem_of_a_record(record: Record, problem: str | None) -> None:
    assert follow(ANNA, {ANNA: record}).problem == problem


def test_read_records_requests_each_author_once() -> None:
    """It also requests merge targets, in batches that the API accepts."""
    many = [author_record(number) for number in range(1, 2 * MAX_AUTHORS + 2)]
    works = [{"key": "/works/OL1W", "authors": [{"key": k} for k in [*many, *many, "x"]]}]
    records = {many[0]: merged(many[1]), many[2]: merged(author_record(404))}
    batches: list[Sequence[str]] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        batches.append(keys)
        return {key: records[key] for key in keys if key in records}

    assert read_records(author_keys(works), ask) == records
    asked = [key for batch in batches for key in batch]
    assert len(asked) == len(set(asked))
    assert set(asked) == {*many, author_record(404)}
    assert [len(batch) for batch in batches] == [MAX_AUTHORS, MAX_AUTHORS, 1, 1]


def test_read_records_limits_endless_chain() -> None:
    asked: list[str] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        asked.extend(keys)
        return {key: merged(author_record(len(asked) + 1)) for key in keys}

    records = read_records([author_record(1)], ask)
    assert len(asked) == MAX_HOPS
    assert follow(author_record(1), records).problem == "merged in a circle"

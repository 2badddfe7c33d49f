from __future__ import annotations

from collections.abc import Sequence

import pytest

from include.subject_books.authors import MAX_HOPS, Person, follow, read_records
from include.subject_books.client import MAX_AUTHORS, Record


def author(number: int) -> str:
    return f"/authors/OL{number}A"


def merged(into: object) -> Record:
    return {"type": {"key": "/type/redirect"}, "location": into}


ADA = {"name": "Ada", "type": {"key": "/type/author"}}
RECORDS: dict[str, Record] = {
    author(1): ADA,
    author(2): merged(author(1)),
    author(3): merged(author(2)),
    author(4): merged(author(404)),
    author(5): merged(author(6)),
    author(6): merged(author(5)),
    author(7): merged(author(7)),
    author(8): merged("/works/OL1W"),
    author(9): merged(None),
    author(10): {"type": {"key": "/type/delete"}},
    author(11): {"type": {"key": "/type/edition"}},
    author(12): {"name": "Without a type"},
    author(13): merged(author(10)),
    author(14): merged(author(5)),
}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_follow_chain_ends_at_the_record(number: int) -> None:
    assert follow(author(number), RECORDS) == Person(author(1), ADA, None)


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (4, "merged into /authors/OL404A, which is not known"),
        (5, "merged in a circle"),
        (7, "merged in a circle"),
        (8, "merged into /works/OL1W, which is not an author"),
        (9, "merged into nothing, which is not an author"),
        (10, "deleted"),
        (11, "not an author"),
        (13, "merged into /authors/OL10A, which is deleted"),
        (14, "merged in a circle"),
        (99, "not known"),
    ],
)
def test_follow_without_record_keeps_the_key_and_says_why(number: int, problem: str) -> None:
    assert follow(author(number), RECORDS) == Person(author(number), None, problem)


def test_follow_record_without_type_is_an_author() -> None:
    assert follow(author(12), RECORDS).record == RECORDS[author(12)]


def test_read_records_asks_for_each_author_once() -> None:
    batches: list[Sequence[str]] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        batches.append(keys)
        return {key: RECORDS[key] for key in keys if key in RECORDS}

    many = [author(number) for number in range(1, 2 * MAX_AUTHORS + 2)]
    records = read_records(many + many, ask)
    asked = [key for batch in batches for key in batch]
    assert len(asked) == len(set(asked))
    assert set(asked) == {*many, author(404)}
    assert [len(batch) for batch in batches] == [MAX_AUTHORS, MAX_AUTHORS, 1, 1]
    assert records == RECORDS


def test_read_records_endless_chain_ends() -> None:
    asked: list[str] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        asked.extend(keys)
        return {key: merged(author(len(asked) + 1)) for key in keys}

    records = read_records([author(1)], ask)
    assert len(asked) == MAX_HOPS
    assert follow(author(1), records).problem == f"merged into {author(11)}, which is not known"

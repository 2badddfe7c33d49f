"""Authors who were merged: whose record counts, and what when there is none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from include.subject_books.merged import MOST_HOPS, Person, follow, records_of
from include.subject_books.open_library import BATCH, Record


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
def test_a_chain_ends_at_the_record(number: int) -> None:
    """One who was merged, and merged again, is the one at the end."""
    assert follow(author(number), RECORDS) == Person(author(1), ADA, None)


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (4, "merged into /authors/OL404A, which is not known"),
        (5, "merged in a circle"),
        (7, "merged in a circle"),
        (8, "merged into /works/OL1W, which is no author"),
        (9, "merged into nothing, which is no author"),
        (10, "deleted"),
        (11, "no author"),
        (13, "merged into /authors/OL10A, which is deleted"),
        (14, "merged in a circle"),
        (99, "not known"),
    ],
)
def test_who_has_no_record_stays_under_the_key_we_have(number: int, trouble: str) -> None:
    """A chain that leads to no author is named, and the author is kept as the book names them."""
    assert follow(author(number), RECORDS) == Person(author(number), None, trouble)


def test_a_record_without_a_type_is_an_author() -> None:
    """Old records may lack what all have."""
    assert follow(author(12), RECORDS).record == RECORDS[author(12)]


def test_each_author_is_asked_for_once() -> None:
    """Batches of at most so many keys, targets of merges after them, circles end."""
    batches: list[Sequence[str]] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        batches.append(keys)
        return {key: RECORDS[key] for key in keys if key in RECORDS}

    many = [author(number) for number in range(1, 2 * BATCH + 2)]
    records = records_of(many + many, ask)
    asked = [key for batch in batches for key in batch]
    assert len(asked) == len(set(asked))
    assert set(asked) == {*many, author(404)}
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 1, 1]
    assert records == RECORDS


def test_an_endless_chain_ends() -> None:
    """One who is always merged into one more is left after so many hops."""
    asked: list[str] = []

    def ask(keys: Sequence[str]) -> dict[str, Record]:
        asked.extend(keys)
        return {key: merged(author(len(asked) + 1)) for key in keys}

    records = records_of([author(1)], ask)
    assert len(asked) == MOST_HOPS
    assert follow(author(1), records).trouble == f"merged into {author(11)}, which is not known"

"""From Open Library's answers to one row a book, with a rule for each oddity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import pyarrow as pa

from include.data.contract import TEXT
from include.subject_books.authors import follow
from include.subject_books.client import AUTHOR_KEY, Record
from include.subject_books.contract import BOOK_COLUMNS, SUBJECT_BOOKS

Row = dict[str, Any]
ODD_NUMBERS = {"first_publish_year": "impossible year", "cover_id": "impossible cover"}


class Oddities:
    """What is odd, and the keys of the books and authors that have it."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def note(self, what: str, key: str) -> None:
        keys = self.found.setdefault(what, [])
        if key not in keys[-1:]:
            keys.append(key)


class Books(NamedTuple):
    rows: pa.Table  # of the dataset
    oddities: dict[str, list[str]]
    authors: int
    authors_with_record: int


def author_keys(works: Iterable[Record]) -> list[str]:
    """Every author's key that the books name."""
    return sorted({key for work in works for key, _ in _credits(work, Oddities())})


def books_of(subject: str, works: Iterable[Record], records: Mapping[str, Record]) -> Books:
    """`works` are different books; `records` the authors that they name, merged ones too."""
    odd = Oddities()
    authors: dict[str, Row] = {}
    rows = [
        {
            "subject_book": f"{subject}{work['key']}",
            "subject": subject,
            **_book(work, odd),
            "authors": _as_json(_authors_of(work, records, authors, odd)),
        }
        for work in sorted(works, key=lambda work: work["key"])
    ]
    return Books(
        rows=pa.Table.from_pylist(rows, schema=SUBJECT_BOOKS.schema),
        oddities=dict(sorted(odd.found.items())),
        authors=len(authors),
        authors_with_record=sum(author["problem"] is None for author in authors.values()),
    )


def _as_json(authors: list[Row]) -> str:
    return json.dumps(authors, ensure_ascii=False, separators=(",", ":"))


def _book(work: Record, odd: Oddities) -> Row:
    row: Row = {"work_key": work["key"]}
    for column in BOOK_COLUMNS[1:]:
        value = work.get(column.name)
        if column.type == TEXT:
            row[column.name] = _text(value, work["key"], odd)
        elif column.type == pa.bool_():
            row[column.name] = value if isinstance(value, bool) else None
        else:
            limits = cast("tuple[int, int]", (column.minimum, column.maximum))
            is_valid = type(value) is int and limits[0] <= value <= limits[1]
            row[column.name] = value if is_valid else None
            if value is not None and not is_valid and column.name in ODD_NUMBERS:
                odd.note(ODD_NUMBERS[column.name], work["key"])
    if row["title"] is None:
        odd.note("book without a title", work["key"])
    return row


def _authors_of(
    work: Record, records: Mapping[str, Record], known: dict[str, Row], odd: Oddities
) -> list[Row]:
    """The book's authors in its order, each once; `known` are those of the books before."""
    found: dict[str, Row] = {}
    for key, credited_name in _credits(work, odd):
        person = follow(key, records)
        if person.key != key:
            odd.note("merged author, followed", key)
        if person.key in found:
            odd.note("author twice on a book", work["key"])
            continue
        if person.key not in known:
            author = _author(person.key, person.record or {}, credited_name, odd)
            known[person.key] = author | {"problem": person.problem}
            if person.problem:
                odd.note("author without a record", f"{key} ({person.problem})")
        found[person.key] = known[person.key]
    if not found:
        odd.note("book without an author", work["key"])
    return list(found.values())


def _credits(work: Record, odd: Oddities) -> list[tuple[str, Any]]:
    """Key and name of each author as the book has them, in its order."""
    named = work.get("authors")
    credited = []
    for author in named if isinstance(named, list) else []:
        key = author.get("key") if isinstance(author, dict) else None
        if isinstance(key, str) and AUTHOR_KEY.fullmatch(key):
            credited.append((key, author.get("name")))
        else:
            odd.note("author without a key", work["key"])
    return credited


def _author(key: str, record: Record, credited_name: Any, odd: Oddities) -> Row:
    bio = record.get("bio")
    name = _text(record.get("name"), key, odd) or _text(credited_name, key, odd)
    if name is None:
        odd.note("author without a name", key)
    return {
        "author_key": key,
        "name": name,
        "birth_date": _text(record.get("birth_date"), key, odd),
        "death_date": _text(record.get("death_date"), key, odd),
        "bio": _text(bio.get("value") if isinstance(bio, dict) else bio, key, odd),
    }


def _text(value: Any, key: str, odd: Oddities) -> str | None:
    """Verbatim, except for what UTF-8 or PostgreSQL cannot hold; null for anything else."""
    if not isinstance(value, str):
        return None
    kept = value.replace("\0", "").encode("utf-8", "replace").decode()
    if kept != value:
        odd.note("text with characters that cannot be stored", key)
    return kept or None

"""From what Open Library said to three tables, each quirk by a rule of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from sqlalchemy import Table

from include.subject_books.merged import follow
from include.subject_books.open_library import AUTHOR_KEY, Record
from include.subject_books.tables import AUTHORS, AUTHORS_BOOKS, BOOKS, arrow_schema, key_of

YEARS = (-3000, 2100)
COUNTS = (0, 2**31 - 1)
Row = dict[str, Any]


class Oddities:
    """What was odd, and where: by what it is, the keys of what has it."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def note(self, what: str, key: str) -> None:
        keys = self.found.setdefault(what, [])
        if key not in keys[-1:]:
            keys.append(key)


class Shaped(NamedTuple):
    tables: dict[str, pa.Table]  # by name, sorted by key
    oddities: dict[str, list[str]]


def author_keys(works: Iterable[Record]) -> list[str]:
    """Every author's key that the books name."""
    return sorted({key for work in works for key, _ in _credits(work, Oddities())})


def shape(works: Iterable[Record], records: Mapping[str, Record]) -> Shaped:
    """`works` are different books; `records` the authors that they name, merged ones too."""
    odd = Oddities()
    books, authors, links = [], {}, []
    for work in sorted(works, key=lambda work: work["key"]):
        books.append(_book(work, odd))
        by: list[str] = []
        for key, credited in _credits(work, odd):
            person = follow(key, records)
            if person.key != key:
                odd.note("merged author, followed", key)
            if person.key in by:
                odd.note("author twice on a book", work["key"])
                continue
            by.append(person.key)
            if person.key not in authors:
                authors[person.key] = _author(person.key, person.record, credited, odd)
                authors[person.key]["trouble"] = person.trouble
                if person.trouble:
                    odd.note("author without a record", f"{key} ({person.trouble})")
        links += [
            {"work_key": work["key"], "author_key": key, "position": place}
            for place, key in enumerate(by, start=1)
        ]
        if not by:
            odd.note("book without an author", work["key"])
    made = [(AUTHORS, authors.values()), (BOOKS, books), (AUTHORS_BOOKS, links)]
    return Shaped({table.name: _as_table(table, rows) for table, rows in made}, odd.found)


def _as_table(table: Table, rows: Iterable[Row]) -> pa.Table:
    key = key_of(table)
    in_order = sorted(rows, key=lambda row: [row[name] for name in key])
    return pa.Table.from_pylist(in_order, schema=arrow_schema(table))


def _book(work: Record, odd: Oddities) -> Row:
    key = work["key"]
    title = _text(work.get("title"), key, odd) or None
    if title is None:
        odd.note("book without a title", key)
    year = _whole(work.get("first_publish_year"), *YEARS)
    if year is None and work.get("first_publish_year") is not None:
        odd.note("year that is none", key)
    cover = _whole(work.get("cover_id"), 1, COUNTS[1])
    if cover is None and work.get("cover_id") is not None:
        odd.note("cover that is none", key)
    has_fulltext = work.get("has_fulltext")
    return {
        "work_key": key,
        "title": title,
        "first_publish_year": year,
        "edition_count": _whole(work.get("edition_count"), *COUNTS),
        "cover_id": cover,
        "cover_edition_key": _text(work.get("cover_edition_key"), key, odd) or None,
        "has_fulltext": has_fulltext if isinstance(has_fulltext, bool) else None,
    }


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


def _author(key: str, record: Record | None, credited: Any, odd: Oddities) -> Row:
    known = record or {}
    bio = known.get("bio")
    if isinstance(bio, dict):
        bio = bio.get("value")
    name = _text(known.get("name"), key, odd) or _text(credited, key, odd) or None
    if name is None:
        odd.note("author without a name", key)
    return {
        "author_key": key,
        "name": name,
        "birth_date": _text(known.get("birth_date"), key, odd) or None,
        "death_date": _text(known.get("death_date"), key, odd) or None,
        "bio": _text(bio, key, odd) or None,
    }


def _text(given: Any, key: str, odd: Oddities) -> str | None:
    """Verbatim, but for what UTF-8 or PostgreSQL cannot hold; null for what is no text."""
    if not isinstance(given, str):
        return None
    held = given.replace("\0", "").encode("utf-8", "replace").decode()
    if held != given:
        odd.note("text that cannot be held as it is", key)
    return held


def _whole(given: Any, minimum: int, maximum: int) -> int | None:
    return given if type(given) is int and minimum <= given <= maximum else None

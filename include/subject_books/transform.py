"""From Open Library's answers to one row per book, with a rule for each oddity."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.contract import TEXT, Column
from include.subject_books.client import AUTHOR_KEY, MAX_AUTHORS, Record
from include.subject_books.contract import BOOK_COLUMNS, SUBJECT_BOOKS

MAX_HOPS = 10
REDIRECT, AUTHOR, UNKNOWN = "/type/redirect", "/type/author", ""
PROBLEMS = {UNKNOWN: "not known", "/type/delete": "deleted"}
Row = dict[str, Any]
Oddities = defaultdict[str, set[str]]  # the keys of the books and authors that have each


class Person(NamedTuple):
    """Where an author's key leads. Without a record the key stays, and `problem` says why."""

    key: str
    record: Record
    problem: str | None


def author_keys(works: Iterable[Record]) -> list[str]:
    """Every author's key that the books name."""
    return sorted({key for work in works for key, _ in _credits(work) if key})


def read_records(
    keys: Iterable[str], ask: Callable[[Sequence[str]], Mapping[str, Record]]
) -> dict[str, Record]:
    """The records of these authors and of those that they were merged into, batch by batch."""
    records: dict[str, Record] = {}
    asked: set[str] = set()
    wanted = sorted(keys)
    for _ in range(MAX_HOPS):
        for start in range(0, len(wanted), MAX_AUTHORS):
            records |= ask(wanted[start : start + MAX_AUTHORS])
        asked.update(wanted)
        targets = {_target(records[key]) for key in wanted if key in records}
        wanted = sorted(target for target in targets - asked if AUTHOR_KEY.fullmatch(target))
    return records


def follow(key: str, records: Mapping[str, Record]) -> Person:
    """The author at the end of the chain of merges that starts at this key."""
    last = key
    for _ in range(MAX_HOPS):
        record = records.get(last, {"type": {"key": UNKNOWN}})
        kind = _kind(record)
        if kind == AUTHOR:
            return Person(last, record, None)
        if kind != REDIRECT:
            what = PROBLEMS.get(kind, "not an author")
            merged = f"merged into {last or 'nothing'}, which is {what}"
            return Person(key, {}, what if last == key else merged)
        last = _target(record)
    return Person(key, {}, "merged in a circle")


def _kind(record: Record) -> str:
    kind = record.get("type")
    return str(kind.get("key")) if isinstance(kind, dict) else AUTHOR


def _target(record: Record) -> str:
    target = record.get("location")
    return target if isinstance(target, str) and _kind(record) == REDIRECT else ""


def books_of(
    subject: str, works: Iterable[Record], records: Mapping[str, Record]
) -> tuple[pa.Table, Oddities]:
    """The rows of the dataset, and what is odd about them.

    `works` are different books; `records` the authors that they name, merged ones too.
    """
    odd: Oddities = defaultdict(set)
    rows = []
    for work in sorted(works, key=lambda work: work["key"]):
        authors = _authors_of(work, records, odd)
        values = {column.name: _value(column, work, odd) for column in BOOK_COLUMNS[1:]}
        row = {"subject_book": f"{subject}{work['key']}", "subject": subject}
        row |= {"work_key": work["key"], **values}
        row["authors"] = json.dumps(authors, ensure_ascii=False, separators=(",", ":"))
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SUBJECT_BOOKS.schema), odd


def _value(column: Column, work: Record, odd: Oddities) -> Any:
    """A value that is missing or impossible is null, and its book stays."""
    value = work.get(column.name)
    if column.type == TEXT:
        value = _text(value, work["key"], odd)
        if value is None and column.name == "title":
            odd["book without a title"].add(work["key"])
        return value
    if column.type == pa.bool_():
        return value if isinstance(value, bool) else None
    if type(value) is int and column.minimum <= value <= column.maximum:  # type: ignore[operator]
        return value
    if value is not None:
        odd[f"impossible {column.name}"].add(work["key"])
    return None


def _authors_of(work: Record, records: Mapping[str, Record], odd: Oddities) -> list[Row]:
    """The book's authors in its order, each once."""
    found: dict[str, Row] = {}
    for key, credited_name in _credits(work):
        if key is None:
            odd["author without a key"].add(work["key"])
            continue
        person = follow(key, records)
        if person.key != key:
            odd["merged author, followed"].add(key)
        if person.key in found:
            odd["author twice on a book"].add(work["key"])
        else:
            found[person.key] = _author(person, credited_name, odd)
    if not found:
        odd["book without an author"].add(work["key"])
    return list(found.values())


def _credits(work: Record) -> list[tuple[str | None, Any]]:
    """Key and name of each author as the book has them, in its order."""
    named = work.get("authors")
    authors = [a if isinstance(a, dict) else {} for a in named] if isinstance(named, list) else []
    keys = [str(author.get("key")) for author in authors]
    return [
        (key if AUTHOR_KEY.fullmatch(key) else None, author.get("name"))
        for key, author in zip(keys, authors, strict=True)
    ]


def _author(person: Person, credited_name: Any, odd: Oddities) -> Row:
    key, record, problem = person
    if problem:
        odd["author without a record"].add(f"{key} ({problem})")
    name = _text(record.get("name"), key, odd) or _text(credited_name, key, odd)
    if name is None:
        odd["author without a name"].add(key)
    bio = record.get("bio")
    return {
        "author_key": key,
        "name": name,
        "birth_date": _text(record.get("birth_date"), key, odd),
        "death_date": _text(record.get("death_date"), key, odd),
        "bio": _text(bio.get("value") if isinstance(bio, dict) else bio, key, odd),
        "problem": problem,
    }


def _text(value: Any, key: str, odd: Oddities) -> str | None:
    """Verbatim, except for what UTF-8 or PostgreSQL cannot hold; null for anything else."""
    if not isinstance(value, str):
        return None
    kept = value.replace("\0", "").encode("utf-8", "replace").decode()
    if kept != value:
        odd["text with characters that cannot be stored"].add(key)
    return kept or None

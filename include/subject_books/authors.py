"""Merged authors: whose record counts, and what is wrong when there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from include.subject_books.client import AUTHOR_KEY, MAX_AUTHORS, Record

MAX_HOPS = 10
REDIRECT, AUTHOR, DELETED = "/type/redirect", "/type/author", "/type/delete"


class Person(NamedTuple):
    """Where an author's key leads. Without a record the key stays, and `problem` says why."""

    key: str
    record: Record | None
    problem: str | None


def read_records(
    keys: Iterable[str], ask: Callable[[Sequence[str]], Mapping[str, Record]]
) -> dict[str, Record]:
    """The records of these authors and of those that they were merged into, batch by batch."""
    records: dict[str, Record] = {}
    asked: set[str] = set()
    wanted = sorted(set(keys))
    for _ in range(MAX_HOPS):
        for start in range(0, len(wanted), MAX_AUTHORS):
            records |= ask(wanted[start : start + MAX_AUTHORS])
        asked.update(wanted)
        targets = {_target(records[key]) for key in wanted if key in records}
        wanted = sorted(target for target in targets - asked if AUTHOR_KEY.fullmatch(target))
        if not wanted:
            break
    return records


def follow(key: str, records: Mapping[str, Record]) -> Person:
    """The author at the end of the chain of merges that starts at this key."""
    seen = [key]
    while (record := records.get(seen[-1])) is not None and _kind(record) == REDIRECT:
        target = _target(record)
        if target in seen:
            return Person(key, None, "merged in a circle")
        if not AUTHOR_KEY.fullmatch(target):
            return Person(key, None, f"merged into {target or 'nothing'}, which is not an author")
        seen.append(target)
    if record is not None and _kind(record) == AUTHOR:
        return Person(seen[-1], record, None)
    kind = _kind(record)
    what = "not known" if record is None else "deleted" if kind == DELETED else "not an author"
    return Person(key, None, what if len(seen) == 1 else f"merged into {seen[-1]}, which is {what}")


def _kind(record: Record | None) -> str:
    kind = (record or {}).get("type")
    name = kind.get("key") if isinstance(kind, dict) else None
    return name if isinstance(name, str) else AUTHOR


def _target(record: Record) -> str:
    target = record.get("location")
    return target if isinstance(target, str) and _kind(record) == REDIRECT else ""

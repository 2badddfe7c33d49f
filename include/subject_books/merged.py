"""Authors who were merged into others: whose record counts, and what when there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from include.subject_books.open_library import AUTHOR_KEY, BATCH, Record

MOST_HOPS = 10
REDIRECT, AUTHOR = "/type/redirect", "/type/author"
STATES = {"/type/delete": "deleted"}


class Person(NamedTuple):
    """Who an author's key leads to. Without a record the key stays, and `trouble` says why."""

    key: str
    record: Record | None
    trouble: str | None


def records_of(
    keys: Iterable[str], ask: Callable[[Sequence[str]], Mapping[str, Record]]
) -> dict[str, Record]:
    """The records of these authors, and of whoever they were merged into, batch by batch."""
    records: dict[str, Record] = {}
    asked: set[str] = set()
    wanted = sorted(set(keys))
    for _ in range(MOST_HOPS):
        for start in range(0, len(wanted), BATCH):
            records |= ask(wanted[start : start + BATCH])
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
            return Person(key, None, f"merged into {target or 'nothing'}, which is no author")
        seen.append(target)
    if record is not None and _kind(record) == AUTHOR:
        return Person(seen[-1], record, None)
    what = "not known" if record is None else STATES.get(_kind(record), "no author")
    return Person(key, None, what if len(seen) == 1 else f"merged into {seen[-1]}, which is {what}")


def _kind(record: Record | None) -> str:
    kind = (record or {}).get("type")
    name = kind.get("key") if isinstance(kind, dict) else None
    return name if isinstance(name, str) else AUTHOR


def _target(record: Record) -> str:
    target = record.get("location")
    return target if isinstance(target, str) and _kind(record) == REDIRECT else ""

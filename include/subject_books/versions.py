"""The versions of a subject: each is one receipt, written once under the next number.

That put-if-absent is the lock and the commit: the receipt names the folder of the three tables
that belong together. The state of the pipeline is the newest receipt, and nothing else.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from include.errors import PermanentError
from include.first.keys import SubjectKeys
from include.first.lake import Lake

KEYS = SubjectKeys("subject_books")


class OtherSource(PermanentError):
    """Made-up and real data never mix."""


class Version(NamedTuple):
    """A receipt under its number; 0 and empty before the first."""

    subject: str
    number: int
    receipt: dict[str, Any]


def newest(lake: Lake, subject: str) -> Version:
    numbers = _numbers(lake, subject)
    return at(lake, subject, numbers[-1]) if numbers else Version(subject, 0, {})


def at(lake: Lake, subject: str, number: int) -> Version:
    return Version(subject, number, json.loads(lake.get(KEYS.version(subject, number))))


def committed_as(lake: Lake, subject: str, token: str, since: int) -> Version | None:
    """The version after `since` that the read with this token became, if it did."""
    for number in reversed(_numbers(lake, subject)):
        if number <= since:
            break
        if (version := at(lake, subject, number)).receipt["token"] == token:
            return version
    return None


def refuse_other_source(head: Version, source: str) -> None:
    if (holds := head.receipt.get("source", source)) != source:
        raise OtherSource(
            f"the lake holds {head.subject} from {holds}, and this is from {source}; nothing was "
            "published. Use another bucket for another source"
        )


def _numbers(lake: Lake, subject: str) -> list[int]:
    return sorted(KEYS.number_of(key) for key in lake.keys(KEYS.versions(subject)))

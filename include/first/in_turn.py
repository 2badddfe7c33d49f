"""One after the other on a table's head: writers that compare and commit, and projectors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from include.first.lake import CommitConflict, Head, Lake, LakeError, let_others_pass

log = logging.getLogger(__name__)
WRITERS = 20  # as many may be in line; each needs one commit to get past another
T = TypeVar("T")


def write_in_turn(
    lake: Lake,
    table: str,
    token: str,
    since: int,
    *,
    write: Callable[[Head], T],
    written: Callable[[int], T],
) -> T:
    """Compare with the head and commit, at most once for each token.

    Who loses the race for a version does it again on top of the winner's. A commit whose answer
    was lost is found by its token in the versions after `since`, and handed to `written`.
    """
    trouble: LakeError | None = None
    for _ in range(WRITERS):
        head = lake.head(table)
        if version := lake.committed_as(head, token, since=since):
            return written(version)
        if trouble:
            raise trouble
        try:
            return write(head)
        except CommitConflict as conflict:
            log.info("%s; comparing again on top of it", conflict)
            let_others_pass()
        except LakeError as error:
            trouble = error  # the answer may be lost and not the commit: the log knows
    raise LakeError(
        f"{table}: {WRITERS} other writers committed first, one after the other; "
        "the table is as they left it. Run again when fewer write"
    )


def project_until_current(
    lake: Lake, table: str, project: Callable[[Head], list[str]]
) -> list[str]:
    """Project the head until it holds still; returns what was rewritten.

    A slower projector of an older head may have written meanwhile, or be about to see ours.
    """
    rewritten: list[str] = []
    head = lake.head(table)
    while True:
        rewritten += project(head)
        newest = lake.head(table)
        if newest.version == head.version:
            return rewritten
        head = newest

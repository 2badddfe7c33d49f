"""A lake copied so that it can be read at any moment, though somebody publishes meanwhile.

What refers is copied after what it refers to (the turns of include/first/keys.py), and listed before it:
so whatever a copy has seen of a commit, its files are there, however far it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from include.first.keys import Turn

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

COMMITS = {Turn.COMMITS, Turn.LEDGER_COMMITS}
ENTRY = ".json"  # a log also has checkpoints, and a hint at the newest
HINT = "_last_checkpoint"
LISTINGS = 3
REQUESTS_AT_ONCE = 8  # not the bucket's, which brings Arrow and Delta with it


def is_commit(key: str) -> bool:
    return Turn.of(key) in COMMITS and key.endswith(ENTRY)


def is_written_once(key: str) -> bool:
    """Not so the projections, and what a log has beside its entries."""
    turn = Turn.of(key)
    return is_commit(key) if turn in COMMITS else turn != Turn.PROJECTIONS


def order(key: str) -> tuple[int, bool, str, bool, str]:
    """A sort key. A version's checkpoint comes after its log entry, whose summary it is."""
    name = key.rpartition("/")[2]
    version = name.partition(".")[0] if Turn.of(key) in COMMITS else ""
    return Turn.of(key), name == HINT, version, bool(version) and not name.endswith(ENTRY), key


def listing(list_all: Callable[[], Iterable[ObjectTypeDef]]) -> dict[str, ObjectTypeDef]:
    """Objects that agree, though a publisher may commit between two requests of a listing.

    It takes three listings: projections and hints, commits, all that commits name. Inside one, S3's
    order puts `ledger/` before `table/`, so that no ledger gets ahead of its table.
    """
    return {
        found["Key"]: found
        for number in range(LISTINGS)
        for found in list_all()
        if _listing_of(found["Key"]) == number
    }


def _listing_of(key: str) -> int | None:
    turn = Turn.of(key)
    if turn == Turn.NEVER:
        return None
    if turn == Turn.PROJECTIONS or key.endswith(f"/{HINT}"):
        return 0
    return 1 if turn in COMMITS else 2


def in_order(keys: Iterable[str], copy: Callable[[str], bool]) -> int:
    """Copy turn after turn, commits one by one, all else side by side; count what was copied."""
    copied = 0
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for turn, some in groupby(sorted(keys, key=order), Turn.of):
            copied += sum((map if turn in COMMITS else pool.map)(copy, some))
    return copied

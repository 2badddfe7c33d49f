"""Free the space of what nobody can ask for any more, some time after it went out of use.

Kept are the baseline, the head, every version that `as-of` may be asked for in these days, what
the head was made from, the whole ledger and the reports. A day of grace is added for runs that
are still on their way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import RETENTION_DAYS, CommitConflict, Lake, let_others_pass
from include.vehicle_recalls.commands.versions import Version, head_with_data, versions_of
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import bring_to_head, ledger_state
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
GRACE_DAYS = 1
TRIES = 10
MOST_DAYS = 36_500
BEGINS = "%Y%m%dT%H%M%S"  # as each token does, with its time


class TooSoon(PermanentError):
    """Readers still have a claim on it."""


class Freed(NamedTuple):
    """Objects of one kind that go."""

    kind: str
    keys: list[str]
    size: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-days",
        type=int,
        default=RETENTION_DAYS,
        metavar="N",
        help=f"{RETENTION_DAYS} if not said, and never less",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and stop there")


def command(lake: Lake, asked: argparse.Namespace, say: Callable[[str], None]) -> int:
    freed = prune(lake, asked.keep_days, say, dry_run=asked.dry_run)
    for kind, keys, size in freed:
        say(f"{kind:<10}  {len(keys):>9,} files  {size:>15,} bytes")
    size, count = sum(some.size for some in freed), sum(len(some.keys) for some in freed)
    verb = "would free" if asked.dry_run else "freed"
    say(f"{verb} {size:,} bytes in {count:,} files" if count else "nothing is old enough to go")
    return 0


def prune(
    lake: Lake, keep_days: int, say: Callable[[str], None] = lambda _: None, *, dry_run: bool
) -> list[Freed]:
    """The ledger is brought to the head first: after this nobody could tell what it lacks.

    The window is in the time of the reads, as `as-of` asks. What the table promises its readers
    is in the time of the commits, and delta-rs holds to that as well.
    """
    _refuse_too_soon(lake, keep_days)
    head = head_with_data(lake)
    _record_first(lake, say, dry_run=dry_run)
    days = timedelta(days=keep_days + GRACE_DAYS)
    cutoff = datetime.now(UTC) - days
    versions = versions_of(lake, head)
    freed = [_free_table(lake, versions, cutoff, days, dry_run=dry_run)]
    kept = _kept_reads(versions, cutoff)
    for kind, folder in (("raw", KEYS.raw_folder), ("quarantine", KEYS.quarantine_folder)):
        keys = list(_old(lake, folder, cutoff, kept))
        freed.append(Freed(kind, keys, sum(lake.at_once(lake.size, keys))))
        if not dry_run:
            # What signs a landing goes first, so that half of one is never taken for a whole one.
            lake.at_once(lake.delete, [key for key in keys if _signs(key)])
            lake.at_once(lake.delete, [key for key in keys if not _signs(key)])
    return freed


def _refuse_too_soon(lake: Lake, keep_days: int) -> None:
    if keep_days < RETENTION_DAYS:
        raise TooSoon(
            f"{keep_days} days are less than the {RETENTION_DAYS} that s3://{lake.bucket}/"
            f"{KEYS.table} promises its readers (its delta.deletedFileRetentionDuration): "
            f"`as-of` and whoever reads an older version count on them; keep {RETENTION_DAYS} "
            "or more"
        )
    if keep_days > MOST_DAYS:
        raise TooSoon(f"{keep_days} days are more than {MOST_DAYS:,}; there is nothing as old")


def _record_first(lake: Lake, say: Callable[[str], None], *, dry_run: bool) -> None:
    if not dry_run:
        if recorded := bring_to_head(lake):
            say(f"ledger: recorded {len(recorded):,} versions first, up to {recorded[-1]}")
        return
    known, newest = ledger_state(lake)
    if known != newest:
        say("ledger: it is behind the table, and would be brought up to it first")


def _free_table(
    lake: Lake, versions: Sequence[Version], cutoff: datetime, days: timedelta, *, dry_run: bool
) -> Freed:
    """Through delta-rs, which keeps what went out of use, or was written, within these days."""
    hours = int(days / timedelta(hours=1))
    baseline = versions[-1].receipt["baseline"]
    # The head was compared with the version before it, which is needed to make it again.
    keep = {version.number for version in versions[-2:]} | ({baseline} - {None})
    # To keep a version costs delta-rs its whole state, and most are kept by their age already.
    stale = set(lake.sweep(KEYS.table, sorted(keep), hours, dry_run=True))
    not_by_age = {
        version.number
        for version in _current_since(versions, cutoff)
        if any(state.path in stale for state in year_states(version.receipt).values())
    }
    if not_by_age:
        keep |= not_by_age
        stale = set(lake.sweep(KEYS.table, sorted(keep), hours, dry_run=True))
    # delta-rs also lists what an earlier vacuum has deleted.
    prefix = f"{KEYS.table}/"
    there = [key for key in lake.keys(prefix) if key.removeprefix(prefix) in stale]
    size = sum(lake.at_once(lake.size, there))
    if there and not dry_run:
        _sweep(lake, sorted(keep), hours)
    return Freed("table", there, size)


def _sweep(lake: Lake, keep: list[int], hours: int) -> None:
    """It notes in the log that it begins, and that it has ended; a publisher may be faster."""
    for _ in range(TRIES - 1):
        try:
            lake.sweep(KEYS.table, keep, hours, dry_run=False)
        except CommitConflict:
            let_others_pass()
        else:
            return
    lake.sweep(KEYS.table, keep, hours, dry_run=False)


def _current_since(versions: Sequence[Version], cutoff: datetime) -> list[Version]:
    """What was known at any moment since then: each version until the next one was."""
    return [
        version
        for version, until in zip(versions, [*versions[1:], None], strict=True)
        if until is None or until.since > cutoff
    ]


def _kept_reads(versions: Sequence[Version], cutoff: datetime) -> set[str]:
    """What the head was made from, and the versions of the window."""
    made = [version for version in versions[:-1] if version.since > cutoff]
    receipts = [version.receipt for version in [*made, versions[-1]]]
    return {r["token"] for r in receipts} | {r.get("replay_of") or r["token"] for r in receipts}


def _old(lake: Lake, folder: str, cutoff: datetime, kept: set[str]) -> Iterator[str]:
    """Keys of reads begun before then; what has no token in its name is not ours to delete."""
    before = f"{folder}{cutoff:{BEGINS}}"
    for key in takewhile(lambda key: key < before, lake.keys(folder)):
        token = KEYS.token_of(key) or ""
        if token not in kept and _is_token(token):
            yield key


def _is_token(token: str) -> bool:
    try:
        datetime.strptime(token.partition("-")[0], BEGINS).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _signs(key: str) -> bool:
    token, folder = KEYS.token_of(key), key.split("/")[-2]
    return token is not None and key == KEYS.landed(token, folder)

"""Delete what is too old to be asked for.

Kept are the baseline, the current version, every version that `as-of` can be asked for in the
retention time, what the current version was made from, the whole ledger and the reports. A day is
added for runs that are still in progress.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from include.cli.output import Output
from include.cli.questions import (
    KnownVersion,
    argument,
    current_or_refuse,
    versions_of,
    whole_number,
)
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.commit import RETENTION_DAYS
from include.lake.keys import Keys, read_id_of
from include.lake.ledger import update_ledger
from include.lake.store import Store, StoredObject, explained

GRACE_DAYS = 1
MAX_DAYS = 36_500
MAX_ATTEMPTS = 10


class Freed(NamedTuple):
    """Objects of one kind that are deleted."""

    kind: str
    objects: list[StoredObject]

    @property
    def size(self) -> int:
        return sum(item.size for item in self.objects)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-days",
        type=argument(whole_number),
        default=RETENTION_DAYS,
        metavar="N",
        help=f"{RETENTION_DAYS} by default, and never less",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and stop there")


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    dataset = dataset_named(asked.dataset)
    freed = prune(store, dataset, asked.keep_days, dry_run=asked.dry_run)
    for each in freed:
        output.line(f"{each.kind:<10}  {len(each.objects):>9,} files  {each.size:>15,} bytes")
    size, number = sum(each.size for each in freed), sum(len(each.objects) for each in freed)
    verb = "would free" if asked.dry_run else "freed"
    output.line(f"{verb} {size:,} bytes in {number:,} files" if number else "nothing is old enough")
    return 0


def prune(store: Store, dataset: Dataset, keep_days: int, *, dry_run: bool) -> list[Freed]:
    """The ledger is brought up to date first: after this its events could not be found."""
    if not RETENTION_DAYS <= keep_days <= MAX_DAYS:
        raise PermanentError(
            f"--keep-days is {keep_days}: the table promises its readers {RETENTION_DAYS} days "
            f"(delta.deletedFileRetentionDuration); choose {RETENTION_DAYS} to {MAX_DAYS:,}"
        )
    current = current_or_refuse(store, dataset)
    if not dry_run:
        update_ledger(store, dataset)
    kept_for = timedelta(days=keep_days + GRACE_DAYS)
    cutoff = datetime.now(UTC) - kept_for
    versions = versions_of(store, current)
    freed = [_prune_table(store, dataset, versions, cutoff, kept_for, dry_run=dry_run)]
    kept = _kept_reads(versions, cutoff)
    for kind in ("raw", "quarantine", "staging"):
        old = list(_old_objects(store, dataset, kind, cutoff, kept))
        freed.append(Freed(kind, old))
        if not dry_run:
            # Manifests first, so that half a landing is never taken for a complete one.
            ordered = sorted(old, key=lambda item: not item.key.endswith("/manifest.json"))
            store.delete(item.key for item in ordered if item.key.endswith("/manifest.json"))
            store.delete(item.key for item in ordered if not item.key.endswith("/manifest.json"))
    return freed


def _prune_table(
    store: Store,
    dataset: Dataset,
    versions: Sequence[KnownVersion],
    cutoff: datetime,
    kept_for: timedelta,
    *,
    dry_run: bool,
) -> Freed:
    hours = int(kept_for / timedelta(hours=1))
    # The version before the current one is needed to make that one again.
    keep = {version.number for version in versions[-2:]}
    keep |= {versions[-1].receipt["baseline"]} - {None}
    following = [*versions[1:], None]
    keep |= {
        version.number
        for version, after in zip(versions, following, strict=True)
        if after is None or after.known_at > cutoff
    }
    stale = set(_vacuum(store, dataset, sorted(keep), hours, dry_run=True))
    keys = Keys(dataset.name)
    stored = store.list(keys.table)
    old = [stored[key] for path in sorted(stale) if (key := keys.table_file(path)) in stored]
    if old and not dry_run:
        _vacuum(store, dataset, sorted(keep), hours, dry_run=False)
    return Freed("table", old)


def _vacuum(
    store: Store, dataset: Dataset, keep: list[int], hours: int, *, dry_run: bool
) -> list[str]:
    """Delete through delta-rs, which notes in the log that it begins and ends."""
    where = store.url(Keys(dataset.name).table)
    for attempt in range(MAX_ATTEMPTS):
        try:
            return DeltaTable(where, storage_options=store.options).vacuum(
                retention_hours=hours,
                dry_run=dry_run,
                full=True,
                keep_versions=keep,
                commit_properties=CommitProperties(max_commit_retries=0),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
        except CommitFailedError:
            time.sleep(0.1 * attempt)  # a publisher was first
        except (DeltaError, OSError) as error:
            raise explained("prune", where, error) from None
    raise PermanentError(f"{where}: other writers committed first each time; prune again later")


def _kept_reads(versions: Sequence[KnownVersion], cutoff: datetime) -> set[str]:
    """The reads that the current version and those of the retention time were made from."""
    kept = [v.receipt for v in versions if v.known_at > cutoff or v is versions[-1]]
    last = {name: v.receipt for v in versions for name in v.receipt["changed"]}
    current = [last[name] for name in versions[-1].receipt["parts"] if name in last]
    reads = {receipt["read_id"] for receipt in [*kept, *current]}
    return reads | {r["replay_of"] for r in [*kept, *current] if r["replay_of"]}


def _old_objects(
    store: Store, dataset: Dataset, kind: str, cutoff: datetime, kept: set[str]
) -> Iterator[StoredObject]:
    """Objects of reads that began before the cutoff; others are not ours to delete."""
    for key, item in store.list(Keys(dataset.name).plain(kind)).items():
        read_id = read_id_of(key)
        if read_id and read_id not in kept and read_id < f"{cutoff:%Y%m%dT%H%M%S}":
            yield item

"""Delete what is too old to be asked for.

It keeps the baseline, the current version, every version that `as-of` can return for the
retention time, the raw pages of these, the whole ledger and the reports. It adds a day for runs
that are in progress.

Example: python -m include.cli prune --dry-run
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties

from include.cli.questions import KnownVersion, current_or_refuse, versions_of, whole_number
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.keys import Keys, read_id_of
from include.lake.ledger import update_ledger
from include.lake.store import Conflict, Store, StoredObject, StoreError
from include.lake.table import RETENTION_DAYS, explaining_table

MAX_DAYS = 36_500
Freed = dict[str, list[StoredObject]]  # what is deleted, by kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-days",
        type=whole_number,
        default=RETENTION_DAYS,
        metavar="N",
        help=f"{RETENTION_DAYS} by default, and never less",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and stop there")


def run(store: Store, asked: argparse.Namespace) -> int:
    freed = prune(store, dataset_named(asked.dataset), asked.keep_days, dry_run=asked.dry_run)
    number = total = 0
    for kind, objects in freed.items():
        size = sum(item.size for item in objects)
        print(f"{kind:<10}  {len(objects):>9,} files  {size:>15,} bytes")
        number, total = number + len(objects), total + size
    verb = "would free" if asked.dry_run else "freed"
    print(f"{verb} {total:,} bytes in {number:,} files" if number else "nothing is old enough")
    return 0


def prune(store: Store, dataset: Dataset, keep_days: int, *, dry_run: bool) -> Freed:
    """Brings the ledger up to date first, so that no version lacks its events."""
    if not RETENTION_DAYS <= keep_days <= MAX_DAYS:
        raise PermanentError(
            f"--keep-days is {keep_days}: the table promises its readers {RETENTION_DAYS} days "
            f"(delta.deletedFileRetentionDuration); choose {RETENTION_DAYS} to {MAX_DAYS:,}"
        )
    versions = versions_of(store, current_or_refuse(store, dataset))
    if not dry_run:
        update_ledger(store, dataset)
    age = timedelta(days=keep_days + 1)
    cutoff = datetime.now(UTC) - age
    # One version more than were known since: it is the answer for the first day. And the current
    # one with the one before it, which is needed to make it again.
    known_before = sum(version.known_at <= cutoff for version in versions)
    kept = versions[max(0, min(known_before - 1, len(versions) - 2)) :]
    freed = {"table": _prune_table(store, dataset, kept, age, dry_run=dry_run)}
    reads = _reads_of(versions, kept)
    keys = Keys(dataset.name)
    for kind in ("raw", "quarantine", "staging"):
        # Only objects of reads are ours to delete.
        freed[kind] = [
            item
            for key, item in store.list(keys.plain(kind)).items()
            if (read_id := read_id_of(key))
            and read_id not in reads
            and read_id < f"{cutoff:%Y%m%dT%H%M%S}"
        ]
        if not dry_run:
            names = [item.key for item in freed[kind]]
            # Manifests first, so that half a landing is never taken for a complete one.
            store.delete(name for name in names if name.endswith("/manifest.json"))
            store.delete(name for name in names if not name.endswith("/manifest.json"))
    return freed


def _prune_table(
    store: Store, dataset: Dataset, kept: Sequence[KnownVersion], age: timedelta, *, dry_run: bool
) -> list[StoredObject]:
    """Delete through delta-rs, which notes in the log that it begins and ends."""
    keys = Keys(dataset.name)
    numbers = {version.number for version in kept} | {kept[-1].receipt["baseline"]} - {None}

    def vacuum(*, dry_run: bool) -> list[str]:
        with explaining_table(store, "prune", keys.table):
            return DeltaTable(store.url(keys.table), storage_options=store.options).vacuum(
                retention_hours=age // timedelta(hours=1),
                dry_run=dry_run,
                full=True,
                keep_versions=sorted(numbers),
                commit_properties=CommitProperties(max_commit_retries=0),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )

    stale = {keys.table_file(path) for path in vacuum(dry_run=True)}
    found = [item for key, item in store.list(keys.table).items() if key in stale]
    if found and not dry_run:
        try:
            vacuum(dry_run=False)
        except Conflict as conflict:
            raise StoreError(f"{conflict}; prune again") from None
    return found


def _reads_of(versions: Sequence[KnownVersion], kept: Sequence[KnownVersion]) -> set[str]:
    """The reads that these versions, and each current partition, were made from."""
    last_changed = {name: each.receipt for each in versions for name in each.receipt["changed"]}
    current = [last_changed[name] for name in kept[-1].receipt["parts"] if name in last_changed]
    receipts = [*(version.receipt for version in kept), *current]
    return {read_id for r in receipts for read_id in (r["read_id"], r["replay_of"]) if read_id}

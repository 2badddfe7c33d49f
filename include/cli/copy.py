"""Keep a copy of the whole lake, all datasets, in another bucket; or restore one from there.

Only what the copy lacks is copied, so an interrupted copy can be continued. At any moment the copy
has complete versions only, even while a pipeline publishes. Nothing is deleted there. To restore,
copy into a new bucket with LAKE_BUCKET naming the copy.

Example: python -m include.cli copy headwaters-copy --create
"""

import argparse
from collections.abc import Collection, Mapping

from include.cli.create import bucket_exists, create_bucket
from include.errors import PermanentError
from include.lake.keys import LOG, copy_order
from include.lake.store import Store, StoredObject, parallel_map

TABLE_LOG, LEDGER_LOG, PLAIN_FILES = 2, 4, 5  # of copy_order
Listing = Mapping[str, StoredObject]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bucket", metavar="BUCKET", help="an empty one, or one with an earlier copy of this lake"
    )
    parser.add_argument("--create", action="store_true", help="create the bucket first")


def run(store: Store, asked: argparse.Namespace) -> int:
    copy = store.other_bucket(asked.bucket)
    if asked.bucket == store.bucket:
        raise PermanentError(f"s3://{asked.bucket} is the lake itself; name another bucket")
    if asked.create:
        create_bucket(copy)
    elif not bucket_exists(copy):
        raise PermanentError(
            f"the bucket {asked.bucket} does not exist; run again with --create, or create it"
        )
    there, here = copy.list(""), listing(store)
    _refuse_other_lake(store, here, copy, there)
    lacking = [key for key in here if key not in there or _is_outdated(key, here, there)]
    copy_in_order(store, copy, lacking)
    size = sum(here[key].size for key in lacking)
    print(
        f"copied {len(lacking):,} objects, {size:,} bytes, from {store.url('')} to {copy.url('')}; "
        f"{len(here) - len(lacking):,} were there"
    )
    return 0


def listing(store: Store) -> dict[str, StoredObject]:
    """All objects; one that names others is listed before them, so that these exist."""
    found: dict[str, StoredObject] = {}
    for orders in ({PLAIN_FILES}, {TABLE_LOG, LEDGER_LOG}, {0, 1, 3}):
        found |= {k: item for k, item in store.list("").items() if copy_order(k) in orders}
    return found


def copy_in_order(store: Store, copy: Store, keys: Collection[str]) -> None:
    """An object that names others is copied after them; commits one by one, in order."""

    def one(key: str) -> None:
        write = copy.put if _is_written_once(key) else copy.replace
        write(key, store.get(key))

    for number in range(PLAIN_FILES + 1):
        group = sorted(key for key in keys if copy_order(key) == number)
        if number not in {TABLE_LOG, LEDGER_LOG}:
            parallel_map(one, group)
            continue
        for key in sorted(group, key=_is_commit, reverse=True):  # checkpoints after commits
            one(key)


def _is_commit(key: str) -> bool:
    return f"/{LOG}/" in key and key.endswith(".json")


def _is_written_once(key: str) -> bool:
    return _is_commit(key) if f"/{LOG}/" in key else copy_order(key) != PLAIN_FILES


def _is_outdated(key: str, here: Listing, there: Listing) -> bool:
    found, copied = here[key], there[key]
    return not _is_written_once(key) and (found.size, found.etag) != (copied.size, copied.etag)


def _refuse_other_lake(store: Store, here: Listing, copy: Store, there: Listing) -> None:
    """The other bucket must be empty, or hold this lake at an earlier time."""
    if not any(map(_is_commit, here)):
        raise PermanentError(f"{store.url('')} has nothing committed in it; look at LAKE_BUCKET")
    commits = sorted(filter(_is_commit, there))
    for key in commits or sorted(there):
        if key not in here:
            raise PermanentError(
                f"{copy.url(key)} is not in {store.url('')}; nothing was copied. If that "
                "bucket holds something else, name an empty one. If the object was lost here, "
                "restore it"
            )
    newest = set({key.rpartition("/")[0]: key for key in commits}.values())
    for key in sorted(filter(_is_written_once, here.keys() & there.keys())):
        # The newest entry of a log stands for those before it.
        if here[key].size != there[key].size or (key in newest and store.get(key) != copy.get(key)):
            raise PermanentError(
                f"{copy.url(key)} and {store.url(key)} differ, although such objects never "
                "change; nothing was copied. Run `verify` on both. If both are valid, the lakes "
                "have diverged: copy into a new bucket"
            )

"""Keep a copy of the whole lake, all datasets, in another bucket; or restore one from there.

Only what the copy lacks is copied, so an interrupted copy can be continued. At any moment the copy
has complete versions only, even while a pipeline publishes. Nothing is deleted there. To restore,
copy into a new bucket with LAKE_BUCKET naming the copy.
"""

import argparse
from collections.abc import Iterable, Mapping
from itertools import groupby

from include.cli.create import create_bucket
from include.cli.output import Output
from include.errors import PermanentError
from include.lake.keys import LOG, copy_order
from include.lake.store import Store, StoredObject, StoreRefused, parallel_map

PLAIN_FILES = 5
Listing = Mapping[str, StoredObject]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bucket", metavar="BUCKET", help="an empty one, or one with an earlier copy of this lake"
    )
    parser.add_argument("--create", action="store_true", help="create the bucket first")


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    if asked.bucket == store.bucket:
        raise PermanentError(f"s3://{asked.bucket} is the lake itself; name another bucket")
    copy = store.other_bucket(asked.bucket)
    if asked.create:
        create_bucket(copy)
    try:
        there = copy.list("")
    except StoreRefused as error:
        if "NoSuchBucket" in str(error):
            raise PermanentError(
                f"the bucket {asked.bucket} does not exist; run again with --create, or create it"
            ) from None
        raise
    here = listing(store)
    refuse_other_lake(store, here, copy, there)
    lacking = [key for key, found in here.items() if differs(key, found, there.get(key))]
    copy_in_order(store, copy, lacking)
    size = sum(here[key].size for key in lacking)
    output.line(
        f"copied {len(lacking):,} objects, {size:,} bytes, from {store.url('')} to {copy.url('')}; "
        f"{len(here) - len(lacking):,} were there"
    )
    return 0


def listing(store: Store) -> dict[str, StoredObject]:
    """Objects that agree: what refers is listed before what it refers to."""
    found: dict[str, StoredObject] = {}
    for orders in ({PLAIN_FILES}, {4, 2}, {3, 1, 0}):
        found |= {k: item for k, item in store.list("").items() if copy_order(k) in orders}
    return found


def is_commit(key: str) -> bool:
    return f"/{LOG}/" in key and key.endswith(".json")


def is_written_once(key: str) -> bool:
    return is_commit(key) if f"/{LOG}/" in key else copy_order(key) != PLAIN_FILES


def differs(key: str, found: StoredObject, copied: StoredObject | None) -> bool:
    if copied is None:
        return True
    return not is_written_once(key) and (found.size, found.etag) != (copied.size, copied.etag)


def refuse_other_lake(store: Store, here: Listing, copy: Store, there: Listing) -> None:
    """The other bucket must be empty, or hold this lake at an earlier time."""
    if not any(map(is_commit, here)):
        raise PermanentError(f"{store.url('')} has nothing committed in it; look at LAKE_BUCKET")
    if not any(map(is_commit, there)) and there.keys() - here.keys():
        strange = min(there.keys() - here.keys())
        raise PermanentError(
            f"{copy.url(strange)} is not of a lake; nothing was copied. Name an empty bucket"
        )
    for key in sorted(filter(is_commit, there)):
        if key not in here:
            raise PermanentError(
                f"{copy.url(key)} is not in {store.url('')}; nothing was copied. That bucket has "
                "another lake: name a new one. Or the entry was lost here: restore it"
            )
    for key in sorted(filter(is_written_once, here.keys() & there.keys())):
        if here[key].size != there[key].size:
            raise _differ(store, copy, key)
    newest = {key.rpartition("/")[0]: key for key in sorted(filter(is_commit, there))}
    for key in newest.values():  # one entry stands for those before it
        if store.get(key) != copy.get(key):
            raise _differ(store, copy, key)


def _differ(store: Store, copy: Store, key: str) -> PermanentError:
    return PermanentError(
        f"{copy.url(key)} is not what {store.url(key)} is, and neither is ever written again; "
        "nothing was copied. Either one is damaged: `verify` both; or the two lakes went different "
        "ways, and a new bucket is needed"
    )


def copy_in_order(store: Store, copy: Store, keys: Iterable[str]) -> None:
    """What refers comes after what it refers to; commits one by one, in order."""

    def one(key: str) -> None:
        write = copy.put if is_written_once(key) else copy.replace
        write(key, store.get(key))

    def order(key: str) -> tuple[int, bool, str]:
        return copy_order(key) or 0, f"/{LOG}/" in key and not is_commit(key), key

    for (number, _), group in groupby(sorted(keys, key=order), lambda key: order(key)[:2]):
        if number in {2, 4}:
            for key in group:
                one(key)
        else:
            parallel_map(one, list(group))

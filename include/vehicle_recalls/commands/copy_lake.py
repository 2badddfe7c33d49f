"""Keep a copy of the whole lake, of all pipelines, in another bucket; or restore one from there.

Only what the copy lacks is copied, by S3 itself, so that it can be cut off and taken up again. At
any moment the copy holds whole versions only, though somebody publishes meanwhile. Nothing is ever
deleted there, and what is written once is never written again. To restore is to copy into a new
bucket, with LAKE_BUCKET naming the copy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from include.errors import PermanentError
from include.first.copying import ENTRY, in_order, is_commit, is_written_once, listing
from include.first.keys import LOG
from include.first.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    Listing = Mapping[str, ObjectTypeDef]


class NoCopyOfIt(PermanentError):
    """What lies in the bucket is not this lake at an earlier time."""


class Copied(NamedTuple):
    objects: int
    size: int
    there: int  # objects that needed no copy
    heads: dict[str, int]  # the newest commit of each table, ledger and subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bucket", metavar="BUCKET", help="an empty one, or one with an earlier copy of this lake"
    )


def command(lake: Lake, asked: argparse.Namespace, say: Callable[[str], None]) -> int:
    copied = copy_lake(lake, Lake(lake.s3, asked.bucket, lake.storage_options))
    for folder, number in copied.heads.items():
        say(f"{folder:<40}  {number:>6,}")
    say(
        f"copied {copied.objects:,} objects, {copied.size:,} bytes, from s3://{lake.bucket}/ to "
        f"s3://{asked.bucket}/; {copied.there:,} were there"
    )
    return 0


def copy_lake(lake: Lake, copy: Lake) -> Copied:
    here = listing(lake.objects)
    there = {found["Key"]: found for found in copy.objects()}
    _refuse_another(lake, here, copy, there)
    lacking = [key for key, found in here.items() if _differs(found, there.get(key))]
    objects = in_order(lacking, lambda key: copy.copy_from(lake, here[key]))
    return Copied(
        objects,
        sum(here[key]["Size"] for key in lacking),
        len(here) - len(lacking),
        dict(map(_numbered, _newest(here))),
    )


def _differs(found: ObjectTypeDef, copied: ObjectTypeDef | None) -> bool:
    """Names that are used once say what is under them; others were written since, or not."""
    if copied is None:
        return True
    return not is_written_once(found["Key"]) and found["LastModified"] >= copied["LastModified"]


def _refuse_another(lake: Lake, here: Listing, copy: Lake, there: Listing) -> None:
    if copy.bucket == lake.bucket:
        raise NoCopyOfIt(f"s3://{copy.bucket}/ is the lake itself; name another bucket")
    if not any(map(is_commit, here)):
        raise NoCopyOfIt(f"s3://{lake.bucket}/ has nothing committed in it; look at LAKE_BUCKET")
    if not any(map(is_commit, there)):
        # A copy that was cut off before its first commit has nothing that the lake has not.
        for key in sorted(there.keys() - here.keys()):
            raise NoCopyOfIt(
                f"s3://{copy.bucket}/{key} is not in s3://{lake.bucket}/, and nothing there is of "
                "a lake; nothing was copied. Name an empty bucket"
            )
    for key in sorted(filter(is_commit, there.keys() - here.keys())):
        raise NoCopyOfIt(
            f"s3://{copy.bucket}/{key} is not in s3://{lake.bucket}/; nothing was copied. Either "
            "that bucket goes on by itself, and a new one is needed, or the entry was lost here: "
            "restore it from there"
        )
    for key in _unlike(lake, here, copy, there):
        raise NoCopyOfIt(
            f"s3://{copy.bucket}/{key} is another than in s3://{lake.bucket}/, and neither is ever "
            "written again; nothing was copied. Either one is damaged: `verify` both, and restore "
            "it from the other; or the two have gone different ways, and a new bucket is needed"
        )


def _unlike(lake: Lake, here: Listing, copy: Lake, there: Listing) -> Iterator[str]:
    both = sorted(here.keys() & there.keys())
    for key in filter(is_written_once, both):
        if here[key]["Size"] != there[key]["Size"]:
            yield key
    # Entries of two histories may be as long as each other. One entry stands for those before it.
    for key in _newest(both):
        if lake.get(key) != copy.get(key):
            yield key


def _numbered(commit: str) -> tuple[str, int]:
    folder, _, name = commit.rpartition("/")
    return folder.removesuffix(f"/{LOG}"), int(name.removesuffix(ENTRY))


def _newest(keys: Iterable[str]) -> Iterable[str]:
    return {key.rpartition("/")[0]: key for key in sorted(filter(is_commit, keys))}.values()

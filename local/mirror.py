"""A bucket kept as a folder: LocalStack forgets when it stops, the folder does not.

Only what differs is copied, in the order of mirror_order, so that a copy which is cut off, or
taken while somebody publishes, can still be read. `staging/` is left out: nobody needs it after
its run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from local.mirror_index import Index
from local.mirror_order import (
    LOGS,
    SAFE_KEY,
    is_staging,
    is_written_once,
    order,
    reading_turn,
    stage,
)
from local.processes import LocalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUESTS_AT_ONCE = 8
CHANGED_SINCE_LISTED = {"404", "NoSuchKey", "412", "PreconditionFailed"}


@dataclass(frozen=True)
class Moved:
    copied: int
    deleted: int
    total: int


def save(s3: S3Client, bucket: str, folder: Path) -> Moved:
    """Make the folder hold what the bucket holds."""
    listing = _listing(s3, bucket)
    for key in listing:
        if not SAFE_KEY.fullmatch(key):
            raise LocalError(
                f"s3://{bucket}/{key} cannot be a file of {folder}, so nothing was copied: "
                "delete the object, or give it a key without empty parts and leading dots"
            )
    index = Index.load(folder)
    copied = _in_order(listing, lambda key: _keep(s3, bucket, key, listing[key], index))
    gone = sorted(set(_files(folder)) - listing.keys(), key=order, reverse=True)
    for key in gone:
        _delete(folder, key)
    index.entries = {key: index.entries[key] for key in listing if key in index.entries}
    index.save()
    shutil.rmtree(index.temporary)
    return Moved(copied, len(gone), len(listing))


def load(s3: S3Client, bucket: str, folder: Path) -> Moved:
    """Put what the folder holds into the bucket, which is made when it is not there."""
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    index = Index.load(folder)

    def put(key: str) -> bool:
        entry = index.entry_of(key)
        # A projection whose entry does not count says nothing of what it was made from: the next
        # run makes it again.
        metadata = dict(entry.metadata) if entry else {}
        with (folder / key).open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        return True

    keys = [key for key in _files(folder) if not is_staging(key)]
    return Moved(_in_order(keys, put), 0, len(keys))


def _keep(s3: S3Client, bucket: str, key: str, etag: str, index: Index) -> bool:
    """Copy one object as it was listed, where the folder has another; say if it was copied.

    One that has changed since the listing waits for the next time: what the folder has of it
    agrees with the log that was listed.
    """
    known = index.entry_of(key)
    same_bytes = known is not None and known.etag == etag
    if same_bytes and is_written_once(key):
        return False
    try:
        if same_bytes:
            head = s3.head_object(Bucket=bucket, Key=key, IfMatch=etag)
            index.remember(key, etag, head["Metadata"])
            return False
        answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in CHANGED_SINCE_LISTED:
            return False
        raise
    with index.replacing(key) as file:
        shutil.copyfileobj(answer["Body"], file)
    index.remember(key, etag, answer["Metadata"])
    return True


def _listing(s3: S3Client, bucket: str) -> dict[str, str]:
    """Keys and ETags that agree, though a publisher may commit between two requests of a listing.

    What refers is listed before what it refers to, which takes three listings: the hints at
    checkpoints, the logs, everything else. Inside one, S3's order puts `ledger/` before `table/`,
    so that no ledger gets ahead of its table.
    """
    found: dict[str, str] = {}
    for turn in range(3):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            found |= {
                item["Key"]: item["ETag"]
                for item in page.get("Contents", [])
                if reading_turn(item["Key"]) == turn and not is_staging(item["Key"])
            }
    return found


def _in_order(keys: Iterable[str], copy: Callable[[str], bool]) -> int:
    """Copy stage after stage, a log one by one, all else side by side; count what was copied."""
    copied = 0
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for this_stage, some in groupby(sorted(keys, key=order), stage):
            copied += sum((map if this_stage in LOGS else pool.map)(copy, some))
    return copied


def _files(folder: Path) -> Iterator[str]:
    """The keys of the folder's files; names that start with a dot are not of the bucket."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(place) / name).relative_to(folder).as_posix()


def _delete(folder: Path, key: str) -> None:
    """Delete a file, and the folders that it leaves empty."""
    path = folder / key
    path.unlink()
    for parent in path.relative_to(folder).parents:
        if parent == Path():
            break
        with contextlib.suppress(OSError):
            (folder / parent).rmdir()

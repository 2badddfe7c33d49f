"""A bucket kept as a folder: LocalStack forgets when it stops, the folder does not.

Only what differs is copied, in the order of include/first/copying.py, so that a copy which is cut off, or
taken while somebody publishes, can still be read. `staging/` is left out: nobody needs it after
its run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from include.first.copying import in_order, listing, order
from include.first.keys import Turn
from local.mirror_index import Index
from local.processes import LocalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

# Names that cannot leave the folder and are not hidden: hidden files are the desktop's and ours.
SAFE_KEY = re.compile(r"(?!\.)[^/\0]+(/(?!\.)[^/\0]+)*")
CHANGED_SINCE_LISTED = {"404", "NoSuchKey", "412", "PreconditionFailed"}


@dataclass(frozen=True)
class Moved:
    copied: int
    deleted: int
    total: int


def save(s3: S3Client, bucket: str, folder: Path) -> Moved:
    """Make the folder hold what the bucket holds."""
    listed = listing(lambda: _objects(s3, bucket))
    for key in listed:
        if not SAFE_KEY.fullmatch(key):
            raise LocalError(
                f"s3://{bucket}/{key} cannot be a file of {folder}, so nothing was copied: "
                "delete the object, or give it a key without empty parts and leading dots"
            )
    index = Index.load(folder)
    copied = in_order(listed, lambda key: _keep(s3, bucket, key, listed[key]["ETag"], index))
    gone = sorted(set(_files(folder)) - listed.keys(), key=order, reverse=True)
    for key in gone:
        _delete(folder, key)
    index.entries = {key: index.entries[key] for key in listed if key in index.entries}
    index.save()
    shutil.rmtree(index.temporary)
    return Moved(copied, len(gone), len(listed))


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

    keys = [key for key in _files(folder) if Turn.of(key) != Turn.NEVER]
    return Moved(in_order(keys, put), 0, len(keys))


def _keep(s3: S3Client, bucket: str, key: str, etag: str, index: Index) -> bool:
    """Copy one object as it was listed, where the folder has another; say if it was copied.

    One that has changed since the listing waits for the next time: what the folder has of it
    agrees with the log that was listed.
    """
    known = index.entry_of(key)
    same_bytes = known is not None and known.etag == etag
    if same_bytes and Turn.of(key) != Turn.PROJECTIONS:
        return False  # none of these has metadata
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


def _objects(s3: S3Client, bucket: str) -> Iterator[ObjectTypeDef]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", [])


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

"""A bucket kept as a folder: the local S3 forgets when it stops, the folder does not.

Only what differs is copied. What refers to other objects is copied after them and listed before
them, so a copy that was cut off, or made while a run publishes, can be read.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from include.lake.keys import copy_order
from include.lake.store import Missing, Store, StoredObject, parallel_map
from local.processes import LocalError

# Names that cannot leave the folder and are not hidden: hidden files are the desktop's and ours.
SAFE_KEY = re.compile(r"(?!\.)[^/\0]+(/(?!\.)[^/\0]+)*")
REFERRING = {1, 2, 4}  # of copy_order: manifests and the two logs


class Saved(NamedTuple):
    copied: int
    deleted: int
    total: int


def save(store: Store, folder: Path) -> Saved:
    """Make the folder hold what the bucket holds."""
    listed = _consistent_listing(store)
    for key in listed:
        if not SAFE_KEY.fullmatch(key):
            raise LocalError(
                f"{store.url(key)} cannot be a file of {folder}, so nothing was copied: "
                "delete the object, or give it a key without empty parts and leading dots"
            )
    changed = sorted(key for key, found in listed.items() if not _is_same(folder / key, found))
    copied = 0
    for order in sorted({copy_order(key) or 0 for key in changed}):
        keys = [key for key in changed if copy_order(key) == order]
        copy = map if order in REFERRING else parallel_map
        copied += sum(copy(lambda key: _copy(store, key, folder), keys))
    gone = set(_files(folder)) - listed.keys()
    deleted = sorted(gone, key=lambda key: copy_order(key) or 0, reverse=True)
    for key in deleted:
        _delete(folder, key)
    return Saved(copied, len(deleted), len(listed))


def load(store: Store, folder: Path) -> int:
    """Put what the folder holds into an empty bucket; returns the number of objects."""
    keys = [key for key in _files(folder) if copy_order(key) is not None]
    parallel_map(lambda key: store.replace(key, (folder / key).read_bytes()), keys)
    return len(keys)


def _consistent_listing(store: Store) -> dict[str, StoredObject]:
    """Commits of a first listing, and files of a second: no commit lacks a file."""
    first = store.list("")
    return {
        key: found
        for key, found in store.list("").items()
        if (order := copy_order(key)) is not None and (order not in REFERRING or key in first)
    }


def _is_same(path: Path, found: StoredObject) -> bool:
    """The ETag of an object that was put in one part is its MD5."""
    if not path.is_file() or path.stat().st_size != found.size:
        return False
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == found.etag.strip(
        '"'
    )


def _copy(store: Store, key: str, folder: Path) -> bool:
    try:
        body = store.get(key)
    except Missing:
        return False  # deleted since it was listed
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")  # hidden, so it is none of the mirror's
    unfinished.write_bytes(body)
    unfinished.replace(path)
    return True


def _files(folder: Path) -> Iterator[str]:
    """The keys of the folder's files; hidden ones are not of the bucket."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(place) / name).relative_to(folder).as_posix()


def _delete(folder: Path, key: str) -> None:
    """Delete a file, and the folders that it leaves empty."""
    (folder / key).unlink()
    for parent in Path(key).parents:
        if parent != Path():
            with contextlib.suppress(OSError):
                (folder / parent).rmdir()

"""Plain files: copies of table files, and files rendered from them, under names that people open.

They can always be rebuilt from the table. One small manifest says what each was made from, so a
refresh that has nothing to do costs few requests.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from include.data.contract import Dataset
from include.data.tables import to_parquet
from include.lake.keys import Keys
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version

MANIFEST = "_plain_files.json"


class PlainFile(NamedTuple):
    """`made_from` names the content: a file of the table, or what a rendering depends on."""

    name: str  # below the dataset's folder
    made_from: str
    render: Callable[[], bytes] | None = None  # None: a copy of the table file `made_from`


def copy_of(name: str, part: dict[str, Any]) -> PlainFile:
    return PlainFile(name, part["path"])


def empty_file(name: str, dataset: Dataset) -> PlainFile:
    """A file without rows, for a partition that has none: its readers still find a table."""
    empty = dataset.schema.empty_table()
    return PlainFile(
        name, f"no rows, contract {dataset.version}", lambda: to_parquet(empty, dataset)
    )


def refresh_copies(
    store: Store,
    dataset: Dataset,
    wanted: Callable[[Version], Iterable[PlainFile]],
    *,
    manifest: str = MANIFEST,
) -> list[str]:
    """Make every plain file what the current version says; returns the names it rewrote.

    A manifest of its own keeps a group of files apart: a file that its manifest names and that is
    no longer wanted is deleted.
    """
    keys = Keys(dataset.name)
    rewritten: set[str] = set()
    current = load_version(store, keys.table)
    while current.receipt:
        written = _refresh(store, keys, list(wanted(current)), keys.plain(manifest))
        rewritten.update(written)
        # Another writer may have committed while these were written.
        newest = load_version(store, keys.table) if written else current
        if newest.receipt_number == current.receipt_number:
            break
        current = newest
    return sorted(rewritten)


def plain_file_names(store: Store, dataset: Dataset) -> list[str]:
    """The plain files that the last refresh made."""
    return sorted(_read_manifest(store, Keys(dataset.name).plain(MANIFEST)))


def _refresh(store: Store, keys: Keys, files: list[PlainFile], manifest_key: str) -> list[str]:
    manifest, entries = _read_manifest(store, manifest_key), _entries(store, keys, files)

    def write(file: PlainFile) -> None:
        key = keys.plain(file.name)
        if file.render is None:
            store.copy(keys.table_file(file.made_from), key)
        else:
            store.replace(key, file.render())

    outdated = [
        file
        for file in files
        if file.name not in entries or entries[file.name] != manifest.get(file.name)
    ]
    left_over = manifest.keys() - {file.name for file in files}
    if outdated or left_over:
        parallel_map(write, outdated)
        store.delete(keys.plain(name) for name in left_over)
        entries = _entries(store, keys, files)
        store.replace(manifest_key, json.dumps(entries, indent=1, sort_keys=True).encode())
    return [*(file.name for file in outdated), *left_over]


def _read_manifest(store: Store, key: str) -> dict[str, dict[str, str]]:
    """What each plain file was made from; a damaged manifest only costs a rewrite."""
    try:
        found = json.loads(store.get_if_exists(key) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _entries(store: Store, keys: Keys, files: Iterable[PlainFile]) -> dict[str, dict[str, str]]:
    """What a manifest says of these files, if each was made as it should be."""
    folders = {keys.plain(file.name).rpartition("/")[0] for file in files}
    listed = [store.list(folder, recursive=False) for folder in folders]
    etags = {key: found.etag for folder in listed for key, found in folder.items()}
    return {
        file.name: {"made_from": file.made_from, "etag": etags[key]}
        for file in files
        if (key := keys.plain(file.name)) in etags
    }

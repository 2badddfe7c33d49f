"""The files of the site in the bucket: what is there, what must be written, what is left over.

The catalog is the memory of the build before: what it was made from, and every file of it. It is
written last, so a build that stopped halfway is not remembered.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from include.lake.content_type import content_type
from include.lake.store import Store

FOLDER = "site/"
PAGE, MANIFEST, STATUS = "index.html", "site.json", "status.json"
CATALOG, PACKAGE = "catalog.json", "datapackage.json"
SHARD_LEVEL = 6  # of gzip


@dataclass
class StoredSite:
    store: Store
    made_from: str  # by the last build
    catalog: Mapping[str, Mapping[str, Any]]  # its files by path
    sizes: Mapping[str, int]  # of what is there
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # of this build, by path
    written: list[str] = field(default_factory=list)

    def is_whole(self) -> bool:
        """Whether everything is there that the catalog names."""
        return bool(self.catalog) and all(map(self._is_there, self.catalog))

    def _is_there(self, path: str) -> bool:
        return bool(self.sizes.get(path) == self.catalog[path]["bytes"])

    def is_overtaken(self) -> bool:
        """Whether another build has finished since this one looked, and deleted what it wrote."""
        return bool(read_json(self.store, CATALOG).get("made_from", "") != self.made_from)

    def keep(self, made_from: str) -> str | None:
        """A file of the last build that was made from the same, and is still there."""
        for path, entry in self.catalog.items():
            if entry.get("made_from") == made_from and self._is_there(path):
                self.files[path] = dict(entry)
                return path
        return None

    def write(self, path: str, body: bytes, **more: str) -> str:
        """Write a file unless it is there already; returns its path."""
        digest, known = hashlib.sha256(body).hexdigest(), self.catalog.get(path)
        if not known or known["sha256"] != digest or not self._is_there(path):
            self.store.replace(FOLDER + path, body)
            self.written.append(path)
        kind = content_type(path)
        entry = {"path": path, "bytes": len(body), "sha256": digest, "content_type": kind}
        self.files[path] = entry | more
        return path

    def write_hashed(self, stem: str, ending: str, body: bytes, **more: str) -> str:
        """Under a name that no other content has."""
        name = f"{stem}-{hashlib.sha256(body).hexdigest()[:16]}.{ending}"
        return self.write(name, body, **more)

    def write_shard(self, name: str, shard: Any, **more: str) -> str:
        body = gzip.compress(msgspec.json.encode(shard), SHARD_LEVEL, mtime=0)
        return self.write_hashed(f"shards/{name}", "json.gz", body, **more)

    def finish(self, made_from: str, base: str) -> None:
        """Remember this build; delete what neither it nor the one before has."""
        files = [self.files[path] for path in sorted(self.files)]
        if base:
            files = [{**entry, "url": base + quote(entry["path"])} for entry in files]
        catalog = json_body({"made_from": made_from, "files": files})
        self.store.replace(FOLDER + CATALOG, catalog)
        named = {*self.files, *self.catalog, CATALOG, STATUS}
        left_over = [path for path in self.sizes if path not in named]
        self.store.delete(FOLDER + path for path in left_over)
        self.written += [CATALOG, *left_over]


def read_site(store: Store) -> StoredSite:
    """The site as the bucket has it; a catalog that cannot be read counts as missing."""
    catalog = read_json(store, CATALOG)
    try:
        entries = {entry["path"]: entry for entry in catalog["files"] if _is_entry(entry)}
    except (KeyError, TypeError):
        entries = {}
    stored = store.list(FOLDER.rstrip("/"))
    sizes = {key.removeprefix(FOLDER): found.size for key, found in stored.items()}
    return StoredSite(store, catalog.get("made_from", ""), entries, sizes)


def _is_entry(entry: Mapping[str, Any]) -> bool:
    return bool(entry["bytes"] >= 0 and entry["sha256"])


def read_json(store: Store, path: str) -> dict[str, Any]:
    try:
        found = json.loads(store.get_if_exists(FOLDER + path) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def json_body(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def inputs_hash(*inputs: Any) -> str:
    """A name for what a file is made from."""
    return hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()[:16]

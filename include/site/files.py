"""The files of the site in the bucket: what is there, what must be written, what is left over."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import msgspec

from include.lake.store import Store, parallel_map

FOLDER = "site/"
MANIFEST, CATALOG, STATUS, PAGE = "site.json", "catalog.json", "status.json", "index.html"
PACKAGE = "datapackage.json"
CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "atom": "application/atom+xml",
    "gz": "application/gzip",
    "woff2": "font/woff2",
    "svg": "image/svg+xml",
}
PLAIN_TEXT = "text/plain; charset=utf-8"
SHARD_LEVEL = 6  # of gzip


def content_type(path: str) -> str:
    if path.startswith("feeds/") and path.endswith(".json"):
        return "application/feed+json"
    return CONTENT_TYPES.get(path.rpartition(".")[2], PLAIN_TEXT)


def gzipped_json(value: Any) -> bytes:
    """The same value gives the same bytes."""
    return gzip.compress(msgspec.json.encode(value), SHARD_LEVEL, mtime=0)


def inputs_hash(inputs: Any) -> str:
    """A name for what a file is made from."""
    return hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()[:16]


def hashed(stem: str, suffix: str, body: bytes) -> str:
    """A name that no other content has."""
    return f"{stem}-{hashlib.sha256(body).hexdigest()[:16]}{suffix}"


@dataclass
class StoredSite:
    """The site as the bucket has it; what cannot be read counts as missing."""

    store: Store
    manifest: Mapping[str, Any]
    catalog: Mapping[str, Mapping[str, Any]]  # what the last build wrote, by path
    sizes: Mapping[str, int]  # of what is there
    new: dict[str, dict[str, Any]] = field(default_factory=dict)  # what this build has, by path
    written: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything is there that the catalog names."""
        return bool(self.catalog) and all(
            self.sizes.get(path) == entry["bytes"] for path, entry in self.catalog.items()
        )

    @cached_property
    def _by_inputs(self) -> dict[str, str]:
        return {entry["made_from"]: p for p, entry in self.catalog.items() if "made_from" in entry}

    def made_from(self, inputs: str) -> str | None:
        """A file of the last build that was made from the same, and is still there."""
        path = self._by_inputs.get(inputs)
        is_there = path and self.sizes.get(path) == self.catalog[path]["bytes"]
        return path if is_there else None

    def keep(self, path: str) -> str:
        self.new[path] = dict(self.catalog[path])
        return path

    def write(self, path: str, body: bytes, inputs: str = "") -> str:
        """Write a file unless it is there already; returns its path."""
        entry: dict[str, Any] = {
            "path": path,
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "content_type": content_type(path),
            **({"made_from": inputs} if inputs else {}),
        }
        known = self.catalog.get(path, {})
        if known.get("sha256") != entry["sha256"] or self.sizes.get(path) != len(body):
            self.store.replace(FOLDER + path, body, entry["content_type"])
            self.written.append(path)
        self.new[path] = entry
        return path

    def write_hashed(self, stem: str, suffix: str, body: bytes, inputs: str = "") -> str:
        return self.write(hashed(stem, suffix, body), body, inputs)

    def finish(self, manifest: Mapping[str, Any], base: str) -> None:
        """Write the catalog of this build, then the manifest: from now on it is the site."""
        files = [self.new[path] for path in sorted(self.new)]
        if base:
            files = [{**entry, "url": base + quote(entry["path"])} for entry in files]
        catalog = {"version": manifest["version"], "files": files}
        for path, value in ((CATALOG, catalog), (MANIFEST, manifest)):
            body = json.dumps(value, indent=1, ensure_ascii=False).encode()
            self.store.replace(FOLDER + path, body, content_type(path))

    def delete_left_over(self) -> list[str]:
        """Delete what neither this build nor the one before it names."""
        named = {*self.new, *self.catalog, *paths_of(self.manifest)}
        named |= {MANIFEST, CATALOG, STATUS}
        code = str(self.manifest.get("code") or "none")
        left_over = [p for p in self.sizes if p not in named and not p.startswith(code)]
        self.store.delete(FOLDER + path for path in left_over)
        return left_over


def read_site(store: Store) -> StoredSite:
    manifest, catalog = parallel_map(lambda path: _read_json(store, path), [MANIFEST, CATALOG])
    listing = store.list(FOLDER.rstrip("/"))
    sizes = {key.removeprefix(FOLDER): found.size for key, found in listing.items()}
    try:
        entries = {entry["path"]: entry for entry in catalog["files"] if entry["bytes"] >= 0}
    except (KeyError, TypeError):
        entries = {}
    return StoredSite(store, manifest, entries, sizes)


def read_status(store: Store) -> dict[str, Any]:
    return _read_json(store, STATUS)


def paths_of(manifest: Any) -> Iterable[str]:
    """Every path that a manifest names."""
    if isinstance(manifest, str):
        return [manifest] if "/" in manifest else []
    values = manifest.values() if isinstance(manifest, dict) else ()
    return [path for value in values for path in paths_of(value)]


def _read_json(store: Store, path: str) -> dict[str, Any]:
    try:
        found = json.loads(store.get_if_exists(FOLDER + path) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

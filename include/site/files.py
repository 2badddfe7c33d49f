"""The files of the site in the bucket: what is there, what must be written, what is left over.

The catalog is the memory of the build before: what it was made from, and every file of it. It is
written last, so a build that stopped halfway is not remembered.
"""

import gzip
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from include.errors import PermanentError
from include.lake.keys import content_type
from include.lake.report import LOCAL_FOLDER
from include.lake.store import Store

FOLDER = "site/"
PAGE, MANIFEST, STATUS = "index.html", "site.json", "status.json"
CATALOG, PACKAGE = "catalog.json", "datapackage.json"
SHARD_LEVEL = 6  # of gzip
ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?(/[^\s?#<>\"]*)?")
T = TypeVar("T")


class File(msgspec.Struct, omit_defaults=True):
    """A file as the catalog lists it."""

    path: str
    bytes: int
    sha256: str
    content_type: str
    made_from: str = ""
    url: str = ""


class Catalog(msgspec.Struct):
    made_from: str = ""
    files: list[File] = []


@dataclass
class StoredSite:
    store: Store
    base: str  # the public address, with a slash at its end; empty if it is not known
    root: str  # where people read the lake: the bucket, or a laptop's folder
    made_from: str  # by the last build
    known: Mapping[str, File]  # its files by path
    sizes: Mapping[str, int]  # of what is there
    files: dict[str, File] = field(default_factory=dict)  # of this build, by path
    written: list[str] = field(default_factory=list)

    def is_complete(self) -> bool:
        """Whether everything is there that the catalog names."""
        return bool(self.known) and all(map(self._is_there, self.known.values()))

    def _is_there(self, file: File) -> bool:
        return self.sizes.get(file.path) == file.bytes

    def is_outdated(self) -> bool:
        """Whether another build has finished since this one looked, and deleted what it wrote."""
        return read_json(self.store, CATALOG, Catalog).made_from != self.made_from

    def keep(self, made_from: str) -> str | None:
        """A file of the last build that was made from the same inputs and still exists."""
        for path, file in self.known.items():
            if file.made_from == made_from and self._is_there(file):
                self.files[path] = file
                return path
        return None

    def write(self, path: str, body: bytes, made_from: str = "") -> str:
        """Write a file unless it is there already; returns its path."""
        digest, known = hashlib.sha256(body).hexdigest(), self.known.get(path)
        if not known or known.sha256 != digest or not self._is_there(known):
            self.store.replace(FOLDER + path, body)
            self.written.append(path)
        self.files[path] = File(path, len(body), digest, content_type(path), made_from)
        return path

    def write_hashed(self, stem: str, ending: str, body: bytes, made_from: str = "") -> str:
        """Under a name that no other content has."""
        name = f"{stem}-{hashlib.sha256(body).hexdigest()[:16]}.{ending}"
        return self.write(name, body, made_from)

    def write_shard(self, name: str, shard: Any, made_from: str = "") -> str:
        body = gzip.compress(msgspec.json.encode(shard), SHARD_LEVEL, mtime=0)
        return self.write_hashed(f"shards/{name}", "json.gz", body, made_from)

    def finish(self, made_from: str) -> None:
        """Remember this build; delete what neither it nor the one before has."""
        files = [self.files[path] for path in sorted(self.files)]
        for file in files:
            file.url = self.base and self.base + quote(file.path)
        self.store.replace(FOLDER + CATALOG, json_body(Catalog(made_from, files)))
        named = {*self.files, *self.known, CATALOG, STATUS}
        left_over = [path for path in self.sizes if path not in named]
        self.store.delete(FOLDER + path for path in left_over)
        self.written += [CATALOG, *left_over]


def read_site(store: Store) -> StoredSite:
    """The site as the bucket has it."""
    catalog = read_json(store, CATALOG, Catalog)
    stored = store.list(FOLDER.rstrip("/"))
    return StoredSite(
        store=store,
        base=site_url(),
        root=os.environ.get(LOCAL_FOLDER) or store.url("").rstrip("/"),
        made_from=catalog.made_from,
        known={file.path: file for file in catalog.files},
        sizes={key.removeprefix(FOLDER): found.size for key, found in stored.items()},
    )


def read_json(store: Store, path: str, kind: type[T]) -> T:
    """A file of the site; one that is missing or damaged is as good as empty."""
    try:
        return msgspec.json.decode(store.get_if_exists(FOLDER + path) or b"{}", type=kind)
    except msgspec.MsgspecError:
        return kind()


def json_body(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def inputs_hash(*inputs: Any) -> str:
    """A name for what a file is made from."""
    return hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()[:16]


def site_url() -> str:
    """The public address of the site; without it, links are relative."""
    address = os.environ.get("SITE_URL", "").strip()
    if address and not ADDRESS.fullmatch(address):
        raise PermanentError(
            f"SITE_URL is {address!r}, which is not the address of a site; write one such as "
            "https://recalls.example.org/, or leave it out"
        )
    return f"{address.rstrip('/')}/" if address else ""

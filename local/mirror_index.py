"""What a mirrored folder cannot say by itself: each file's ETag and user metadata in the bucket.

It lies in the folder, under a name that no object can have. An entry counts only for the very
file it was written for: one that was touched since, or copied from elsewhere, has none.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

OURS = ".mirror"


@dataclass(frozen=True)
class Entry:
    etag: str
    metadata: Mapping[str, str]
    size: int
    mtime_ns: int


class Index:
    def __init__(self, folder: Path, entries: dict[str, Entry]) -> None:
        self.folder = folder
        self.entries = entries
        self.temporary = folder / OURS / "tmp"

    @classmethod
    def load(cls, folder: Path) -> Index:
        path = folder / OURS / "index.json"
        try:
            entries = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return cls(folder, {})  # all is copied again, projections are made again
        return cls(folder, {key: Entry(**entry) for key, entry in entries.items()})

    def entry_of(self, key: str) -> Entry | None:
        """The entry of a file that is as it was when the entry was written."""
        entry = self.entries.get(key)
        try:
            stat = (self.folder / key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if entry and (entry.size, entry.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return entry
        return None

    def remember(self, key: str, etag: str, metadata: Mapping[str, str]) -> None:
        stat = (self.folder / key).stat()
        self.entries[key] = Entry(etag, dict(metadata), stat.st_size, stat.st_mtime_ns)

    def save(self) -> None:
        with self.replacing(f"{OURS}/index.json") as file:
            entries = {key: asdict(entry) for key, entry in sorted(self.entries.items())}
            file.write(json.dumps(entries, indent=0).encode())

    @contextmanager
    def replacing(self, key: str) -> Iterator[IO[bytes]]:
        """A file that takes the place of the key's at once, when all of it is written."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self.temporary)
        try:
            with os.fdopen(number, "wb") as file:
                yield file
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            Path(name).chmod(0o644)  # mkstemp's files are for their owner only
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)

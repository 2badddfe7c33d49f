"""Write the files of a dataset as they were known at the end of a day, or at a time, in UTC.

The day is that of the reads, by the source's clock, never of the commits. The files are those of
the table, byte for byte, with `as-of.json`, which describes them.
"""

import argparse
import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from include.cli.output import Output
from include.cli.questions import (
    KnownVersion,
    argument,
    current_or_refuse,
    end_of,
    moment,
    versions_of,
)
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.keys import Keys, sha256_of
from include.lake.store import Damaged, Missing, Store, parallel_map

NOTE = "as-of.json"
UNFINISHED = ".unfinished"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moment", type=argument(moment), metavar="DATE", help="a day (all of it) or a time"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder that is new, empty, or of an earlier `as-of`, which is replaced",
    )


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    dataset = dataset_named(asked.dataset)
    versions = versions_of(store, current_or_refuse(store, dataset))
    version = known_at(versions, asked.moment)
    rows = write_files(store, dataset, version, asked.out)
    files = count(len(version.receipt["parts"]), "file")
    output.line(
        f"version {version.number}, read {version.receipt['observed_at']}: {rows:,} rows in "
        f"{files} in {asked.out}"
    )
    if later := [v for v in versions if v.number > version.number]:
        output.line(f"later versions: {len(later):,}, the first read {later[0].known_at:%Y-%m-%d}")
    return 0


def known_at(versions: list[KnownVersion], when: date | datetime) -> KnownVersion:
    """The newest version that was known by then, with all versions before it."""
    known = [version for version in versions if version.known_at < end_of(when)]
    if not known:
        raise PermanentError(
            f"nothing was known on {when.isoformat()}: the first version was read "
            f"{versions[0].receipt['observed_at']}"
        )
    return known[-1]


def write_files(store: Store, dataset: Dataset, version: KnownVersion, out: Path) -> int:
    """Copy a version's files into a folder; returns their rows."""
    parts = version.receipt["parts"]
    # A publisher's text may be a partition: quoted, it names no other folder.
    names = {p: f"{quote(p or dataset.name, safe=' :,+=@')}.parquet" for p in parts}
    old = _files_of_earlier(out)
    bodies = parallel_map(lambda part: _body(store, dataset, version, part), parts.values())
    out.mkdir(parents=True, exist_ok=True)
    note: dict[str, Any] = {
        "dataset": dataset.name,
        "version": version.number,
        "observed_at": version.receipt["observed_at"],
        "source": version.receipt["source"],
        "files": {
            names[name]: {"rows": part["rows"], "sha256": sha256_of(part["path"])}
            for name, part in parts.items()
        },
    }
    # First, so that a folder that was left halfway is known as ours, and as incomplete.
    _write(out / NOTE, json.dumps({"complete": False, **note}, indent=1).encode())
    for name in old - set(names.values()):
        (out / name).unlink(missing_ok=True)
    for name, body in zip(names.values(), bodies, strict=True):
        _write(out / name, body)
    _write(out / NOTE, json.dumps({"complete": True, **note}, indent=1).encode())
    return sum(part["rows"] for part in parts.values())


def _files_of_earlier(out: Path) -> set[str]:
    """The files of an earlier `as-of` in this folder, which are replaced."""
    if not out.exists():
        return set()
    if not out.is_dir():
        raise PermanentError(f"{out} is not a folder; name one that is new or empty")
    found = {path.name for path in out.iterdir()}
    if found and NOTE not in found:
        raise PermanentError(f"{out} has other files in it; name a folder that is new or empty")
    known = set(json.loads((out / NOTE).read_bytes()).get("files", {})) if found else set()
    strange = sorted(n for n in found - known - {NOTE} if not n.endswith(UNFINISHED))
    if strange:
        raise PermanentError(f"{out} has {strange[0]!r} in it; name a folder that is new or empty")
    return known


def _body(store: Store, dataset: Dataset, version: KnownVersion, part: dict[str, Any]) -> bytes:
    key = Keys(dataset.name).table_file(part["path"])
    try:
        body = store.get(key)
    except Missing:
        raise PermanentError(
            f"version {version.number} is incomplete: {store.url(key)} was pruned or lost; nothing "
            "was written. Ask for a later day, or restore the file from a copy"
        ) from None
    if hashlib.sha256(body).hexdigest() != sha256_of(part["path"]):
        raise Damaged(f"{store.url(key)} is damaged (its sha256 differs); restore it from a copy")
    return body


def _write(path: Path, body: bytes) -> None:
    """Under another name first, so that no reader sees half a file."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.write_bytes(body)
    unfinished.replace(path)

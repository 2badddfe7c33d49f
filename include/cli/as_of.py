"""Write the files of a dataset as they were known at the end of a day, or at a time, in UTC.

The day is that of the reads, by the source's clock, never of the commits. The files are those of
the table, byte for byte. as-of.json describes them and is written last.

Example: python -m include.cli as-of 2026-11-01 --out november
"""

import argparse
import json
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from include.cli.output import minute
from include.cli.questions import KnownVersion, current_or_refuse, day_or_time, versions_of
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.keys import Keys, sha256_of
from include.lake.store import Damaged, Store, parallel_map
from include.lake.table import get_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moment", type=day_or_time, metavar="DATE", help="a day (all of it) or a time"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder that is new or empty"
    )


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    versions = versions_of(store, current_or_refuse(store, dataset))
    version = _known_at(versions, asked.moment.last)
    rows = _write_files(store, dataset, version, asked.out)
    print(
        f"version {version.number}, read {version.receipt['observed_at']}: {rows:,} rows in "
        f"{count(len(version.receipt['parts']), 'file')} in {asked.out}"
    )
    return 0


def _known_at(versions: list[KnownVersion], moment: datetime) -> KnownVersion:
    """The newest version that was known by then, with all versions before it."""
    known = [version for version in versions if version.known_at <= moment]
    if not known:
        raise PermanentError(
            f"nothing was known by {minute(moment)} UTC: the first version was read "
            f"{versions[0].receipt['observed_at']}"
        )
    return known[-1]


def _write_files(store: Store, dataset: Dataset, version: KnownVersion, out: Path) -> int:
    """Copy a version's files into a folder; returns their rows."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PermanentError(f"{out} is not empty; name a folder that is new or empty")
    keys, receipt, parts = Keys(dataset.name), version.receipt, version.receipt["parts"]
    try:
        bodies = parallel_map(
            lambda part: get_file(store, keys.table_file(part["path"])), parts.values()
        )
    except Damaged as error:
        raise PermanentError(
            f"version {version.number} is incomplete: {error}; if it was pruned, ask for a later "
            "day. Nothing was written"
        ) from None
    out.mkdir(parents=True, exist_ok=True)
    files = {}
    for (name, part), body in zip(parts.items(), bodies, strict=True):
        # A publisher's text may be a partition: quoted, it names no other folder.
        file = f"{quote(name or dataset.name, safe=' :,+=@')}.parquet"
        (out / file).write_bytes(body)
        files[file] = {"rows": part["rows"], "sha256": sha256_of(part["path"])}
    note = {
        "dataset": dataset.name,
        "version": version.number,
        "observed_at": receipt["observed_at"],
        "source": receipt["source"],
        "files": files,
    }
    (out / "as-of.json").write_text(json.dumps(note, indent=1))
    return sum(part["rows"] for part in parts.values())

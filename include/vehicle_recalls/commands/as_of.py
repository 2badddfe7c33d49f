"""Write the year files as they were known at the end of a day, or at an instant, in UTC.

The day is that of the reads, by the source's clock, and never of the commits. What is written is
the table's own files, byte for byte, and `as-of.json`, which says what they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.commands.asking import Moment, is_over, moment, option
from include.vehicle_recalls.commands.versions import Version, head_with_data, versions_of
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import YearState, year_states

KEYS = Keys(CONTRACT.name)
NOTE = "as-of.json"
UNFINISHED = ".unfinished"


class NotKnown(PermanentError):
    """What was known at that moment cannot be had, or there was nothing."""


class NotOurs(PermanentError):
    """The folder has something else in it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moment", type=option(moment), metavar="DATE", help="a day (all of it) or an instant"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder that is new, empty, or of an earlier `as-of`, which is replaced",
    )


def command(lake: Lake, asked: argparse.Namespace, say: Callable[[str], None]) -> int:
    versions = versions_of(lake, head_with_data(lake))
    version = known_at(versions, asked.moment)
    _refuse_pruned(lake, versions, version)
    rows = write_files(lake, version, asked.out)
    count = len(year_states(version.receipt))
    say(
        f"version {version.number}, read {version.receipt['observed_at']}: {rows:,} rows of "
        f"{count:,} years in {asked.out}"
    )
    later = [other for other in versions if other.number > version.number]
    if later:
        say(f"later versions: {len(later):,}, the first read {later[0].receipt['observed_at']}")
    return 0


def known_at(versions: Sequence[Version], when: Moment) -> Version:
    """The newest version such that it and all before it were observed by then."""
    known = [version for version in versions if version.since < is_over(when)]
    if not known:
        raise NotKnown(
            f"nothing was known on {when.isoformat()}: the first version was read "
            f"{versions[0].receipt['observed_at']}"
        )
    return known[-1]


def _refuse_pruned(lake: Lake, versions: Sequence[Version], version: Version) -> None:
    there = set(lake.keys(f"{KEYS.table}/"))

    def is_whole(one: Version) -> bool:
        states = year_states(one.receipt).values()
        return all(f"{KEYS.table}/{state.path}" in there for state in states)

    if is_whole(version):
        return
    runs = [list(run) for whole, run in groupby(versions, key=is_whole) if whole]
    left = ", ".join(
        (f"{run[0].number}" if len(run) == 1 else f"{run[0].number} to {run[-1].number}")
        + f" (from {run[0].since:%Y-%m-%dT%H:%M:%SZ})"
        for run in runs
    )
    raise NotKnown(
        f"that is version {version.number}, read {version.receipt['observed_at']}, of which files "
        "are gone, pruned or lost; nothing was written. The versions that can still be had: "
        f"{left or 'none'}"
    )


def write_files(lake: Lake, version: Version, out: Path) -> int:
    """Copy a version's files into a folder; returns their rows."""
    states = year_states(version.receipt)
    names = {year: KEYS.year(year).removeprefix(KEYS.folder) for year in states}
    old = _taken_over(out)
    out.mkdir(parents=True, exist_ok=True)
    note = {
        "version": version.number,
        "observed_at": version.receipt["observed_at"],
        "source": version.receipt["source"],
        "table": f"s3://{lake.bucket}/{KEYS.table}",
        "files": {names[y]: {"rows": s.rows, "sha256": s.sha256} for y, s in states.items()},
    }
    # First, so that a folder that was left half-way is known as ours, and as not whole.
    _write(out / NOTE, _as_json({"whole": False, **note}))
    for name in old:
        (out / f"{name}{UNFINISHED}").unlink(missing_ok=True)
        if name not in names.values():
            (out / name).unlink(missing_ok=True)
    lake.at_once(lambda year: _write(out / names[year], _body(lake, states[year])), states)
    _write(out / NOTE, _as_json({"whole": True, **note}))
    return sum(state.rows for state in states.values())


def _taken_over(out: Path) -> set[str]:
    """The year files of an earlier `as-of` in this folder, which are to be replaced."""
    if not out.exists():
        return set()
    if not out.is_dir():
        raise NotOurs(f"{out} is no folder; name one that is new or empty")
    found = {path.name.removesuffix(UNFINISHED) for path in out.iterdir()} - {NOTE}
    ours = {name for name in found if KEYS.year_of(f"{KEYS.folder}{name}")}
    if strange := sorted(found - ours):
        raise NotOurs(f"{out} has {strange[0]!r} in it; name a folder that is new or empty")
    if ours and not (out / NOTE).is_file():
        raise NotOurs(
            f"{out} has year files but no {NOTE}, so they are not of this command; name a folder "
            "that is new or empty"
        )
    return ours


def _body(lake: Lake, state: YearState) -> bytes:
    key = f"{KEYS.table}/{state.path}"
    body = lake.get(key)
    if (found := hashlib.sha256(body).hexdigest()) != state.sha256:
        raise LakeError(
            f"s3://{lake.bucket}/{key} is not what was committed (its sha256 is {found}); restore "
            "it from a copy"
        )
    return body


def _as_json(note: dict[str, Any]) -> bytes:
    return json.dumps(note, indent=1).encode() + b"\n"


def _write(path: Path, body: bytes) -> None:
    """Under another name first, so that nobody reads half a file."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.write_bytes(body)
    unfinished.replace(path)

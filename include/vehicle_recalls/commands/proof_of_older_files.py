"""Whether the files of older versions, which `as-of` gives, are still what their names say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from include.first.bucket import Missing
from include.first.keys import Keys
from include.first.lake import RETENTION_DAYS, Head, Lake, LakeError
from include.vehicle_recalls.commands.findings import RESTORE, Finding, Proof
from include.vehicle_recalls.commands.versions import Version
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)


def prove_older_files(lake: Lake, head: Head, versions: Sequence[Version]) -> Iterator[Proof]:
    """Each once; those of the head have a proof of their own."""
    older = {path for version in versions for path in paths_of(version.receipt)}
    older -= set(paths_of(head.receipt))
    there = {key.removeprefix(f"{KEYS.table}/") for key in lake.keys(f"{KEYS.table}/")}
    found = lake.at_once(lambda path: differs_from_its_name(lake, path), sorted(older & there))
    gone, due = older - there, _due(head, versions)
    pruned = len(gone - due)
    yield Proof(
        "files of older versions hash to their names",
        f"{len(found):,} files",
        [
            *(finding for finding in found if finding),
            *(Finding(f"{KEYS.table}/{p}", "is not there", RESTORE) for p in sorted(gone & due)),
        ],
        (f"{pruned:,} more are gone for so long that they may be: pruned",) if pruned else (),
    )


def paths_of(receipt: Mapping[str, Any]) -> list[str]:
    return [state.path for state in year_states(receipt).values()]


def differs_from_its_name(lake: Lake, path: str) -> Finding | None:
    key = f"{KEYS.table}/{path}"
    try:
        sha256 = hashlib.sha256(lake.get(key)).hexdigest()
    except Missing:  # since it was listed
        return Finding(key, "is not there", RESTORE)
    except LakeError as error:
        return Finding(key, f"cannot be read ({error})", RESTORE)
    return None if sha256 in path else Finding(key, f"has another sha256, {sha256}", RESTORE)


def _due(head: Head, versions: Sequence[Version]) -> set[str]:
    """The files that `prune` leaves: of the baseline, the last two, and all within the window."""
    cutoff = datetime.now(UTC) - timedelta(days=RETENTION_DAYS)
    kept = [version for version in versions if version.number == head.receipt["baseline"]]
    kept += versions[-2:]
    kept += [version for version, newer in pairwise(versions) if newer.since > cutoff]
    return {path for version in kept for path in paths_of(version.receipt)}

"""Whether what readers find under plain names is what the head of the table gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from include.first.bucket import Missing
from include.first.keys import Keys
from include.first.lake import Head, Lake, LakeError
from include.first.quality import AuditFailed
from include.vehicle_recalls.commands.findings import PROJECT, Finding, Proof, unequal
from include.vehicle_recalls.commands.proof_of_older_files import differs_from_its_name, paths_of
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.project import AGGREGATES, aggregate
from include.vehicle_recalls.state import YearState, year_states

KEYS = Keys(CONTRACT.name)
ANEW = "run `project --anew`"  # its origin is right, so that a projector would leave it
MEND_FIRST = "mend the table's files first"
Origin = Mapping[str, str]


def prove_projections(lake: Lake, head: Head) -> Iterator[Proof]:
    made_from = {"version": str(head.receipt_version), "token": head.receipt["token"]}
    states = year_states(head.receipt)
    years = {KEYS.year(year): state for year, state in states.items()}
    differ = [f for found in lake.at_once(lambda k: _year(lake, k, years[k]), years) for f in found]
    differ += [
        Finding(key, "is of a year that the table does not have", PROJECT)
        for key in lake.keys(KEYS.folder, recursive=False)
        if KEYS.year_of(key) and key not in years
    ]
    yield Proof("year files are the table's", f"{len(years):,} files", differ)
    yield Proof(
        "aggregations are a recount", f"{len(AGGREGATES)} files", _aggregates(lake, head, made_from)
    )
    report = KEYS.report(head.receipt_version)
    yield Proof("the head has its report", report, _origin(lake, report, made_from))


def _origin(lake: Lake, key: str, made_from: Origin) -> list[Finding]:
    found = lake.made_from(key)
    if found is None:
        return [Finding(key, "is not there", PROJECT)]
    found = {name: found.get(name, "nothing") for name in made_from}  # a report says more
    if found != made_from:
        return [Finding(key, f"made from {unequal(_told(made_from), _told(found))}", PROJECT)]
    return []


def _told(made_from: Origin) -> str:
    return ", ".join(f"{name} {value}" for name, value in made_from.items())


def _year(lake: Lake, key: str, state: YearState) -> list[Finding]:
    if differ := _origin(lake, key, {"sha256": state.sha256}):
        return differ
    try:
        sha256 = hashlib.sha256(lake.get(key)).hexdigest()
    except Missing:  # between the two requests
        return [Finding(key, "is not there", PROJECT)]
    if sha256 != state.sha256:
        return [Finding(key, f"sha256 {unequal(state.sha256, sha256)}", ANEW)]
    return []


def _aggregates(lake: Lake, head: Head, made_from: Origin) -> list[Finding]:
    differ: list[Finding] = []
    sound: list[str] = []
    for name in AGGREGATES:
        wrong = _origin(lake, KEYS.aggregate(name), made_from)
        differ += wrong
        sound += [] if wrong else [name]
    try:
        recounted = aggregate(lake, head)
    except (AuditFailed, LakeError) as error:
        return [*differ, Finding("the table", f"cannot be counted again ({error})", MEND_FIRST)]
    for name in sound:
        key = KEYS.aggregate(name)
        try:
            table = lake.read_parquet(key)
        except LakeError as error:
            differ.append(Finding(key, f"cannot be read ({error})", _cure(lake, head)))
            continue
        if not table.equals(recounted[name]):
            expected, found = (f"{t.num_rows:,} rows" for t in (recounted[name], table))
            told = f"counts otherwise: {unequal(expected, found)}"
            differ.append(Finding(key, told, _cure(lake, head)))
    return differ


def _cure(lake: Lake, head: Head) -> str:
    """A projection that is made again from a damaged table would be damaged, too."""
    if any(lake.at_once(lambda path: differs_from_its_name(lake, path), paths_of(head.receipt))):
        return f"{MEND_FIRST}, then {ANEW}"
    return ANEW

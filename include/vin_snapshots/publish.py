"""Compare an export with the table, commit it; then bring the plain file in line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast

import pyarrow as pa
import pyarrow.compute as pc

from include.first.in_turn import project_until_current, write_in_turn
from include.first.keys import VinKeys
from include.first.lake import DataFile, Head, Lake
from include.first.parquet import to_parquet
from include.first.quality import Check, require
from include.vin_snapshots.contract import CONTRACT, SERVICE, VEHICLES_LOST
from include.vin_snapshots.fetch import Checked, Landed, vehicles

KEYS = VinKeys(CONTRACT.name)
FACTS = [name for name in CONTRACT.schema.names if name != CONTRACT.key]
CHANGED, UNCHANGED, OVERTAKEN = "changed", "unchanged", "known from a later export"


class Published(TypedDict):
    """What a run did to the table, or would have done."""

    token: str
    source: dict[str, str]
    observed_at: str
    rows: int
    counts: dict[str, int]
    checks: list[dict[str, str]]
    version: int | None  # None: nothing was committed
    state: str
    dry_run: bool


def publish(
    lake: Lake, checked: Checked, *, dry_run: bool, accept: Mapping[str, str] | None = None
) -> Published:
    """Bring the table to what the export says, in one commit or not at all.

    `accept` gives a reason for each check that may fail this time.
    """
    landed = checked["landed"]
    rows = vehicles(lake, landed)
    body = to_parquet(rows)
    sha256 = hashlib.sha256(body).hexdigest()
    file = DataFile(KEYS.snapshot(landed["token"], sha256), "", rows.num_rows)

    def write(head: Head) -> Published:
        counts = compare(_vehicles_at(lake, head), rows)
        checks = [*checked["checks"]]
        state = OVERTAKEN
        if head.receipt.get("observed_at", "") <= landed["observed_at"]:
            audited = require([*_passed(checks), *_audit(head, landed, counts)], accept or {})
            checks = [check.told() for check in audited]
            state = CHANGED if counts["added"] + counts["removed"] + counts["edited"] else UNCHANGED
        receipt = {
            "token": landed["token"],
            "run_id": landed["run_id"],
            "contract": CONTRACT.version,
            "source": {"dataset": SERVICE, "publisher": _publisher(head, landed)},
            "observed_at": landed["observed_at"],
            "export": landed["sha256"],
            "sha256": sha256,
            "rows": rows.num_rows,
            "counts": counts,
            "checks": checks,
        }
        if dry_run or state != CHANGED:
            return _told(receipt, None, state, dry_run=dry_run)
        if head.handle is None:
            return write(lake.create(KEYS.table, CONTRACT.schema))
        lake.put(f"{KEYS.table}/{file.path}", body)
        version = lake.commit(KEYS.table, head, [file], head.files.values(), receipt)
        return _told(receipt, version, CHANGED)

    return write_in_turn(
        lake,
        KEYS.table,
        landed["token"],
        landed["head_version"],
        write=write,
        written=lambda version: _told(lake.receipt(KEYS.table, version), version, CHANGED),
    )


def project(lake: Lake) -> list[str]:
    """Make `vehicles.parquet` equal to the head's file; returns what it rewrote."""

    def copy(head: Head) -> list[str]:
        if not head.receipt:
            return []  # a bucket whose table is gone keeps what it still has
        made_from = {"sha256": head.receipt["sha256"]}
        if lake.made_from(KEYS.vehicles) == made_from:
            return []
        path = KEYS.snapshot(head.receipt["token"], head.receipt["sha256"])
        lake.project_copy(f"{KEYS.table}/{path}", KEYS.vehicles, made_from)
        return [KEYS.vehicles]

    return project_until_current(lake, KEYS.table, copy)


def compare(before: pa.Table, after: pa.Table) -> dict[str, int]:
    """How many vehicles came, went, and are decoded otherwise now."""
    place = pc.index_in(after["vin"], before["vin"])
    was = before.take(place.drop_null())
    now = after.filter(pc.is_valid(place))
    edited = pa.chunked_array([pa.nulls(now.num_rows, pa.bool_()).fill_null(False)])
    for name in FACTS:
        edited = pc.or_(edited, pc.not_equal(was[name], now[name]))
    return {
        "before": before.num_rows,
        "added": after.num_rows - now.num_rows,
        "removed": before.num_rows - now.num_rows,
        "edited": pc.sum(edited).as_py() or 0,
    }


def _vehicles_at(lake: Lake, head: Head) -> pa.Table:
    files = [lake.read_parquet(f"{KEYS.table}/{path}") for path in head.files]
    return pa.concat_tables(
        [CONTRACT.schema.empty_table(), *(rows.cast(CONTRACT.schema) for rows in files)]
    )


def _passed(checks: Iterable[Mapping[str, str]]) -> list[Check]:
    return [Check(check["name"], passed=True, found=check["found"]) for check in checks]


def _audit(head: Head, landed: Landed, counts: Mapping[str, int]) -> list[Check]:
    """What depends on the version that would be replaced."""
    known = head.receipt["source"]["publisher"] if head.receipt else ""
    mixes = bool(known and landed["source"] and known != landed["source"])
    removed, before = counts["removed"], counts["before"]
    return [
        Check(
            "one source",
            passed=not mixes,
            found=f"this export is {landed['source'] or 'empty'}"
            + (f", the table holds {known}" if mixes else ""),
            cure="use another bucket for another source",
        ),
        Check(
            "vehicles",
            passed=VEHICLES_LOST.allows(removed, before),
            found=f"{removed:,} of {before:,} are gone",
            cure="look whether the cache of the VIN service was replaced or emptied",
            can_be_accepted=True,
        ),
    ]


def _publisher(head: Head, landed: Landed) -> str:
    """An export without vehicles has no source of its own."""
    return landed["source"] or (head.receipt["source"]["publisher"] if head.receipt else "")


def _told(
    receipt: Mapping[str, Any], version: int | None, state: str, *, dry_run: bool = False
) -> Published:
    told = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
    return cast("Published", {**told, "version": version, "state": state, "dry_run": dry_run})

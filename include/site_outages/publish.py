"""Publish what was accepted: one file a site in a Delta table, and a copy under a plain name."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple, TypedDict, cast

import pyarrow as pa
import pyarrow.parquet as pq

from include.first.in_turn import project_until_current, write_in_turn
from include.first.keys import OutageKeys
from include.first.lake import DataFile, Head, Lake
from include.first.parquet import to_parquet
from include.first.quality import Check, require
from include.site_outages.contract import CONTRACT
from include.site_outages.deliver import Delivered
from include.site_outages.enrich import instant, text
from include.site_outages.read import DEFECT, Staged, refuse_other_source

KEYS = OutageKeys(CONTRACT.name)
CHANGED, UNCHANGED, OVERTAKEN = "changed", "unchanged", "known from a later read"


class SiteState(NamedTuple):
    """One site as a version has it, and the read that says so."""

    path: str
    sha256: str  # of the file
    content: str  # a hash of what the file says, whoever wrote it
    rows: int
    observed_at: str


class Published(TypedDict):
    """What a run did to KrakenFlex and to the table, or would have done."""

    token: str
    site_id: str
    site_name: str | None
    since: str
    source: dict[str, str]
    observed_at: str
    payload: str  # its sha256
    delivery: int
    counts: dict[str, int]
    oddities: list[str]
    checks: list[dict[str, str]]
    version: int | None  # None: nothing was committed
    dry_run: bool
    posted: bool
    why: str
    state: str


def publish(lake: Lake, delivered: Delivered) -> Published:
    """Bring the site's file to what was accepted, in one commit or not at all."""
    staged, read = delivered["staged"], delivered["staged"]["read"]
    body = to_parquet(rows_of(staged, json.loads(lake.get(staged["payload_key"]))))
    checks = _checks(staged, body)
    state = _state(staged, body)

    def write(head: Head) -> Published:
        refuse_other_source(head.receipt, staged["source"]["publisher"])
        receipt = _receipt(head, delivered, checks, state)
        known = site_states(head.receipt).get(read["site_id"])
        if known and known.observed_at > state.observed_at:
            return _told(receipt, delivered, None, OVERTAKEN)
        if known and known.content == state.content:
            return _told(receipt, delivered, None, UNCHANGED)
        if delivered["dry_run"]:
            return _told(receipt, delivered, None, CHANGED)
        if head.handle is None:
            return write(lake.create(KEYS.table, CONTRACT.schema, partition_by="site_id"))
        lake.put(f"{KEYS.table}/{state.path}", body)
        added = DataFile(state.path, read["site_id"], state.rows)
        removed = [file for site_id, file in head.files.items() if site_id == read["site_id"]]
        version = lake.commit(KEYS.table, head, [added], removed, receipt)
        return _told(receipt, delivered, version, CHANGED)

    return write_in_turn(
        lake,
        KEYS.table,
        read["token"],
        read["head_version"],
        write=write,
        written=lambda version: _told(
            lake.receipt(KEYS.table, version), delivered, version, CHANGED
        ),
    )


def project(lake: Lake) -> list[str]:
    """Make `{site_id}.parquet` of every site equal to the head's file; returns what it rewrote."""

    def copy(head: Head) -> list[str]:
        rewritten = []
        for site_id, state in site_states(head.receipt).items():
            key, made_from = KEYS.site(site_id), {"sha256": state.sha256}
            if lake.made_from(key) != made_from:
                lake.project_copy(f"{KEYS.table}/{state.path}", key, made_from)
                rewritten.append(key)
        return rewritten

    return project_until_current(lake, KEYS.table, copy)


def site_states(receipt: dict[str, Any]) -> dict[str, SiteState]:
    return {site_id: SiteState(**state) for site_id, state in receipt.get("sites", {}).items()}


def rows_of(staged: Staged, payload: list[dict[str, str | None]]) -> pa.Table:
    """The payload as it is published, in its order."""
    begins, ends = ([row.get(name) for row in payload] for name in ("begin", "end"))
    columns = {
        "site_id": [staged["read"]["site_id"]] * len(payload),
        "site_name": [staged["site_name"]] * len(payload),
        "id": [row["id"] for row in payload],
        "name": [row["name"] for row in payload],
        "begin": begins,
        "end": [text(end) for end in ends],
        "begin_at": [instant(begin) for begin in begins],
        "end_at": [instant(end) for end in ends],
    }
    return pa.Table.from_pydict(columns, schema=CONTRACT.schema)


def _checks(staged: Staged, body: bytes) -> list[dict[str, str]]:
    """The file itself is looked at, as readers will find it."""
    rows = pq.ParquetFile(pa.BufferReader(body)).read(use_threads=False)
    required = [column.name for column in CONTRACT.columns if column.required]
    missing = [name for name in required if rows[name].null_count]
    posted = staged["counts"]["posted"]
    checks = require(
        [
            Check(
                "the file has the rows that were posted",
                rows.num_rows == posted,
                f"{rows.num_rows} rows of {posted}",
                DEFECT,
            ),
            Check("is never null", not missing, ", ".join(missing) or "no null", DEFECT),
        ]
    )
    return [*staged["checks"], *(check.told() for check in checks)]


def _state(staged: Staged, body: bytes) -> SiteState:
    read = staged["read"]
    says = [CONTRACT.version, read["site_id"], staged["site_name"], staged["sha256"]]
    sha256 = hashlib.sha256(body).hexdigest()
    return SiteState(
        path=KEYS.candidate(read["site_id"], read["token"], sha256),
        sha256=sha256,
        content=hashlib.sha256(json.dumps(says).encode()).hexdigest(),
        rows=staged["counts"]["posted"],
        observed_at=staged["observed_at"],
    )


def _receipt(
    head: Head, delivered: Delivered, checks: list[dict[str, str]], state: SiteState
) -> dict[str, Any]:
    """The whole state of the pipeline after the commit, and how it came about."""
    staged, read = delivered["staged"], delivered["staged"]["read"]
    return {
        "token": read["token"],
        "run_id": read["run_id"],
        "contract": CONTRACT.version,
        "source": staged["source"],
        "observed_at": staged["observed_at"],
        "site_id": read["site_id"],
        "site_name": staged["site_name"],
        "since": read["since"],
        "payload": staged["sha256"],
        "delivery": delivered["number"],
        "counts": staged["counts"],
        "oddities": staged["oddities"],
        "checks": checks,
        "sites": {**head.receipt.get("sites", {}), read["site_id"]: state._asdict()},
    }


def _told(
    receipt: dict[str, Any], delivered: Delivered, version: int | None, state: str
) -> Published:
    told = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
    more = {"version": version, "state": state}
    more |= {name: delivered[name] for name in ("dry_run", "posted", "why")}
    return cast("Published", told | more)

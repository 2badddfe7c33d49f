"""An export, landed byte for byte and held to the contract."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.errors import PermanentError
from include.first.keys import VinKeys, mint_token
from include.first.lake import Lake, LakeError, columns_unlike
from include.first.quality import Check, require
from include.vin_snapshots.contract import CONTRACT
from include.vin_snapshots.vin_api import VinApi

log = logging.getLogger(__name__)
KEYS = VinKeys(CONTRACT.name)
WELL_FORMED = "^[A-HJ-NPR-Z0-9]{17}$"
SHOWN = 5
AT_THE_SERVICE = "look at the export of the VIN service; readers keep the version before"


class OtherColumns(PermanentError):
    """The table was made by a contract that has other columns."""


class Landed(TypedDict):
    """One export as it lies in `staging/`: the table's own files have all that is in it."""

    token: str
    run_id: str
    head_version: int
    sha256: str
    source: str
    observed_at: str


class Checked(TypedDict):
    """An export that keeps the contract."""

    landed: Landed
    checks: list[dict[str, str]]


def fetch(api: VinApi, lake: Lake, run_id: str) -> Landed:
    head = lake.head(KEYS.table)
    if differ := columns_unlike(head, CONTRACT.schema):
        raise OtherColumns(
            f"the table has other columns or types than the contract ({', '.join(differ)}); "
            "nothing was read. A contract with other columns needs a bucket of its own"
        )
    export, token = api.export(), mint_token()
    lake.put(KEYS.export(token), export.body)
    log.info("landed %s bytes, %s", f"{len(export.body):,}", export.source or "without a source")
    return Landed(
        token=token,
        run_id=run_id,
        head_version=head.version,
        sha256=hashlib.sha256(export.body).hexdigest(),
        source=export.source,
        observed_at=export.answered_at,
    )


def check(lake: Lake, landed: Landed) -> Checked:
    """What must always hold of an export, whatever the table has; nobody can accept it."""
    checks = require(_checks(_read(lake, landed), landed["source"]))
    return Checked(landed=landed, checks=[held.told() for held in checks])


def vehicles(lake: Lake, landed: Landed) -> pa.Table:
    """The rows of an export that was checked, as they are published: by VIN."""
    rows = _read(lake, landed).cast(CONTRACT.schema).sort_by(CONTRACT.key)
    return rows.combine_chunks()  # the layout of the export is not to show in the published file


def _read(lake: Lake, landed: Landed) -> pa.Table:
    key = KEYS.export(landed["token"])
    body = lake.get(key)
    if hashlib.sha256(body).hexdigest() != landed["sha256"]:
        raise LakeError(
            f"s3://{lake.bucket}/{key} is not what was landed; nothing was published. "
            "Start a new run"
        )
    return pq.ParquetFile(pa.BufferReader(body)).read(use_threads=False)


def _checks(rows: pa.Table, source: str) -> Iterator[Check]:
    has = [f"{field.name} {field.type}" for field in rows.schema]
    wanted = [f"{field.name} {field.type}" for field in CONTRACT.schema]
    cure = "the service and this pipeline are of different versions; bring both to the same"
    yield Check("five columns of text", has == wanted, ", ".join(has) or "none", cure)
    if has != wanted:
        return  # there is nothing to hold the other checks to
    empty = _empty(rows)
    yield Check("nothing is missing", not empty, _told(empty) or "no gap", AT_THE_SERVICE)
    vins = rows["vin"].drop_null()
    malformed = vins.filter(pc.invert(pc.match_substring_regex(vins, WELL_FORMED)))
    yield Check(
        "VINs are well-formed",
        not len(malformed),
        _some(malformed) or f"all of {len(vins):,}",
        AT_THE_SERVICE,
    )
    counted = vins.value_counts()
    twice = pa.chunked_array(
        [counted.field("values").filter(pc.greater(counted.field("counts"), 1))]
    )
    yield Check(
        "VINs are unique", not len(twice), _some(twice) or f"all of {len(vins):,}", AT_THE_SERVICE
    )
    yield Check(
        "the source is told",
        bool(source or not rows.num_rows),
        source or f"not told, of {rows.num_rows:,} vehicles",
        AT_THE_SERVICE,
    )


def _empty(rows: pa.Table) -> dict[str, int]:
    """Of each column how many values are null, or empty where the contract requires one."""
    found = {}
    for column in CONTRACT.columns:
        values = rows[column.name]
        found[column.name] = values.null_count
        if column.required:
            found[column.name] += pc.sum(pc.equal(values, "")).as_py() or 0
    return {name: number for name, number in found.items() if number}


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} of {name}" for name, number in counts.items())


def _some(values: pa.ChunkedArray) -> str:
    """A few of them, and how many there are; the service is asked for VINs by anybody."""
    if not len(values):
        return ""
    shown = ", ".join(ascii(value[:30]) for value in values.slice(0, SHOWN).to_pylist())
    return f"{len(values):,}: {shown}" + (", ..." if len(values) > SHOWN else "")

"""Rows of landed pages held against the contract: typed, or set aside with the reasons."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.first.lake import Lake, LakeError
from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.extract import Landed, PageRef
from include.vehicle_recalls.rows import read_rows
from include.vehicle_recalls.source import as_json_lines

QUARANTINE_SCHEMA = pa.schema(
    [("nhtsa_id", pa.string()), ("reasons", pa.string()), ("raw", pa.string())]
)


def read_page(lake: Lake, page: PageRef) -> bytes | bytearray:
    """The rows of a landed page as JSON lines; refused when the bytes are not those that came."""
    gzipped = lake.get(page["key"])
    if hashlib.sha256(gzipped).hexdigest() != page["sha256"]:
        raise LakeError(
            f"{page['key']} is not what was landed (sha256 differs); restore it, or read anew"
        )
    return as_json_lines(gzip.decompress(gzipped))


def accept(lake: Lake, landed: Landed) -> tuple[pa.Table, pa.Table]:
    """The rows that keep the contract, typed; and those that do not, with reasons."""
    # The later of two clocks of theirs, lest one that is slow makes good rows lie in the future.
    day_read = datetime.fromisoformat(max(landed["answered_at"], landed["last_modified"])).date()
    # Report dates are American; the day that was read in UTC is at most a day ahead.
    latest = pa.scalar(day_read + timedelta(days=1))
    pages = [_typed_page(lake, page, latest) for page in landed["pages"]]
    copies = _copies([typed[CONTRACT.key] for typed, _ in pages])
    good, bad = [], []
    for page, (typed, reasons) in zip(landed["pages"], pages, strict=True):
        for copy in np.flatnonzero(pc.is_in(typed[CONTRACT.key], pa.array(copies, pa.string()))):
            key = typed[CONTRACT.key][int(copy)].as_py()
            reasons.setdefault(int(copy), []).append(
                f"{CONTRACT.key}: {key} comes {copies[key]} times"
            )
        good.append(typed.filter(_all_but(typed.num_rows, reasons)) if reasons else typed)
        if reasons:
            lines = read_page(lake, page).split(b"\n")
            bad += [
                {
                    "nhtsa_id": typed[CONTRACT.key][row].as_py(),
                    "reasons": "; ".join(reasons[row]),
                    "raw": lines[row].strip().decode(errors="backslashreplace"),
                }
                for row in sorted(reasons)
            ]
    return pa.concat_tables(good), pa.Table.from_pylist(bad, schema=QUARANTINE_SCHEMA)


def _typed_page(
    lake: Lake, page: PageRef, latest: pa.Scalar
) -> tuple[pa.Table, dict[int, list[str]]]:
    """A page by itself; on its own, so that the page's texts are gone before the next is read."""
    texts, reasons = read_rows(read_page(lake, page))
    typed, broken = CONTRACT.accept(texts)
    for row, problems in broken.items():
        reasons.setdefault(row, []).extend(problems)
    for late in np.flatnonzero(pc.greater(typed[DATE], latest).fill_null(False)):
        reasons.setdefault(int(late), []).append(f"{DATE}: lies in the future")
    return typed, reasons


def _copies(keys: list[pa.ChunkedArray]) -> dict[str, int]:
    """The keys that come more than once in a batch, and how often."""
    counts = pa.chunked_array([c for k in keys for c in k.chunks], pa.string()).value_counts()
    many = counts.filter(pc.greater(counts.field("counts"), 1))
    return {found["values"]: found["counts"] for found in many.to_pylist() if found["values"]}


def _all_but(rows: int, excluded: Iterable[int]) -> pa.Array:
    mask = np.ones(rows, bool)
    mask[list(excluded)] = False
    return pa.array(mask)


def raw_rows(lake: Lake, pages: Iterable[PageRef], keys: set[str]) -> list[tuple[str, str]]:
    """Key and raw row of each copy of these keys, out of the pages they were landed in."""
    wanted = pa.array(sorted(keys), pa.string())
    found = []
    for page in pages:
        lines = read_page(lake, page)
        texts, _ = read_rows(lines)
        rows = bytes(lines).split(b"\n")
        for row in np.flatnonzero(pc.is_in(texts[CONTRACT.key], wanted)):
            raw = rows[int(row)].strip().decode(errors="backslashreplace")
            found.append((texts[CONTRACT.key][int(row)].as_py(), raw))
    return found

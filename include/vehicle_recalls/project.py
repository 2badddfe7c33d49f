"""Bring what readers find under plain names in line with the committed head of the table.

Each projection carries in its own metadata what it was made from. A projector compares them all,
rewrites what differs, and looks at the head again, so that whatever was interrupted is mended by
the next.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from include.first.in_turn import project_until_current
from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.first.parquet import to_parquet
from include.first.quality import Check, require
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
# name: what it counts campaigns by, and the name of the table's column
AGGREGATES = {
    "recalls_per_manufacturer_per_year": ["manufacturer", "year"],
    "recalls_per_component_per_year": ["component", "year"],
    "recalls_per_type_per_manufacturer": ["recall_type", "manufacturer"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--anew",
        action="store_true",
        help="write year files and aggregations again whose origin is right, too: for those that "
        "`verify` finds to have other bytes",
    )


def command(lake: Lake, asked: argparse.Namespace, say: Callable[[str], None]) -> int:
    from include.vehicle_recalls.commands.versions import head_with_data
    from include.vehicle_recalls.ledger import bring_to_head
    from include.vehicle_recalls.report import project_reports  # which shows what is made here

    head = head_with_data(lake)
    recorded = bring_to_head(lake)
    rewritten = [
        *project_years(lake, anew=asked.anew),
        *project_aggregates(lake, anew=asked.anew),
        *project_reports(lake),
    ]
    for version in recorded:
        say(f"recorded in the ledger: version {version}")
    for key in rewritten:
        say(f"rewritten: s3://{lake.bucket}/{key}")
    if not (recorded or rewritten):
        say(f"nothing to do: all is as version {head.receipt_version} has it")
    return 0


def project_years(lake: Lake, *, anew: bool = False) -> list[str]:
    """Make `{year}.parquet` of every year equal to the head's file; returns what it rewrote."""
    return project_until_current(lake, KEYS.table, partial(_project_years, lake, anew=anew))


def project_aggregates(lake: Lake, *, anew: bool = False) -> list[str]:
    return project_until_current(lake, KEYS.table, partial(_project_aggregates, lake, anew=anew))


def _project_years(lake: Lake, head: Head, *, anew: bool) -> list[str]:
    if not head.receipt:
        return []  # a bucket whose table is gone keeps what it still has
    wanted = {KEYS.year(year): state for year, state in year_states(head.receipt).items()}
    there = [key for key in lake.keys(KEYS.folder, recursive=False) if KEYS.year_of(key)]
    found = dict(zip(there, lake.at_once(lake.made_from, there), strict=True))
    wrong = [
        key
        for key, state in wanted.items()
        if anew or (found.get(key) or {}).get("sha256") != state.sha256
    ]
    left_over = [key for key in there if key not in wanted]
    lake.at_once(
        lambda key: lake.project_copy(
            f"{KEYS.table}/{wanted[key].path}", key, {"sha256": wanted[key].sha256}
        ),
        wrong,
    )
    lake.at_once(lake.delete, left_over)
    return sorted([*wrong, *left_over])


def _project_aggregates(lake: Lake, head: Head, *, anew: bool) -> list[str]:
    if not head.receipt:
        return []
    made_from = {"version": str(head.receipt_version), "token": head.receipt["token"]}
    keys = [KEYS.aggregate(name) for name in AGGREGATES]
    found = lake.at_once(lake.made_from, keys)
    wrong = [key for key, has in zip(keys, found, strict=True) if anew or has != made_from]
    if wrong:
        tables = {KEYS.aggregate(name): table for name, table in aggregate(lake, head).items()}
        for key in wrong:
            lake.project(key, to_parquet(tables[key]), made_from)
    return wrong


def aggregated_version(lake: Lake) -> int | None:
    """The version that all aggregations are made from; None while they are of several."""
    found = lake.at_once(lake.made_from, [KEYS.aggregate(name) for name in AGGREGATES])
    versions = {(made_from or {}).get("version") for made_from in found}
    return int(versions.pop() or 0) or None if len(versions) == 1 else None


def aggregate(lake: Lake, head: Head) -> dict[str, pa.Table]:
    """Recount all committed years; names are grouped verbatim, nulls stay a group of their own."""
    years = year_states(head.receipt)
    columns = ["manufacturer", "component", "recall_type"]
    counted: dict[str, list[pa.Table]] = {name: [] for name in AGGREGATES}

    def count_year(year: int) -> list[pa.Table]:
        rows = lake.read_parquet(f"{KEYS.table}/{years[year].path}", columns)
        rows = rows.append_column("year", pa.array([year] * rows.num_rows, pa.int32()))
        return [_count(rows, by) for by in AGGREGATES.values()]

    for tables in lake.at_once(count_year, years):
        for name, table in zip(AGGREGATES, tables, strict=True):
            counted[name].append(table)
    result = {name: _sum(pa.concat_tables(counted[name]), by) for name, by in AGGREGATES.items()}
    rows = sum(state.rows for state in years.values())
    require(
        Check(
            f"{name} sums to the rows of the years",
            (total := pc.sum(table["recalls"]).as_py()) == rows,
            f"{total:,} of {rows:,}",
            "the aggregations before it are left as they were; run again",
        )
        for name, table in result.items()
    )
    return result


def _count(rows: pa.Table, by: list[str]) -> pa.Table:
    counts = rows.group_by(by).aggregate([([], "count_all")])
    return counts.rename_columns([*by, "recalls"])


def _sum(parts: pa.Table, by: list[str]) -> pa.Table:
    sums = parts.group_by(by).aggregate([("recalls", "sum")]).rename_columns([*by, "recalls"])
    return sums.sort_by([(column, "ascending") for column in by])

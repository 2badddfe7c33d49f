"""One readable screen: what a run read, what it changed, what was checked, and the top lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from include.lake import Keys, Lake
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.project import AGGREGATES
from include.vehicle_recalls.publish import Published

KEYS = Keys(CONTRACT.name)
TOP = 3
YEARS_SHOWN = 12


def render(lake: Lake, run: Published, *, aggregations: bool = True) -> str:
    """The screen of one run, in Markdown that reads well as plain text."""
    return "\n".join(
        [
            f"# {_headline(run)}",
            "",
            *_source(run),
            *_changes(lake, run),
            "",
            "## Checks",
            *(f"- passed: {check}" for check in run["checks"]),
            *(_aggregations(lake) if aggregations else []),
            "",
        ]
    )


def project_reports(lake: Lake) -> list[str]:
    """Write the head's report, and those of versions before it whose run died too early.

    The aggregations are the head's, so that only its report can show them.
    """
    head = lake.head(KEYS.table)
    written = []
    for version in range(head.receipt_version, 0, -1):
        receipt = lake.receipt(KEYS.table, version)
        if not receipt:
            continue
        key = KEYS.report(version)
        made_from = {"version": str(version), "token": receipt["token"]}
        if lake.made_from(key) == made_from:
            break
        facts = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
        run = cast("Published", {**facts, "version": version, "dry_run": False})
        text = render(lake, run, aggregations=version == head.receipt_version)
        lake.project(key, text.encode(), made_from)
        written.append(key)
    return written


def _headline(run: Published) -> str:
    what = "Vehicle recalls"
    if run["years_read"]:
        what += f" of {_years(run['years_read'])}"
    rows = f"{run['counts']['rows']:,} rows"
    if run["counts"]["quarantined"]:
        rows += f", {run['counts']['quarantined']:,} in quarantine"
    if run["dry_run"]:
        would = f"would change {_count(run['changed'], 'year')}" if run["changed"] else "unchanged"
        return f"{what}: dry run, {would}; nothing was committed"
    if run["version"] is None and run["counts"]["not_newer"]:
        return f"{what}: the table has a later read, {rows}; nothing was committed"
    if run["version"] is None:
        return f"{what}: unchanged, {rows}; nothing was committed"
    return f"{what}: version {run['version']}, {_count(run['changed'], 'year')} changed, {rows}"


def _source(run: Published) -> list[str]:
    source, counts = run["source"], run["counts"]
    made_up = source["publisher"] != "official"
    lines = [
        f"- source: {source['dataset']}, {source['publisher']}"
        + (" (this data is MADE UP)" if made_up else "")
        + f", last changed {run['source_last_modified']}, read {run['observed_at']}",
        f"- read: {counts['landed']:,} rows = {counts['accepted']:,} accepted"
        f" + {counts['quarantined']:,} in quarantine; {counts['kept']:,} kept from before"
        + (f", {counts['not_newer']:,} left alone" if counts["not_newer"] else ""),
    ]
    if run["new_columns"]:
        lines.append(f"- new columns at the source, in raw only: {', '.join(run['new_columns'])}")
    if run["left_alone"]:
        lines.append(f"- left alone, known from a later read: {_years(run['left_alone'])}")
    if run["overtaken"]:
        lines.append(
            f"- changed by an older read meanwhile, which the next run mends: "
            f"{_years(run['overtaken'])}"
        )
    return lines


def _changes(lake: Lake, run: Published) -> list[str]:
    where = f"s3://{lake.bucket}/"
    quarantine = (
        [f"- quarantine: {where}{KEYS.quarantine(run['token'])}"]
        if run["counts"]["quarantined"]
        else []
    )
    if not run["changed"]:
        return [f"- written: nothing; {where}{KEYS.folder} is as it was", *quarantine]
    verb = "would change" if run["dry_run"] else "written"
    changed = {int(year): rows for year, rows in run["changed"].items()}
    lines = [f"- {verb}: {_years(changed)} in {where}{KEYS.year('{year}')}"]
    grown = {y: r for y, r in changed.items() if r["before"]}
    for year in sorted(grown, reverse=True)[:YEARS_SHOWN]:
        rows = grown[year]
        lines.append(f"  - {year}: {rows['before']:,} rows before, {rows['after']:,} now")
    if len(grown) > YEARS_SHOWN:
        lines.append(f"  - and {_count(range(len(grown) - YEARS_SHOWN), 'year')} before these")
    if run["version"] is not None:
        lines.append(f"- report: {where}{KEYS.report(run['version'])}")
    return [*lines, *quarantine]


def _aggregations(lake: Lake) -> list[str]:
    lines = []
    for name, by in AGGREGATES.items():
        key = KEYS.aggregate(name)
        if lake.made_from(key) is None:
            continue
        table = lake.read_parquet(key)
        total = pc.sum(table["recalls"]).as_py() or 0
        lines += [
            "",
            f"## {name}",
            f"{key}: {table.num_rows:,} rows, which sum to {total:,} recalls",
            *_top(table, by),
        ]
    return lines


def _top(table: pa.Table, by: Sequence[str]) -> list[str]:
    order = [("recalls", "descending"), *((column, "ascending") for column in by)]
    return [
        f"- {row['recalls']:,}: " + ", ".join(_shown(row[column]) for column in by)
        for row in table.sort_by(order).slice(0, TOP).to_pylist()
    ]


def _shown(value: object) -> str:
    """On one line, and nothing that a terminal would obey: the source has control characters."""
    if value is None:
        return "(none)"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))


def _count(things: Mapping[Any, Any] | Sequence[Any], name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"


def _years(years: Iterable[int]) -> str:
    """2001, 2003-2005: neighbours together."""
    runs: list[list[int]] = []
    for year in sorted(years):
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)

"""Completion rates of recalls over time, and the recalls whose rate has not moved.

"Now" is the newest read that the table has, not the time of day.
"""

import argparse
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.cli.changes import changes
from include.cli.output import TABLE, Output, minute
from include.cli.questions import (
    add_format,
    add_limit,
    argument,
    current_or_refuse,
    note_if_behind,
    whole_number,
)
from include.data.contract import TIMESTAMP
from include.data.formatting import count, printable
from include.data.tables import concat
from include.lake.ledger import receipt_at
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map
from include.vehicle_recalls.contract import RECALLS

KEY, RATE, AFFECTED = RECALLS.key, "completion_rate", "potentially_affected"
COLUMNS = (KEY, "manufacturer", "subject", RATE, AFFECTED)
DAYS, UNDER, ALL = 90, 90.0, 100.0
MAX_LINES = 20  # of each table, without --limit
TREND = pa.schema(
    [
        ("version", pa.int64()),
        ("observed_at", TIMESTAMP),
        ("rated", pa.int64()),  # recalls that have a rate
        ("mean_rate", pa.float64()),
        ("mean_by_vehicles", pa.float64()),
        ("up", pa.int64()),
        ("down", pa.int64()),
    ]
)
STALLED = pa.schema(
    [
        (KEY, pa.string()),
        ("manufacturer", pa.string()),
        ("subject", pa.string()),
        (RATE, pa.float64()),
        (AFFECTED, pa.int64()),
        ("open", pa.int64()),  # vehicles without the remedy, rounded
        ("unchanged_since", TIMESTAMP),
        ("unchanged_days", pa.int64()),
        ("or_before", pa.bool_()),  # the last change is older than the baseline
    ]
)
Values = dict[str, dict[str, float | None]]  # rate and affected, by key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stalled", action="store_true", help="only the recalls whose rate has not moved"
    )
    parser.add_argument(
        "--days",
        type=argument(whole_number),
        default=DAYS,
        help=f"stalled: unchanged for at least this many days ({DAYS})",
    )
    parser.add_argument(
        "--under",
        type=float,
        default=UNDER,
        metavar="PERCENT",
        help=f"stalled: with a lower rate than this ({UNDER:g})",
    )
    add_limit(parser, "rows of each table")
    add_format(parser)


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    current = current_or_refuse(store, RECALLS)
    note_if_behind(store, RECALLS, current, output)
    receipt, baseline = current.receipt, current.receipt["baseline"]
    first = receipt if baseline is None else receipt_at(store, current, baseline)
    trend, changed = _trend(store, first, baseline)
    stalled = _stalled(store, receipt, first, changed, days=asked.days, under=asked.under)
    if asked.format != TABLE:
        table = stalled if asked.stalled else trend
        limit = table.num_rows if asked.limit is None else asked.limit
        _note_left_out(output, table.num_rows - limit)
        output.rows(asked.format, [table.slice(0, limit)], table.schema)
        return 0
    limit = MAX_LINES if asked.limit is None else asked.limit
    if not asked.stalled:
        _show_trend(output, trend, limit)
    _show_stalled(output, stalled, limit, f"under {asked.under:g} %, {count(asked.days, 'day')}")
    return 0


def _trend(
    store: Store, first: Mapping[str, Any], baseline: int | None
) -> tuple[pa.Table, dict[str, datetime]]:
    """A row for the baseline and for each version that changed a rate; and when each changed."""
    if baseline is None:
        return TREND.empty_table(), {}
    values: Values = {row[KEY]: row for row in _rows(store, first).to_pylist()}
    trend = [{"version": baseline, "observed_at": _observed(first), **_means(values.values())}]
    changed: dict[str, datetime] = {}
    for table in changes(store, RECALLS, fields=[RATE, AFFECTED]):
        up = down = 0
        rows = table.to_pylist()
        for row in rows:
            new = None if row["new"] is None else float(row["new"])
            values.setdefault(row[KEY], {RATE: None, AFFECTED: None})[row["field"]] = new
            if row["field"] == RATE:
                changed[row[KEY]] = row["observed_at"]
                old = None if row["old"] is None else float(row["old"])
                up += old is not None and new is not None and new > old
                down += old is not None and new is not None and new < old
        if any(row["field"] == RATE for row in rows):
            at = {name: rows[0][name] for name in ("version", "observed_at")}
            trend.append({**at, **_means(values.values()), "up": up, "down": down})
    return pa.Table.from_pylist(trend, schema=TREND), changed


def _means(values: Iterable[Mapping[str, float | None]]) -> dict[str, Any]:
    rated = [(row[RATE], row[AFFECTED] or 0) for row in values if row[RATE] is not None]
    vehicles = sum(affected for _, affected in rated)
    return {
        "rated": len(rated),
        "mean_rate": sum(rate or 0 for rate, _ in rated) / len(rated) if rated else None,
        "mean_by_vehicles": sum((rate or 0) * affected for rate, affected in rated) / vehicles
        if vehicles
        else None,
    }


def _stalled(
    store: Store,
    receipt: Mapping[str, Any],
    first: Mapping[str, Any],
    changed: Mapping[str, datetime],
    *,
    days: int,
    under: float,
) -> pa.Table:
    """The recalls with the most open vehicles first."""
    found = []
    for row in _rows(store, receipt).to_pylist():
        since = changed.get(row[KEY], _observed(first))
        unchanged_days = (_observed(receipt) - since).days
        if row[RATE] is None or row[RATE] >= under or unchanged_days < days:
            continue
        affected = row[AFFECTED]
        row["open"] = None if affected is None else round(affected * (1 - row[RATE] / ALL))
        row |= {"unchanged_since": since, "unchanged_days": unchanged_days}
        found.append(row | {"or_before": row[KEY] not in changed})
    found.sort(key=lambda row: (-(row["open"] or 0), row[KEY]))
    return pa.Table.from_pylist(found, schema=STALLED)


def _rows(store: Store, receipt: Mapping[str, Any]) -> pa.Table:
    return concat(
        parallel_map(
            lambda part: read_table_file(store, RECALLS, part["path"], COLUMNS).select(COLUMNS),
            receipt["parts"].values(),
        )
    )


def _observed(receipt: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(receipt["observed_at"])


def _show_trend(output: Output, trend: pa.Table, limit: int) -> None:
    if not trend.num_rows:
        output.line("No trend yet: it begins with the first full read.")
        return
    output.line("Completion rates: the baseline, and each version that changed one")
    rows = [
        [
            str(row["version"]),
            minute(row["observed_at"]),
            f"{row['rated']:,}",
            *("" if row[n] is None else f"{row[n]:.2f}" for n in ("mean_rate", "mean_by_vehicles")),
            *("" if row[name] is None else f"{row[name]:,}" for name in ("up", "down")),
        ]
        for row in trend.slice(max(trend.num_rows - limit, 0)).to_pylist()
    ]
    output.aligned(["version", "read, UTC", "rated", "mean %", "by vehicles %", "up", "down"], rows)
    _note_left_out(output, trend.num_rows - limit)
    output.line()


def _show_stalled(output: Output, stalled: pa.Table, limit: int, what: str) -> None:
    output.line(
        f"Recalls whose rate has not moved ({what}): {stalled.num_rows:,}, most open vehicles first"
    )
    rows = [
        [
            printable(row[KEY]),
            "" if row["open"] is None else f"{row['open']:,}",
            f"{row[RATE]:.2f}",
            f"{row['unchanged_since']:%Y-%m-%d}" + (" or before" if row["or_before"] else ""),
            str(row["unchanged_days"]),
            f"{printable(row['manufacturer'])}: {printable(row['subject'])}",
        ]
        for row in stalled.slice(0, limit).to_pylist()
    ]
    if rows:
        output.aligned([KEY, "open", "%", "unchanged since", "days", "recall"], rows)
    _note_left_out(output, stalled.num_rows - limit)


def _note_left_out(output: Output, rows: int) -> None:
    if rows > 0:
        output.note(f"{count(rows, 'more row')} not shown; raise --limit to see them")

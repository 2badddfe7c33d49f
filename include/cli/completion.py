"""Completion rates of recalls over time, and the recalls whose rate has not moved.

"Now" is the newest read that the table has, not the time of day.

Example: python -m include.cli completion --stalled --days 90 --under 50 --limit 20
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.cli.output import TABLE, add_format_and_limit, note_left_out, print_rows, print_table
from include.cli.questions import current_or_refuse, whole_number
from include.data.formatting import count
from include.data.tables import concat, is_in
from include.lake.ledger import read_ledger, receipt_at
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map
from include.vehicle_recalls.contract import RECALLS

KEY, RATE, AFFECTED = RECALLS.key, "completion_rate", "potentially_affected"
COLUMNS = (KEY, RATE, AFFECTED, "manufacturer", "subject")
DAYS, UNDER = 90, 90.0
MAX_LINES = 20  # of each table, without --limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stalled", action="store_true", help="only the recalls whose rate has not moved"
    )
    parser.add_argument(
        "--days",
        type=whole_number,
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
    add_format_and_limit(parser, "rows of each table")


def run(store: Store, asked: argparse.Namespace) -> int:
    current = current_or_refuse(store, RECALLS)
    number = current.receipt["baseline"] or current.receipt_number
    first = receipt_at(store, current, number)
    ledger = read_ledger(store, RECALLS, current).events
    events = ledger.filter(
        pc.and_(is_in(ledger["field"], [RATE, AFFECTED]), pc.greater(ledger["version"], number))
    )
    if not asked.stalled:
        trend = _trend(_rows(store, first), number, first["observed_at"], events.to_pylist())
        title = "Completion rates, newest first: the baseline, and each version that changed one"
        _show(asked, title, trend)
    if asked.stalled or asked.format == TABLE:
        rows = _with_days(_rows(store, current.receipt), current.receipt, first, events)
        is_stalled = pc.and_(
            pc.less(rows[RATE], asked.under), pc.greater_equal(rows["unchanged_days"], asked.days)
        )
        stalled = rows.filter(is_stalled).sort_by([("open", "descending"), (KEY, "ascending")])
        criteria = f"under {asked.under:g}%, {count(asked.days, 'day')}"
        title = f"{count(stalled.num_rows, 'recall')} whose rate has not moved ({criteria})"
        if asked.format == TABLE:  # a terminal is narrow
            stalled = stalled.drop(["unchanged_since", "or_before"])
        _show(asked, f"{title}, most unrepaired vehicles first", stalled)
    return 0


def _show(asked: argparse.Namespace, title: str, rows: pa.Table) -> None:
    limit = MAX_LINES if asked.limit is None and asked.format == TABLE else asked.limit
    shown = rows if limit is None else rows.slice(0, limit)
    if asked.format == TABLE:
        print(title)
        print_table(shown)
        print()
    else:
        print_rows(asked.format, shown)
    note_left_out(rows.num_rows - shown.num_rows)


def _trend(
    first: pa.Table, baseline: int, observed_at: str, events: Sequence[Mapping[str, Any]]
) -> pa.Table:
    known = {row[KEY]: row for row in first.to_pylist()}
    start = {"version": baseline, "observed_at": datetime.fromisoformat(observed_at)}
    trend = [{**start, **_means(known.values()), "up": 0, "down": 0}]
    for (version, observed), of_version in groupby(events, itemgetter("version", "observed_at")):
        moves = []
        for event in of_version:
            row = known.setdefault(event[KEY], {RATE: None, AFFECTED: None})
            before, after = row[event["field"]], event["new"] and float(event["new"])
            row[event["field"]] = after
            if event["field"] == RATE:
                moves.append(0 if None in {before, after} else after - before)
        if moves:
            row = {"version": version, "observed_at": observed, **_means(known.values())}
            row |= {"up": sum(move > 0 for move in moves), "down": sum(move < 0 for move in moves)}
            trend.append(row)
    return pa.Table.from_pylist(trend[::-1])


def _means(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rated = [row for row in rows if row[RATE] is not None]
    rates, vehicles = [row[RATE] for row in rated], [row[AFFECTED] or 0 for row in rated]
    return {
        "rated": len(rated),
        "mean_rate": fmean(rates) if rates else None,
        "mean_by_vehicles": fmean(rates, vehicles) if any(vehicles) else None,
    }


def _with_days(
    rows: pa.Table, receipt: Mapping[str, Any], first: Mapping[str, Any], events: pa.Table
) -> pa.Table:
    """The recalls with their open vehicles, and for how long each rate has not moved."""
    began, now = (datetime.fromisoformat(each["observed_at"]) for each in (first, receipt))
    rates = events.filter(pc.equal(events["field"], RATE))
    changed = rates.group_by(KEY).aggregate([("observed_at", "max")])
    last = changed["observed_at_max"].take(pc.index_in(rows[KEY], value_set=changed[KEY]))
    since = last.fill_null(pa.scalar(began, last.type))
    open_share = pc.subtract(1, pc.divide(rows[RATE], 100))
    return pa.table(
        {
            KEY: rows[KEY],
            "open": pc.round(pc.multiply(rows[AFFECTED], open_share)).cast(pa.int64()),
            RATE: rows[RATE],
            "unchanged_since": since,
            "or_before": last.is_null(),  # the ledger's baseline already had this rate
            "unchanged_days": pc.days_between(since, pa.scalar(now, last.type)),
            "manufacturer": rows["manufacturer"],
            "subject": rows["subject"],
        }
    )


def _rows(store: Store, receipt: Mapping[str, Any]) -> pa.Table:
    def read(part: Mapping[str, Any]) -> pa.Table:
        return read_table_file(store, RECALLS, part["path"], COLUMNS).select(COLUMNS)

    return concat(parallel_map(read, receipt["parts"].values()))

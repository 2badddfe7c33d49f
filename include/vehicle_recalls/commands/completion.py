"""The command `completion`: rates over time, and recalls that stand still with vehicles open.

"Now" is the moment of the newest read that the table has, not the time of day.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pyarrow as pa

from include.first.lake import Lake
from include.first.screen import printable
from include.vehicle_recalls.commands.asking import add_format, add_whose, option, recorded
from include.vehicle_recalls.commands.formats import TABLE, Output
from include.vehicle_recalls.commands.rates import (
    DAYS,
    KEY,
    NAMES,
    RATE,
    STALLED_SCHEMA,
    TREND_SCHEMA,
    UNDER,
    Completion,
    completion,
)
from include.vehicle_recalls.screen import aligned, minute

VERSIONS_SHOWN, STALLED_SHOWN = 20, 10
ALL = 100.0  # percent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_whose(parser)
    parser.add_argument(
        "--stalled", action="store_true", help="only the recalls that stand still, and all of them"
    )
    parser.add_argument(
        "--days",
        type=option(_days),
        default=DAYS,
        help=f"stalled: not changed for so many days before now ({DAYS})",
    )
    parser.add_argument(
        "--under",
        type=option(_percent),
        default=UNDER,
        metavar="PERCENT",
        help=f"stalled: with a lower rate than this ({UNDER:g})",
    )
    add_format(parser)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is no number of days: write a whole one, such as {DAYS}")
    return int(text)


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1
    if not 0 <= percent <= ALL:
        raise ValueError(f"{text!r} is no percentage: write a number from 0 to 100")
    return percent


def command(lake: Lake, asked: argparse.Namespace, output: Output) -> int:
    recorded(lake, output.note)
    found = completion(lake, nhtsa_ids=asked.nhtsa_id, manufacturer=asked.manufacturer)
    stalled = found.stalled(days=asked.days, under=asked.under)
    if asked.format == TABLE:
        what = f"under {asked.under:g} % and unchanged for {days_of(asked.days)} or more"
        if not asked.stalled:
            for line in trend_shown(found, output.width):
                output(line)
            output()
        most = stalled.num_rows if asked.stalled else STALLED_SHOWN
        for line in stalled_shown(found, stalled, what, most, output.width):
            output(line)
    elif asked.stalled:
        output.write(asked.format, [stalled], STALLED_SCHEMA)
    else:
        output.write(asked.format, [found.trend], TREND_SCHEMA)
    return 0


def trend_shown(found: Completion, width: int) -> Iterator[str]:
    if not found.trend.num_rows:
        yield "No trend yet: it begins with the first read of all years, which is to come."
        return
    yield "Completion rates: the baseline, and each version that moved one"
    before = found.trend.num_rows - VERSIONS_SHOWN
    rows = [
        [
            str(row["version"]),
            minute(row["observed_at"]),
            f"{row['rated']:,}",
            _two(row["mean_rate"]),
            _two(row["mean_by_vehicles"]),
            "" if row["moved_up"] is None else f"{row['moved_up']:,}",
            "" if row["moved_down"] is None else f"{row['moved_down']:,}",
        ]
        for row in found.trend.slice(max(before, 0)).to_pylist()
    ]
    heads = ["version", "read, UTC", "rated", "mean %", "by vehicles %", "up", "down"]
    yield from aligned(heads, rows, width)
    if before > 0:
        versions = "version" if before == 1 else "versions"
        yield f"and {before:,} {versions} before these; --format csv has all"


def stalled_shown(
    found: Completion, stalled: pa.Table, what: str, most: int, width: int
) -> Iterator[str]:
    yield f"Recalls {what}, most open vehicles first: {stalled.num_rows:,}"
    days = (found.observed_at - found.baseline_at).days
    yield (
        f"as of version {found.version}, read {minute(found.observed_at)} UTC; the baseline was "
        f"read {days_of(days)} before, on {found.baseline_at:%Y-%m-%d}"
    )
    if not stalled.num_rows:
        return
    rows = [
        [
            row[KEY],
            "" if row["open"] is None else f"{row['open']:,}",
            f"{row[RATE]:.2f}",
            f"{row['unchanged_since']:%Y-%m-%d}" + (" or before" if row["or_before"] else ""),
            str(row["unchanged_days"]),
            ": ".join(printable(row[name]) for name in NAMES),
        ]
        for row in stalled.slice(0, most).to_pylist()
    ]
    yield from aligned(["nhtsa_id", "open", "%", "unchanged since", "days", "recall"], rows, width)
    if stalled.num_rows > most:
        yield f"and {stalled.num_rows - most:,} more; --stalled has all"


def days_of(number: int) -> str:
    return f"{number:,} {'day' if number == 1 else 'days'}"


def _two(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"

"""`python -m benchmarks`: how fast, and in how much memory; see docs/scaling.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.by_task import Steps, by_task
from benchmarks.compare import CONTENDERS, Result, compare
from benchmarks.measure import BenchError
from benchmarks.vin_service import cold_calls, export, loads, told
from local.localstack import running_localstack
from local.processes import LocalError

ROWS = (30_000, 300_000)
MANY_ROWS = 3_000_000
# rows: how many times as long as this project the other may, or must, at least take
GOALS = {
    (30_000, "plain script"): 1.0,
    (300_000, "plain script"): 2.0,
    (30_000, "dlt"): 4.0,
    (300_000, "dlt"): 4.0,
}
MOST_MB = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="compare at so many rows only")
    parser.add_argument("--runs", type=int, help="how often each runs; 5, at 300,000 rows 3")
    parser.add_argument("--without", choices=CONTENDERS, action="append", default=[])
    parser.add_argument(
        "--by-task", type=int, metavar="ROWS", help="this project alone, task by task"
    )
    parser.add_argument("--vin", action="store_true", help="the VIN service")
    asked = parser.parse_args()
    everything = not (asked.rows or asked.by_task or asked.vin)
    names = [name for name in CONTENDERS if name not in asked.without]
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_localstack(Path(folder)) as s3_url,
        ):
            for rows in ROWS if everything else asked.rows or ():
                runs = asked.runs or (5 if rows < ROWS[-1] else 3)
                _say(f"{rows:,} rows, median of {runs}", _comparison(rows, names, runs, s3_url))
            for rows in (ROWS[-1], MANY_ROWS) if everything else [asked.by_task or 0]:
                if rows:
                    _say(f"{rows:,} rows, a process a task", _steps(by_task(rows, s3_url), rows))
        if everything or asked.vin:
            runs = asked.runs or 5
            found = told(loads(runs), export(runs), cold_calls())
            _say(f"the VIN service, one worker, median of {runs}", found)
    except (BenchError, LocalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _comparison(rows: int, names: list[str], runs: int, s3_url: str) -> list[str]:
    found = compare(names, rows, runs, s3_url)
    lines = [f"{'':14}{'wall s':>8}{'(from - to)':>16}{'CPU s':>8}{'rows/s':>10}{'peak MB':>9}"]
    lines += [
        f"{name:14}{r.wall_s:8.2f}{f'({r.fastest_s:.2f} - {r.slowest_s:.2f})':>16}"
        f"{r.cpu_s:8.2f}{rows / r.wall_s:10,.0f}{r.peak_mb:9.0f}"
        for name, r in found.items()
    ]
    return [*lines, "the same rows and the same three aggregations", *_ratios(rows, found)]


def _ratios(rows: int, found: Mapping[str, Result]) -> list[str]:
    ours, *others = found
    lines = []
    for other in others:
        ratio = found[other].wall_s / found[ours].wall_s
        goal = GOALS.get((rows, other))
        verdict = "" if goal is None else f"; goal {goal:g}: {'met' if ratio >= goal else 'missed'}"
        lines.append(f"{other} takes {ratio:.2f} times as long as {ours}{verdict}")
    return lines


def _steps(steps: Steps, rows: int) -> list[str]:
    lines = [
        f"{'':14}{'times':>6}{'median s':>10}{'max s':>8}{'sum s':>8}{'CPU s':>8}{'peak MB':>9}"
    ]
    for name, runs in steps.of.items():
        walls = sorted(run.wall_s for run in runs)
        lines.append(
            f"{name:14}{len(runs):6}{walls[len(walls) // 2]:10.2f}{walls[-1]:8.2f}{sum(walls):8.1f}"
            f"{sum(run.cpu_s for run in runs):8.1f}{max(run.peak_mb for run in runs):9.0f}"
        )
    sum_s, least_s = steps.one_after_the_other_s, steps.all_at_once_s
    return [
        *lines,
        f"one after the other: {sum_s:.0f} s, {rows / sum_s:,.0f} rows/s"
        f"; with a worker for each of the {steps.batches} batches at least {least_s:.0f} s",
        f"largest process: {steps.peak_mb:.0f} MB; goal under {MOST_MB}: "
        + ("met" if steps.peak_mb < MOST_MB else "missed"),
    ]


def _say(title: str, lines: list[str]) -> None:
    print("\n".join(["", f"{title}, on {os.cpu_count()} cores", *lines]), flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks`: how fast, and in how much memory; see docs/scaling.md."""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.by_task import by_task
from benchmarks.compare import CONTENDERS, compare
from benchmarks.measure import BenchError, Measured
from benchmarks.site import site
from benchmarks.vin_service import export, loads
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
MAX_MB = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="compare at this many rows only")
    parser.add_argument("--runs", type=int, help="how often each runs; 5, at 300,000 rows 3")
    parser.add_argument("--without", choices=CONTENDERS, action="append", default=[])
    parser.add_argument(
        "--by-task", type=int, metavar="ROWS", help="this project alone, task by task"
    )
    parser.add_argument("--site", action="store_true", help="the site")
    parser.add_argument("--vin", action="store_true", help="the VIN service")
    asked = parser.parse_args()
    everything = not (asked.rows or asked.by_task or asked.site or asked.vin)
    names = [name for name in CONTENDERS if name not in asked.without]
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_localstack(Path(folder)) as s3_url,
        ):
            for rows in ROWS if everything else asked.rows or ():
                runs = asked.runs or (5 if rows < ROWS[-1] else 3)
                _say(
                    f"{rows:,} rows, median of {runs}",
                    _comparison(rows, compare(names, rows, runs, s3_url)),
                )
            for rows in (ROWS[-1], MANY_ROWS) if everything else [asked.by_task or 0]:
                if rows:
                    _say(f"{rows:,} rows, a process a task", _tasks(rows, by_task(rows, s3_url)))
            if everything or asked.site:
                _say(f"the site of {ROWS[0]:,} rows", _builds(site(ROWS[0], s3_url)))
        if everything or asked.vin:
            runs = asked.runs or 5
            lines = loads(runs) + export(runs)
            _say(f"the VIN service, median of {runs}", lines)
    except (BenchError, LocalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _comparison(rows: int, measured: Mapping[str, list[Measured]]) -> list[str]:
    lines = [f"{'':14}{'wall s':>8}{'(from - to)':>16}{'CPU s':>8}{'rows/s':>10}{'peak MB':>9}"]
    wall_s = {}
    for name, runs in measured.items():
        walls = [run.wall_s for run in runs]
        wall_s[name] = median(walls)
        lines.append(
            f"{name:14}{wall_s[name]:8.2f}{f'({min(walls):.2f} - {max(walls):.2f})':>16}"
            f"{median(run.cpu_s for run in runs):8.2f}{rows / wall_s[name]:10,.0f}"
            f"{median(run.peak_mb for run in runs):9.0f}"
        )
    lines.append("the same rows and the same three aggregations")
    ours, *others = wall_s
    for other in others:
        ratio, goal = wall_s[other] / wall_s[ours], GOALS.get((rows, other))
        verdict = "" if goal is None else f"; goal {goal:g}: {'met' if ratio >= goal else 'missed'}"
        lines.append(f"{other} takes {ratio:.2f} times as long as {ours}{verdict}")
    return lines


def _tasks(rows: int, measured: Mapping[str, list[Measured]]) -> list[str]:
    lines = [
        f"{'':14}{'times':>6}{'median s':>10}{'max s':>8}{'sum s':>8}{'CPU s':>8}{'peak MB':>9}"
    ]
    sum_s = least_s = peak_mb = 0.0
    for name, runs in measured.items():
        walls = [run.wall_s for run in runs]
        task_mb = max(run.peak_mb for run in runs)
        sum_s, least_s, peak_mb = sum_s + sum(walls), least_s + max(walls), max(peak_mb, task_mb)
        lines.append(
            f"{name:14}{len(runs):6}{median(walls):10.2f}{max(walls):8.2f}{sum(walls):8.1f}"
            f"{sum(run.cpu_s for run in runs):8.1f}{task_mb:9.0f}"
        )
    return [
        *lines,
        f"one after the other: {sum_s:.0f} s, {rows / sum_s:,.0f} rows/s; with a worker for each "
        f"of the {len(measured['extract'])} batches at least {least_s:.0f} s",
        f"largest process: {peak_mb:.0f} MB; goal under {MAX_MB}: "
        + ("met" if peak_mb < MAX_MB else "missed"),
    ]


def _builds(measured: Mapping[str, Measured]) -> list[str]:
    lines = [f"{'':14}{'build s':>9}{'files':>7}{'process s':>11}{'CPU s':>8}{'peak MB':>9}"]
    for name, run in measured.items():
        lines.append(
            f"{name:14}{run.said['build_s']:9.2f}{run.said['files']:7}{run.wall_s:11.2f}"
            f"{run.cpu_s:8.2f}{run.peak_mb:9.0f}"
        )
    view_kb = measured["first build"].said["first_view_kb"]
    return [*lines, f"first view, all code, compressed: {view_kb:.0f} kB; goal under 300"]


def _say(title: str, lines: list[str]) -> None:
    print("\n".join(["", f"{title}, on {os.cpu_count()} cores", *lines]), flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The tables that the bench prints, each goal with its verdict."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.measure import Measured

# By rows and contender: how much CPU, or wall time, of the other this project may take.
CPU_GOALS = {
    30_000: {"script": 0.75, "script, local files": 0.9, "dlt, Parquet": 0.25, "dlt, Delta": 0.25},
    300_000: {
        "script": 0.6,
        "script, local files": 0.65,
        "dlt, Parquet": 0.25,
        "dlt, Delta": 0.25,
        "floor": 2.0,
    },
}
WALL_GOALS = {30_000: {"script": 0.6}, 300_000: {"script": 0.4}}
REQUEST_GOALS = {30_000: {"first run": 190, "unchanged day": 30}}
EDITED_YEARS, MAX_EDIT_REQUESTS = 13, 150
MAX_TASK_MB = {30_000: 300}
MAX_MB = 500
MAX_FIRST_VIEW_KB = 300


def comparison(rows: int, measured: Mapping[str, Sequence[Measured]]) -> list[str]:
    lines = [
        f"{'':20}{'CPU s':>7}{'(from - to)':>16}{'wall s':>8}{'(from - to)':>16}{'peak MB':>9}"
    ]
    for name, runs in measured.items():
        cpu_s, wall_s = [run.cpu_s for run in runs], [run.wall_s for run in runs]
        lines.append(
            f"{name:20}{median(cpu_s):7.2f}{_range(cpu_s):>16}{median(wall_s):8.2f}"
            f"{_range(wall_s):>16}{median(run.peak_mb for run in runs):9.0f}"
        )
    lines.append("All came to the same rows, and to the same three aggregations.")
    ours, *others = measured
    for other in others:
        for what, goals in (("cpu_s", CPU_GOALS), ("wall_s", WALL_GOALS)):
            taken, of_other = (
                median(getattr(run, what) for run in measured[name]) for name in (ours, other)
            )
            if goal := goals.get(rows, {}).get(other):
                label = "CPU" if what == "cpu_s" else "wall time"
                lines.append(f"{label} against {other}: {verdict(taken / of_other, goal)}")
    return lines


def days(rows: int, measured: Mapping[str, tuple[Measured, int]]) -> list[str]:
    lines = [f"{'':16}{'CPU s':>7}{'wall s':>8}{'years changed':>15}{'S3 requests':>13}"]
    for name, (run, requests) in measured.items():
        years = run.said["years"]
        lines.append(f"{name:16}{run.cpu_s:7.2f}{run.wall_s:8.2f}{years:15}{requests:13,}")
    requests = {name: count for name, (_, count) in measured.items()}
    lines += [
        f"S3 requests, {name}: {verdict(requests[name], goal)}"
        for name, goal in REQUEST_GOALS.get(rows, {}).items()
    ]
    edits, unchanged = requests["day with edits"], requests["unchanged day"]
    a_year = (edits - unchanged) / measured["day with edits"][0].said["years"]
    if rows in REQUEST_GOALS:
        lines.append(
            f"S3 requests, edits: {a_year:.1f} a year; with {EDITED_YEARS} years "
            f"{verdict(unchanged + EDITED_YEARS * a_year, MAX_EDIT_REQUESTS)}"
        )
    first_s, unchanged_s, _ = (run.cpu_s for run, _ in measured.values())
    return [*lines, f"CPU of an unchanged day by a first: {verdict(unchanged_s / first_s, 0.7)}"]


def tasks(rows: int, measured: Mapping[str, Sequence[Measured]]) -> list[str]:
    lines = [
        f"{'':14}{'times':>6}{'median s':>10}{'max s':>8}{'sum s':>8}{'CPU s':>8}{'peak MB':>9}"
    ]
    for name, runs in measured.items():
        wall_s = [run.wall_s for run in runs]
        lines.append(
            f"{name:14}{len(runs):6}{median(wall_s):10.2f}{max(wall_s):8.2f}{sum(wall_s):8.1f}"
            f"{sum(run.cpu_s for run in runs):8.1f}{max(run.peak_mb for run in runs):9.0f}"
        )
    everything = [run for runs in measured.values() for run in runs]
    cpu_s, peak_mb = sum(run.cpu_s for run in everything), max(run.peak_mb for run in everything)
    goal_mb = MAX_TASK_MB.get(rows, MAX_MB)
    return [
        *lines,
        f"CPU a row: {1e6 * cpu_s / rows:.0f} microseconds, starts of Python included",
        f"largest process: {peak_mb:.0f} MB; goal at most {goal_mb} MB: "
        + ("met" if peak_mb <= goal_mb else "missed"),
    ]


def builds(measured: Mapping[str, Measured]) -> list[str]:
    lines = [f"{'':14}{'build s':>9}{'files':>7}{'process s':>11}{'CPU s':>8}{'peak MB':>9}"]
    for name, run in measured.items():
        lines.append(
            f"{name:14}{run.said['build_s']:9.2f}{run.said['files']:7}{run.wall_s:11.2f}"
            f"{run.cpu_s:8.2f}{run.peak_mb:9.0f}"
        )
    view_kb = measured["first build"].said["first_view_kb"]
    return [*lines, f"first view, compressed, kB: {verdict(view_kb, MAX_FIRST_VIEW_KB)}"]


def _range(values: Sequence[float]) -> str:
    return f"({min(values):.2f} - {max(values):.2f})"


def verdict(ratio: float, goal: float) -> str:
    three_digits = float(f"{ratio:.3g}")
    return f"{three_digits:g}; goal at most {goal:g}: {'met' if ratio <= goal else 'missed'}"

"""`make run DAYS=3`: some days of the local APIs' history, a run a day, on one screen."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from include.first.keys import Keys
from local.airflow_home import RUNS
from local.dag_run import Progress
from local.environment import RECALLS_API
from local.processes import Misuse
from local.run import FLAGSHIP, OneRun, connected, stopwatch

MOST_DAYS = 30
# What leads a report ends here; of a report without it this many lines are shown.
DETAILS = "## The run"
LINES_WITHOUT = 12


def run_days(root: Path, written: str) -> int:
    """Run the lake's day again, and then the days after it, up to the first that fails."""
    days = checked_days(written)
    say = stopwatch()
    runs: dict[int, OneRun] = {}
    with connected(root, RUNS, say, dag_id=FLAGSHIP) as laptop:
        if not laptop.source:
            raise Misuse(
                f"DAYS={days} runs days of the local APIs, but {RECALLS_API} names another "
                "source; leave DAYS out, or unset the connection"
            )
        source = laptop.source
        day = source.go_on(1) - 1

        def go_on() -> None:
            nonlocal day
            day = source.go_on(day + 1)

        for _ in range(days):
            run = OneRun(root, FLAGSHIP, "", "run.log")
            run.make(laptop.settings, Progress(say, failures_only=True), in_turn=go_on)
            runs[day] = run
            say(f"day {day}: {'failed' if run.code else 'success'}")
            if run.code:
                break
    for day, run in runs.items():
        if run.screen:
            print("", f"--- day {day} ---", *top_of(run.screen), sep="\n")
    reports = f"{laptop.lake}/{Keys(FLAGSHIP).reports_folder}"
    print(f"\nThe whole reports lie in {reports}\n", flush=True)
    if run.failure:
        say(run.failure)
    return run.code


def checked_days(written: str) -> int:
    if not (written.isdecimal() and 1 <= int(written) <= MOST_DAYS):
        raise Misuse(f"DAYS is a number from 1 to {MOST_DAYS}, not {written!r}")
    return int(written)


def top_of(report: str) -> list[str]:
    """What a report leads with, without its details and its empty lines."""
    lines = report.splitlines()
    top = list(takewhile(lambda line: not line.startswith(DETAILS), lines))
    if len(top) == len(lines):
        top = lines[:LINES_WITHOUT]
    return [line for line in top if line.strip()]

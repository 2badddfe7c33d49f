"""The targets that run a DAG: `make run`, `make live` and `make dag`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from local.airflow_home import RUNS, airflow_environment, migrate
from local.dag_files import checked_conf, declared_dags
from local.dag_run import Progress, TaskFailed, run_dag, turn
from local.environment import (
    FOLDERS,
    VIN_API,
    api_connections,
    connect,
    local_bucket,
    read_environment,
)
from local.lake import CHANGES
from local.made_up_days import MadeUpDays
from local.processes import Misuse, Say, stopwatch
from local.stack import FAKES, Stack
from local.state import Lock
from local.vin import VIN_SERVICE, vin_service

FLAGSHIP = "vehicle_recalls"
MAX_DAYS = 30
OWN_LAKE = "the lake is the one that you set; no local S3 is started, nothing is mirrored"
NEXT = f"""
Next, for example:
  make run DAYS=3                      # three days: the data of today, then two days of changes
  make site                            # the result, as pages in a browser
  make lake ARGS='{CHANGES}'  # what was edited, by recall and field
  make dag DAG=shoe_prices             # another pipeline
  make ui                              # all of them in Airflow's pages"""


class Connected(NamedTuple):
    """The settings of a DAG, with all that was started for it."""

    settings: dict[str, str]
    stack: Stack
    days: MadeUpDays | None = None


def run_flagship(root: Path, days: str) -> int:
    """Run it once, or for some days of the made-up data, and say what to do next."""
    if days and not (days.isdecimal() and 1 <= int(days) <= MAX_DAYS):
        raise Misuse(f"DAYS is a number from 1 to {MAX_DAYS}, not {days!r}")
    code = run(root, FLAGSHIP, log_name="run", days=int(days or 0))
    if code == 0:
        print(NEXT, flush=True)
    return code


def run(
    root: Path, dag_id: str, conf: str = "", *, log_name: str, official: bool = False, days: int = 0
) -> int:
    """Run a DAG with one line per task, and print its report; the exit code is the run's."""
    conf = checked_conf(root, dag_id, conf)
    say = stopwatch()
    reports, failure = [], ""
    with connected(root, RUNS, say, dag_id=dag_id, official=official) as laptop:
        if days and not laptop.days:
            raise Misuse(
                f"DAYS={days} runs days of the made-up data, but your settings name another source "
                "of recalls; leave DAYS out, or remove AIRFLOW_CONN_RECALLS_API"
            )
        with turn(root, say) as held:
            today = laptop.days.go_on(1) if laptop.days else 0
            for day in range(today, today + max(days, 1)):
                if days and laptop.days:
                    laptop.days.go_on(day)
                    say(f"--- day {day} ---")
                report, failure = _run_once(
                    root, dag_id, conf, laptop.settings, log_name, say, held
                )
                if report:
                    reports.append(f"\n--- day {day} ---\n{report}" if days else f"\n{report}")
                if failure:
                    break
    for report in reports:
        print(report, flush=True)
    if failure:
        say(failure)
    return int(bool(failure))


@contextmanager
def connected(
    root: Path, database: str, say: Say, *, dag_id: str = "", official: bool = False
) -> Iterator[Connected]:
    """Start all that a DAG, or every DAG, needs and the user's settings do not name."""
    settings = read_environment(root)
    bucket = local_bucket(settings, live=official)
    if not bucket:
        say(OWN_LAKE)
    dags = [dag for name, dag in declared_dags(root).items() if name == dag_id or not dag_id]
    missing = {name for dag in dags for name in dag.connections} - settings.keys()
    if unknown := missing - api_connections({}, fakes_url="any", vin_url="any").keys():
        raise Misuse(
            f"{', '.join(sorted(unknown))}: set in .env how its API is reached; no fake has it"
        )
    asks_real_vpic = {VIN_API} if "VPIC_URL" in settings else set()
    fakes = not official and bool(missing - asks_real_vpic)
    migrate(root, database, settings, say)
    with Stack(root, say).used(bucket=bucket, fakes=fakes) as stack:
        if VIN_API in missing:
            stack.use(vin_service(stack, settings, bucket))
        connections = connect(
            settings,
            bucket=bucket,
            s3_url=stack.s3_url,
            fakes_url=stack.urls.get(FAKES, ""),
            vin_url=stack.urls.get(VIN_SERVICE, ""),
            official=official,
        )
        days = None
        if fakes:
            days = MadeUpDays(stack.urls[FAKES], root / FOLDERS.get(bucket, ".local"))
            if (day := days.resume()) > 1:
                say(f"the made-up data is at day {day}")
        yield Connected(connections, stack, days)


def _run_once(
    root: Path,
    dag_id: str,
    conf: str,
    settings: dict[str, str],
    log_name: str,
    say: Say,
    held: Lock,
) -> tuple[str, str]:
    """The report, and what failed."""
    screen = root / ".local" / "screen.txt"
    screen.unlink(missing_ok=True)
    log = root / ".local" / "logs" / f"{log_name}.log"
    environment = airflow_environment(root, RUNS, settings)
    environment["HEADWATERS_SCREEN"] = str(screen)
    progress = Progress(say)
    say(f"starting Airflow for a run of {dag_id}; its log is {os.path.relpath(log)} ...")
    try:
        succeeded = run_dag(root, dag_id, conf, environment, log, progress, held) == 0
    except TaskFailed:
        succeeded = False  # to run again is sooner than to wait for Airflow's retry
    failure = ""
    if not succeeded:
        what = "the run failed" if progress.failed else "the run could not be made"
        failure = f"{what}: {progress.failure} (Airflow's log is {os.path.relpath(log)})"
    report = screen.read_text(encoding="utf-8").rstrip() if screen.exists() else ""
    return report, failure

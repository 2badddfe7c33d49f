"""The targets that run a DAG once: `make run`, `make live` and `make dag`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from local.airflow_home import RUNS, airflow_environment, migrate
from local.dag_run import Progress, TaskFailed, checked_conf, run_dag
from local.environment import RECALLS_API, connect, has_own_lake, read_environment
from local.stack import Stack

FLAGSHIP = "vehicle_recalls"
BUCKET, LIVE_BUCKET = "headwaters", "headwaters-live"
Say = Callable[[str], None]


def stopwatch() -> Say:
    """Prints a line with the seconds since the start before it."""
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    return say


@contextmanager
def connected(
    root: Path, database: str, say: Say, *, official: bool = False
) -> Iterator[dict[str, str]]:
    """Everything that a DAG needs: the servers that nobody else stands in for, and a database."""
    settings = read_environment(root)
    own_lake = has_own_lake(settings)
    bucket = "" if own_lake else LIVE_BUCKET if official else BUCKET
    local_apis = not official and RECALLS_API not in settings
    if own_lake:
        say("the lake is the one that you set; LocalStack is not started, nothing is mirrored")
    with ThreadPoolExecutor(1) as aside:
        migrated = aside.submit(migrate, root, database, settings)
        with Stack(root, say).used(bucket=bucket, local_apis=local_apis) as addresses:
            if migrated.result():
                say("Airflow's database made")
            yield connect(
                settings,
                bucket=bucket,
                localstack_url=addresses.localstack_url,
                recalls_url=addresses.apis_url,
                official=official,
            )


def run_flagship(root: Path, *, official: bool = False) -> int:
    log = "live" if official else "run"
    return run_once(root, FLAGSHIP, "", f"{log}.log", official=official)


def run_once(root: Path, dag_id: str, conf: str, log_name: str, *, official: bool = False) -> int:
    """Run a DAG once, a line a task, and show its report; the exit code is the run's."""
    say = stopwatch()
    conf = checked_conf(conf)
    log = root / ".local" / "logs" / log_name
    screen = root / ".local" / "screen.txt"
    screen.unlink(missing_ok=True)
    progress = Progress(say)
    with connected(root, RUNS, say, official=official) as settings:
        environment = airflow_environment(root, RUNS, settings)
        environment["HEADWATERS_SCREEN"] = str(screen)
        say(f"airflow dags test {dag_id}")
        try:
            code = run_dag(root, dag_id, conf, environment, log, progress.follow, say)
        except TaskFailed:
            # Somebody sits in front of this: to run it again is sooner than to wait for Airflow.
            code = 1
    if screen.exists():
        print(f"\n{screen.read_text().rstrip()}\n", flush=True)
    if code:
        what = "the run failed" if progress.failed else "the run could not be made"
        said = os.path.relpath(log)
        say(f"{what}: {progress.failure} (all that Airflow said is in {said})")
    return int(code != 0)

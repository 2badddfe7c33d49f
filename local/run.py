"""The targets that run a DAG once: `make run`, `make live` and `make dag`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from local.airflow_home import RUNS, airflow_environment, migrate
from local.dag_run import Progress, TaskFailed, checked_conf, run_dag
from local.environment import (
    BOOKS_DB,
    CONNECTIONS,
    ECB_API,
    KRAKENFLEX_API,
    OPEN_LIBRARY_API,
    RECALLS_API,
    SHOP_API,
    VIN_API,
    connect,
    has_own_lake,
    read_environment,
)
from local.made_up_source import MadeUpSource
from local.processes import tell
from local.stack import FOLDERS, Stack
from local.vin_service import needs_local_apis

FLAGSHIP = "vehicle_recalls"
BUCKET, LIVE_BUCKET = "headwaters", "headwaters-live"
# The connections that a DAG opens; one that is not named here gets all there are.
OPENS = {
    FLAGSHIP: {RECALLS_API},
    "vin_snapshots": {VIN_API},
    "site_outages": {KRAKENFLEX_API},
    "shoe_prices": {SHOP_API, ECB_API},
    "subject_books": {OPEN_LIBRARY_API, BOOKS_DB},
}
OWN_LAKE = "the lake is the one that you set; LocalStack is not started, nothing is mirrored"
Say = Callable[[str], None]


def stopwatch(stream: TextIO | None = None) -> Say:
    """Prints a line with the seconds since the start before it."""
    begun = time.monotonic()

    def say(line: str) -> None:
        tell(f"{time.monotonic() - begun:6.1f} s  {line}", stream or sys.stdout)

    return say


@dataclass(frozen=True)
class Connected:
    """What a DAG finds: its settings, its lake, and the source that was started for it."""

    settings: dict[str, str]
    lake: str  # where people find it: a folder, or an address
    source: MadeUpSource | None = None


@contextmanager
def connected(
    root: Path, database: str, say: Say, *, dag_id: str = "", official: bool = False
) -> Iterator[Connected]:
    """Everything that a DAG needs: the servers that nobody else stands in for, and a database."""
    settings = read_environment(root)
    own_lake = has_own_lake(settings)
    bucket = "" if own_lake else LIVE_BUCKET if official else BUCKET
    opened = OPENS.get(dag_id, CONNECTIONS.keys()) - settings.keys()
    vin_settings = settings if VIN_API in opened else None
    local_apis = not official and bool(
        opened - {VIN_API} or (vin_settings is not None and needs_local_apis(settings))
    )
    if own_lake:
        say(OWN_LAKE)
    with ThreadPoolExecutor(1) as aside:
        migrated = aside.submit(migrate, root, database, settings)
        with Stack(root, say).used(
            bucket=bucket, local_apis=local_apis, vin_settings=vin_settings
        ) as addresses:
            settings = connect(
                settings,
                bucket=bucket,
                localstack_url=addresses.localstack_url,
                recalls_url=addresses.apis_url,
                vin_url=addresses.vin_url,
                official=official,
            )
            source = MadeUpSource(root, addresses.apis_url) if local_apis else None
            if source and (day := source.catch_up(settings)) > 1:
                say(f"the local APIs go on at day {day}")
            if migrated.result():
                say("Airflow's database made")
            lake = FOLDERS[bucket] if bucket else f"s3://{settings.get('LAKE_BUCKET')}"
            yield Connected(settings, lake, source)


class OneRun:
    """One run of one DAG: made once, then it can say how it went."""

    def __init__(self, root: Path, dag_id: str, conf: str, log_name: str) -> None:
        self.root = root
        self.dag_id = dag_id
        self.conf = checked_conf(conf)
        self.log = root / ".local" / "logs" / log_name
        self.code = 0
        self.screen = ""
        self.failure = ""

    def make(
        self,
        settings: dict[str, str],
        progress: Progress,
        in_turn: Callable[[], None] = lambda: None,
    ) -> None:
        screen = self.root / ".local" / "screen.txt"
        screen.unlink(missing_ok=True)
        environment = airflow_environment(self.root, RUNS, settings)
        environment["HEADWATERS_SCREEN"] = str(screen)
        arguments = (self.root, self.dag_id, self.conf, environment, self.log)
        try:
            self.code = int(run_dag(*arguments, progress.follow, progress.say, in_turn) != 0)
        except TaskFailed:
            # Somebody sits in front of this: to run it again is sooner than to wait for Airflow.
            self.code = 1
        if screen.exists():
            self.screen = screen.read_text(encoding="utf-8").rstrip()
        if self.code:
            what = "the run failed" if progress.failed else "the run could not be made"
            said = os.path.relpath(self.log)
            self.failure = f"{what}: {progress.failure} (all that Airflow said is in {said})"


def run_flagship(root: Path, *, official: bool = False) -> int:
    log = "live" if official else "run"
    return run_once(root, FLAGSHIP, "", f"{log}.log", official=official)


def run_once(root: Path, dag_id: str, conf: str, log_name: str, *, official: bool = False) -> int:
    """Run a DAG once, a line a task, and show its report; the exit code is the run's."""
    say = stopwatch()
    run = OneRun(root, dag_id, conf, log_name)
    with connected(root, RUNS, say, dag_id=dag_id, official=official) as laptop:
        say(f"airflow dags test {dag_id}")
        run.make(laptop.settings, Progress(say))
    if run.screen:
        print(f"\n{run.screen}\n", flush=True)
    if run.failure:
        say(run.failure)
    return run.code

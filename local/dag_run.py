"""One run of one DAG through `airflow dags test`, its output followed line by line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from local.airflow_home import AIRFLOW
from local.processes import LocalError, end_groups
from local.state import Lock

STARTS_A_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* \[")
TASK_ENDED = re.compile(r"\[DAG TEST\] end task task_id=(\S+) map_index=(-?\d+)")
NEW_STATE = re.compile(r"Task instance state updated .*\bnew_state=(\w+)")
BROKEN_FILE = re.compile(r"Error loading DAG from (\S+): (.+?) \[airflow\.")
EXCEPTION_NAME = re.compile(r"^(?:\w+\.)*\w+: ")
Say = Callable[[str], None]


def checked_conf(conf: str) -> str:
    """A run's conf as JSON; what is no JSON object is refused in one line."""
    try:
        given = json.loads(conf or "{}")
    except ValueError as error:
        raise LocalError(f"CONF is not JSON ({error}): {conf}") from None
    if not isinstance(given, dict):
        raise LocalError(f"""CONF is not a JSON object such as '{{"years": [2019]}}': {conf}""")
    return json.dumps(given)


def run_dag(
    root: Path,
    dag_id: str,
    conf: str,
    environment: Mapping[str, str],
    log: Path,
    follow: Say,
    say: Say,
    in_turn: Callable[[], None] = lambda: None,
) -> int:
    """Run a DAG once; its output goes to the log and, a line at a time, to `follow`.

    `in_turn` is done first, as soon as no other run of this checkout is under way.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    runs = Lock(root / ".local" / "run.lock")
    try:
        # Two at a time would share one SQLite database. A child whose parent was killed goes on
        # to hold the lock, which it inherits.
        if not runs.take_if_free():
            say("waits for another run of this checkout to end")
            runs.take()
        in_turn()
        child = subprocess.Popen(
            [*AIRFLOW, "dags", "test", dag_id, "--conf", conf],
            env=dict(environment),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(runs.number,),
        )
        with log.open("w") as kept, child:
            try:
                for line in child.stdout or ():
                    kept.write(line)
                    follow(line.rstrip("\n"))
            except BaseException:
                end_groups([child.pid])
                raise
        return child.returncode
    finally:
        runs.close()


class TaskFailed(Exception):
    """A task failed, and Airflow would wait for minutes before it tries again."""


class Progress:
    """Tells of each task as it ends, a line each, and gives the run up at the first failure."""

    def __init__(self, say: Say, *, failures_only: bool = False) -> None:
        self.say = say
        self.failures_only = failures_only
        self.state = ""
        self.failed = False
        self.failure = Failure()

    def follow(self, line: str) -> None:
        self.failure.follow(line)
        if state := NEW_STATE.search(line):
            self.state = state[1]
        if ended := TASK_ENDED.search(line):
            self._tell(ended[1] if ended[2] == "-1" else f"{ended[1]} [{ended[2]}]")
            self.state = ""

    def _tell(self, task: str) -> None:
        if self.state not in {"failed", "up_for_retry"}:
            if not self.failures_only:
                self.say(f"{task}: {self.state or 'ended'}")
            return
        self.failed = True
        self.say(f"{task} failed: {self.failure}")
        if self.state == "up_for_retry":
            raise TaskFailed(task)


class Failure:
    """The newest traceback in one line: its exception's name left out, its message up to a gap."""

    def __init__(self) -> None:
        self.message = ""
        self.inside = False
        self.broken_files: list[str] = []

    def __str__(self) -> str:
        message = self.message.rstrip(".") or "no error was shown"
        return "; ".join([message, *self.broken_files])

    def follow(self, line: str) -> None:
        if broken := BROKEN_FILE.search(line):
            self.broken_files.append(f"dags/{broken[1]}: {broken[2]}")
        if line.startswith("Traceback "):
            self.inside, self.message = True, ""
        elif not line.strip() or STARTS_A_LINE.match(line) or (self.message and line[0] == " "):
            self.inside = False
        elif self.inside and line[0] != " ":
            part = line.strip() if self.message else EXCEPTION_NAME.sub("", line)
            self.message = f"{self.message} {part}".strip()

"""One run of one DAG through `airflow dags test`, its output followed line by line."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from local.airflow_home import AIRFLOW
from local.processes import SILENCE_S, Say, end_groups
from local.state import Lock

STARTS_A_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* \[")
TASK = re.compile(r"\[DAG TEST\] (starting|end task) task_id=(\S+) map_index=(-?\d+)")
NEW_STATE = re.compile(r"Task instance state updated .*\bnew_state=(\w+)")
BROKEN_FILE = re.compile(r"Error loading DAG from (\S+): (.+?) \[airflow\.")
EXCEPTION_NAME = re.compile(r"^(?:\w+\.)*\w+: ")


class TaskFailed(Exception):
    """A task failed, and Airflow would wait for minutes before it tries again."""


@contextmanager
def turn(root: Path, say: Say) -> Iterator[Lock]:
    """Wait for other runs of this checkout: two at a time would share one SQLite database."""
    with Lock(root, "run") as runs:
        if not runs.take_if_free():
            say("waiting for another run of this checkout to end ...")
            runs.take()
        yield runs


def run_dag(
    root: Path,
    dag_id: str,
    conf: str,
    environment: Mapping[str, str],
    log: Path,
    progress: Progress,
    held: Lock | None = None,
) -> int:
    """Run a DAG once and return Airflow's exit code; a lock is held until Airflow has ended."""
    log.parent.mkdir(parents=True, exist_ok=True)
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
        pass_fds=(held.number,) if held else (),
    )
    progress.expect("Airflow loads the DAGs")
    with log.open("w") as output, child:
        try:
            for line in child.stdout or ():
                output.write(line)
                progress.follow(line.rstrip("\n"))
        except BaseException:
            end_groups([child.pid])
            raise
        finally:
            progress.timer.cancel()
    if child.returncode < 0:
        progress.killed_by(-child.returncode)
    return child.returncode


class Progress:
    """Says a line as each task ends, and when one takes long; gives up at the first failure."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.state = ""
        self.failed = False
        self.failure = Failure()
        self.timer = Timer(0, lambda: None)

    def expect(self, what: str) -> None:
        self.timer.cancel()
        self.timer = Timer(SILENCE_S, self.say, [f"still waiting: {what} ..."])
        self.timer.daemon = True
        self.timer.start()

    def killed_by(self, number: int) -> None:
        self.failed = True
        self.failure.message = (
            f"Airflow was killed by {signal.Signals(number).name}; nothing half-written is "
            "published; run again"
        )

    def follow(self, line: str) -> None:
        self.failure.follow(line)
        if state := NEW_STATE.search(line):
            self.state = state[1]
        if found := TASK.search(line):
            what, task, index = found.groups()
            name = task if index == "-1" else f"{task} [{index}]"
            self.expect(f"{name} is at work" if what == "starting" else "Airflow goes on")
            if what != "starting":
                self._end(name)

    def _end(self, task: str) -> None:
        state, self.state = self.state, ""
        if state not in {"failed", "up_for_retry"}:
            self.say(f"{task}: {state or 'ended'}")
            return
        self.failed = True
        self.say(f"{task} failed: {self.failure}")
        if state == "up_for_retry":
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

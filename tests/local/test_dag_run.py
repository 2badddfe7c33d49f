"""How a run's output becomes a line a step."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from local import dag_run
from local.dag_run import Failure, Progress, TaskFailed, checked_conf, run_dag
from local.localstack import ROOT
from local.processes import LocalError, clean_environment
from local.state import Lock

OUTPUT = """\
2026-11-21T05:14:32.132195Z [info     ] Created dag run.               [airflow.models] x=1
2026-11-21T05:14:32.461692Z [info     ] Task instance state updated    [airflow] new_state=success
2026-11-21T05:14:32.473004Z [info     ] [DAG TEST] end task task_id=census map_index=-1 [airflow]
2026-11-21T05:14:32.885711Z [error    ] Task failed with exception     [task] loc=runner.py:1676
Traceback (most recent call last):
  File "a.py", line 1, in f
    raise KeyError
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 2, in f
    raise SourceUnavailable
include.first.rest_errors.SourceUnavailable: the API answered 503 five times: run again later

some note:
    indented
2026-11-21T05:14:32.899596Z [info     ] Task instance state updated    [x] new_state=up_for_retry
2026-11-21T05:14:32.905882Z [info     ] [DAG TEST] end task task_id=batch.extract map_index=3 [x]
2026-11-21T05:14:33.899596Z [info     ] Task instance state updated    [x] new_state=failed
2026-11-21T05:14:33.905882Z [info     ] [DAG TEST] end task task_id=batch.extract map_index=3 [x]
""".splitlines()


def test_progress():
    """Each task that ends makes one line; a failure's line has the error's last word."""
    lines: list[str] = []
    progress = Progress(lines.append)
    for line in OUTPUT:
        progress.follow(line.replace("up_for_retry", "failed"))

    assert lines[:2] == [
        "census: success",
        "batch.extract [3] failed: the API answered 503 five times: run again later",
    ]
    assert progress.failed


def test_progress_of_many_runs():
    """Where each run has a line of its own, tasks are told only when they fail."""
    lines: list[str] = []
    progress = Progress(lines.append, failures_only=True)
    for line in OUTPUT:
        progress.follow(line.replace("up_for_retry", "failed"))

    assert lines
    assert all(line.startswith("batch.extract [3] failed: ") for line in lines)


def test_a_failure_is_not_waited_out():
    """At the first failure the run is given up, instead of waiting minutes for Airflow's retry."""
    lines: list[str] = []
    progress = Progress(lines.append)
    follow = iter(OUTPUT)
    with pytest.raises(TaskFailed):
        deque(map(progress.follow, follow), maxlen=0)

    assert lines[-1].startswith("batch.extract [3] failed: the API answered 503")
    assert len(list(follow)) == 2


def test_a_broken_dag_file_is_named():
    """A DAG that is not there because its file cannot be read is told with the file's error."""
    failure = Failure()
    for line in (
        "2026-11-21T05:21Z [error    ] Error loading DAG from a.py: no `x` here [airflow.a]",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "airflow.sdk.exceptions.AirflowException: Dag 'a' could not be found.",
    ):
        failure.follow(line)
    assert str(failure) == "Dag 'a' could not be found; dags/a.py: no `x` here"


@pytest.mark.parametrize("conf", ['{"years":', "[2019]", "2019", "years"])
def test_conf_must_be_a_json_object(conf: str):
    """What is no JSON object is refused in one line that shows it."""
    with pytest.raises(LocalError) as told:
        checked_conf(conf)
    assert str(told.value).endswith(conf)
    assert "\n" not in str(told.value)


def test_no_conf_is_an_empty_one():
    """Without CONF a run has its defaults."""
    assert checked_conf("") == "{}"


def test_a_mistake_is_one_line():
    """A user's mistake ends the command with code 1 and one line, before anything is started."""
    told = subprocess.run(
        [sys.executable, "-m", "local", "dag", "vehicle_recalls", "--conf", "{"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1


def test_a_run_waits_for_its_turn(tmp_path: Path, monkeypatch):
    """What a run does first, it does when no other run is under way, and before Airflow starts."""
    done: list[str] = []
    monkeypatch.setattr(dag_run, "AIRFLOW", (sys.executable, "-c", "print('Airflow')"))
    other = Lock(tmp_path / ".local" / "run.lock")
    other.take()

    def say(line: str) -> None:
        done.append(line)
        other.close()

    code = run_dag(
        tmp_path,
        "vehicle_recalls",
        "{}",
        clean_environment(),
        tmp_path / "run.log",
        done.append,
        say,
        lambda: done.append("in turn"),
    )
    assert code == 0
    assert done == ["waits for another run of this checkout to end", "in turn", "Airflow"]

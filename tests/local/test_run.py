"""What stands on the screen of a run; a program stands in for Airflow."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.control import Control
from local import dag_run, processes, run
from local.dag_run import Failure, Progress, run_dag, turn
from local.lake import CHANGES
from local.made_up_days import MadeUpDays
from local.processes import LocalError, Misuse, clean_environment, free_port
from local.run import Connected, run_flagship
from local.s3_engine import ROOT
from local.stack import Stack
from local.state import Lock

TASK = """\
2026-11-21T05:14:32Z [info     ] [DAG TEST] starting task_id=plan map_index=-1 [airflow]
2026-11-21T05:14:32Z [info     ] Task instance state updated    [airflow] new_state=success
2026-11-21T05:14:32Z [info     ] [DAG TEST] end task task_id=plan map_index=-1 [airflow]
"""
FAILED = """\
2026-11-21T05:14:32Z [error    ] Task failed with exception     [task] loc=runner.py:1676
Traceback (most recent call last):
  File "a.py", line 1, in f
    raise KeyError
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 2, in f
    raise SourceUnavailable
include.http.errors.SourceUnavailable: the API answered 503 five times: run again later

some note:
    indented
2026-11-21T05:14:33Z [info     ] Task instance state updated    [x] new_state=up_for_retry
2026-11-21T05:14:33Z [info     ] [DAG TEST] end task task_id=batch.extract map_index=3 [x]
"""
REPORTS = """
import os, pathlib
report = f"# day {os.environ['DAY_FILE'] and open(os.environ['DAY_FILE']).read()}"
pathlib.Path(os.environ["HEADWATERS_SCREEN"]).write_text(report)
"""


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let this Python stand in for `airflow dags test`."""
    return lambda script: monkeypatch.setattr(dag_run, "AIRFLOW", (sys.executable, "-c", script))


@pytest.fixture
def checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control
) -> Path:
    """A checkout in which nothing but the fake APIs is started."""
    (tmp_path / "dags").symlink_to(ROOT / "dags")
    folder = tmp_path / "s3_bucket"
    replica.day = 1

    @contextmanager
    def connected(root: Path, *_: Any, **__: Any) -> Iterator[Connected]:
        settings = clean_environment() | {"DAY_FILE": str(folder / ".day")}
        days = MadeUpDays(recalls_url, folder)
        days.resume()
        yield Connected(settings, Stack(root, str), days)

    monkeypatch.setattr(run, "connected", connected)
    return tmp_path


def test_each_task_is_a_line_and_the_first_failure_ends_the_run(checkout: Path, airflow, capsys):
    """The failure is the newest error in one line; Airflow's retry in minutes is not waited for."""
    airflow(f"import time; print({TASK + FAILED!r}, flush=True); time.sleep(600)")
    assert run.run(checkout, "vehicle_recalls", log_name="run") == 1
    lines = [line[10:] for line in capsys.readouterr().err.splitlines()]
    reason = "the API answered 503 five times: run again later"
    assert lines[1:3] == ["plan: success", f"batch.extract [3] failed: {reason}"]
    assert lines[3].startswith(f"the run failed: {reason} (Airflow's log is ")


def test_a_run_that_was_killed_says_so(checkout: Path, airflow, capsys):
    airflow("import os; os.kill(os.getpid(), 9)")
    assert run.run(checkout, "vehicle_recalls", log_name="run") == 1
    assert "the run failed: Airflow was killed by SIGKILL; " in capsys.readouterr().err


def test_a_broken_dag_file_is_named():
    failure = Failure()
    for line in (
        "2026-11-21T05:21Z [error    ] Error loading DAG from a.py: no `x` here [airflow.a]",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "airflow.sdk.exceptions.AirflowException: Dag 'a' could not be found.",
    ):
        failure.follow(line)
    assert str(failure) == "Dag 'a' could not be found; dags/a.py: no `x` here"


def test_a_long_silence_says_what_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    monkeypatch.setattr(dag_run, "SILENCE_S", 0.01)
    progress = Progress(said.append)
    progress.follow(TASK.splitlines()[0])
    progress.timer.join()
    assert said == ["still waiting: plan is at work ..."]


def test_a_server_that_starts_slowly_is_named_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    monkeypatch.setattr(processes, "SILENCE_S", 0.01)
    child = processes.start_group(["sleep", "600"], {}, tmp_path / "log", folder=tmp_path)
    try:
        processes.wait_until(lambda: bool(said), "LocalStack", child, tmp_path / "log", said.append)
    finally:
        processes.end_groups([child.pid])
    assert said == ["still waiting for LocalStack ..."]


def test_a_run_shows_its_own_report_and_what_to_do_next(checkout: Path, airflow, capsys):
    (checkout / ".local").mkdir()
    (checkout / ".local" / "screen.txt").write_text("of yesterday")
    airflow(REPORTS)
    assert run_flagship(checkout, "") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("\n# day 1\n")
    assert f"  make lake ARGS='{CHANGES}'" in shown


def test_days_follow_one_another_with_their_tasks(checkout: Path, airflow, capsys):
    """From the day of the lake; each report is shown under its day."""
    run.connected(checkout).__enter__().days.go_on(3)
    airflow(f"print({TASK!r})\n{REPORTS}")
    assert run_flagship(checkout, "2") == 0
    shown = capsys.readouterr()
    assert "--- day 3 ---\n# day 3\n\n--- day 4 ---\n# day 4\n" in shown.out
    lines = [line[10:] for line in shown.err.splitlines()]
    assert [lines[0], lines[2], lines[3], lines[5]] == [
        "--- day 3 ---",
        "plan: success",
        "--- day 4 ---",
        "plan: success",
    ]


def test_days_end_with_the_first_that_fails(checkout: Path, airflow, capsys):
    airflow("import sys; sys.exit(1)")
    assert run_flagship(checkout, "5") == 1
    assert capsys.readouterr().err.count("--- day ") == 1


def test_days_of_another_source_are_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    @contextmanager
    def connected(root: Path, *_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), Stack(root, str))

    monkeypatch.setattr(run, "connected", connected)
    with pytest.raises(Misuse, match="AIRFLOW_CONN_RECALLS_API"):
        run_flagship(checkout, "3")


def test_the_made_up_day_only_moves_forward_and_is_resumed(
    tmp_path: Path, recalls_url: str, replica: Control
):
    days = MadeUpDays(recalls_url, tmp_path / "s3_bucket")
    assert days.resume() == 1
    assert days.go_on(3) == 3
    assert days.go_on(2) == 3
    replica.day = 1  # the fake APIs were started again
    assert days.resume() == 3
    assert replica.day == 3


def test_the_last_made_up_day_and_a_dead_source_say_what_to_do(tmp_path: Path, recalls_url: str):
    with pytest.raises(LocalError, match="no day 10000; `make clean`"):
        MadeUpDays(recalls_url, tmp_path).go_on(10_000)
    with pytest.raises(LocalError, match="do not answer"):
        MadeUpDays(f"http://127.0.0.1:{free_port()}", tmp_path).go_on(1)


def test_a_run_waits_for_its_turn_and_holds_it_while_airflow_runs(tmp_path: Path, airflow):
    said: list[str] = []
    other = Lock(tmp_path, "run").take()

    def say(line: str) -> None:
        said.append(line)
        other.release()

    airflow("import sys; sys.exit(0)")
    with turn(tmp_path, say) as held:
        log = tmp_path / "log"
        environment = clean_environment()
        assert run_dag(tmp_path, "x", "{}", environment, log, Progress(str), held) == 0
        assert not other.take_if_free()
    assert said == ["waiting for another run of this checkout to end ..."]

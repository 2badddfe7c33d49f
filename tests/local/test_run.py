"""The output of a run, with a script in place of Airflow."""

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
    """Replace `airflow dags test` with a Python script."""
    return lambda script: monkeypatch.setattr(dag_run, "AIRFLOW", (sys.executable, "-c", script))


@pytest.fixture
def checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control
) -> Path:
    """A checkout that starts only the fake APIs."""
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


def test_run_prints_tasks_and_ends_at_first_failure(checkout: Path, airflow, capsys):
    """It shows the last error in one line and does not wait for Airflow's retry."""
    airflow(f"import time; print({TASK + FAILED!r}, flush=True); time.sleep(600)")
    assert run.run(checkout, "vehicle_recalls", log_name="run") == 1
    lines = [line[10:] for line in capsys.readouterr().err.splitlines()]
    reason = "the API answered 503 five times: run again later"
    assert lines[1:3] == ["plan: success", f"batch.extract [3] failed: {reason}"]
    assert lines[3].startswith(f"the run failed: {reason} (Airflow's log is ")


def test_killed_run_names_the_signal(checkout: Path, airflow, capsys):
    airflow("import os; os.kill(os.getpid(), 9)")
    assert run.run(checkout, "vehicle_recalls", log_name="run") == 1
    assert "the run failed: Airflow was killed by SIGKILL; " in capsys.readouterr().err


def test_broken_dag_file_is_named():
    failure = Failure()
    for line in (
        "2026-11-21T05:21Z [error    ] Error loading DAG from a.py: no `x` here [airflow.a]",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "airflow.sdk.exceptions.AirflowException: Dag 'a' could not be found.",
    ):
        failure.follow(line)
    assert str(failure) == "Dag 'a' could not be found; dags/a.py: no `x` here"


def test_long_silence_names_the_running_task(monkeypatch: pytest.MonkeyPatch):
    output: list[str] = []
    monkeypatch.setattr(dag_run, "SILENCE_S", 0.01)
    progress = Progress(output.append)
    progress.follow(TASK.splitlines()[0])
    progress.timer.join()
    assert output == ["still waiting: plan is at work ..."]


def test_slow_server_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    output: list[str] = []
    monkeypatch.setattr(processes, "SILENCE_S", 0.01)
    child = processes.start_group(["sleep", "600"], {}, tmp_path / "log", folder=tmp_path)
    try:
        processes.wait_until(
            lambda: bool(output), "LocalStack", child, tmp_path / "log", output.append
        )
    finally:
        processes.end_groups([child.pid])
    assert output == ["still waiting for LocalStack ..."]


def test_run_prints_its_report_and_the_next_command(checkout: Path, airflow, capsys):
    (checkout / ".local").mkdir()
    (checkout / ".local" / "screen.txt").write_text("old report")
    airflow(REPORTS)
    assert run_flagship(checkout, "") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("\n# day 1\n")
    assert f"  make lake ARGS='{CHANGES}'" in shown


def test_days_run_in_order_from_the_day_of_the_lake(checkout: Path, airflow, capsys):
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


def test_days_stop_at_the_first_failure(checkout: Path, airflow, capsys):
    airflow("import sys; sys.exit(1)")
    assert run_flagship(checkout, "5") == 1
    assert capsys.readouterr().err.count("--- day ") == 1


def test_days_require_the_fake_apis(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    @contextmanager
    def connected(root: Path, *_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), Stack(root, str))

    monkeypatch.setattr(run, "connected", connected)
    with pytest.raises(Misuse, match="AIRFLOW_CONN_RECALLS_API"):
        run_flagship(checkout, "3")


def test_made_up_day_only_moves_forward_and_is_resumed(
    tmp_path: Path, recalls_url: str, replica: Control
):
    days = MadeUpDays(recalls_url, tmp_path / "s3_bucket")
    assert days.resume() == 1
    assert days.go_on(3) == 3
    assert days.go_on(2) == 3
    replica.day = 1  # the fake APIs restarted
    assert days.resume() == 3
    assert replica.day == 3


def test_day_out_of_range_and_unreachable_fakes_are_errors(tmp_path: Path, recalls_url: str):
    with pytest.raises(LocalError, match="no day 10000; `make clean`"):
        MadeUpDays(recalls_url, tmp_path).go_on(10_000)
    with pytest.raises(LocalError, match="do not answer"):
        MadeUpDays(f"http://127.0.0.1:{free_port()}", tmp_path).go_on(1)


def test_run_waits_for_the_lock_and_holds_it(tmp_path: Path, airflow):
    output: list[str] = []
    other = Lock(tmp_path, "run").take()

    def say(line: str) -> None:
        output.append(line)
        other.release()

    airflow("import sys; sys.exit(0)")
    with turn(tmp_path, say) as held:
        log = tmp_path / "log"
        environment = clean_environment()
        assert run_dag(tmp_path, "x", "{}", environment, log, Progress(str), held) == 0
        assert not other.take_if_free()
    assert output == ["waiting for another run of this checkout to end ..."]

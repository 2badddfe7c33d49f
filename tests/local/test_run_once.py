"""What the command that runs a DAG once says of the run, with its exit code first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import run
from local.dag_run import TaskFailed
from local.processes import clean_environment
from local.run import Connected

Behaviour = Callable[[dict[str, str]], int]
FAILED = """\
Traceback (most recent call last):
include.first.rest_errors.SourceUnavailable: the API answered 503 five times
2026-11-21T05:14:33.899596Z [info     ] Task instance state updated    [x] new_state=failed
2026-11-21T05:14:33.905882Z [info     ] [DAG TEST] end task task_id=census map_index=-1 [x]
""".splitlines()


@pytest.fixture
def run_once(tmp_path: Path, monkeypatch) -> Callable[..., int]:
    """`run_once` in an empty checkout; servers and Airflow are stood in for."""

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), "s3_bucket")

    def start(airflow: Behaviour, lines: tuple[str, ...] | list[str] = ()) -> int:
        def run_dag(_root, _dag_id, _conf, environment, _log, follow, _say, _in_turn) -> int:
            for line in lines:
                follow(line)
            return airflow(environment)

        monkeypatch.setattr(run, "run_dag", run_dag)
        return run.run_once(tmp_path, "vehicle_recalls", "", "run.log")

    monkeypatch.setattr(run, "connected", connected)
    (tmp_path / ".local").mkdir()
    return start


def test_a_run_that_succeeded_is_code_0(run_once, capsys):
    """The command succeeds and says nothing of a failure."""
    assert run_once(lambda _: 0) == 0
    assert "failed" not in capsys.readouterr().out


@pytest.mark.parametrize("code", [1, 2, -9])
def test_a_run_that_failed_is_code_1(run_once, code: int, capsys):
    """Whatever Airflow ended with, the command ends with 1 and names the failure and the log."""
    assert run_once(lambda _: code, FAILED) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "the run failed: the API answered 503 five times" in last
    assert "run.log" in last


def test_a_run_that_was_given_up_is_code_1(run_once, capsys):
    """A task that failed and would be tried again in minutes fails the command at once."""

    def gives_up(_: dict[str, str]) -> int:
        raise TaskFailed("census")

    assert run_once(gives_up) == 1
    assert "the run could not be made" in capsys.readouterr().out


def test_the_screen_of_this_run_is_shown_and_no_older_one(run_once, tmp_path: Path, capsys):
    """A report is printed as this run wrote it; one that lay there from before is not."""
    (tmp_path / ".local" / "screen.txt").write_text("of yesterday")
    run_once(lambda _: 0)
    assert "of yesterday" not in capsys.readouterr().out

    def reports(environment: dict[str, str]) -> int:
        Path(environment["HEADWATERS_SCREEN"]).write_text("of today")
        return 0

    run_once(reports)
    assert "of today" in capsys.readouterr().out

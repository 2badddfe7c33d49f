"""`make run DAYS=3`: which days are run, when it stops, and what stands on the screen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import days, run
from local.days import LINES_WITHOUT, checked_days, run_days, top_of
from local.localstack import ROOT
from local.processes import Misuse, clean_environment
from local.run import Connected

DAY_THAT_FAILS = 99
FAILURE = """\
Traceback (most recent call last):
include.errors.PermanentError: the audit has failed
2026-11-21T05:14:33.899596Z [info     ] Task instance state updated    [x] new_state=failed
2026-11-21T05:14:33.905882Z [info     ] [DAG TEST] end task task_id=publish map_index=-1 [x]
""".splitlines()


class Source:
    """Stands for the local APIs: their day goes on as it is asked to."""

    def __init__(self, day: int) -> None:
        self.day = day

    def go_on(self, day: int) -> int:
        self.day = max(self.day, day)
        return self.day


@pytest.fixture
def source() -> Source:
    return Source(day=1)


@pytest.fixture
def ran(tmp_path: Path, monkeypatch, source: Source) -> Callable[[str], tuple[int, list[int]]]:
    """Run some days in an empty checkout: the exit code, and the source's day in each run."""
    seen: list[int] = []

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), "s3_bucket", source)

    def run_dag(_root, _dag_id, _conf, environment, _log, follow, _say, in_turn) -> int:
        in_turn()
        seen.append(source.day)
        if source.day == DAY_THAT_FAILS:
            for line in FAILURE:
                follow(line)
            return 1
        report = f"# news of {source.day}\n\n- loud\n\n## The run\n- details\n"
        Path(environment["HEADWATERS_SCREEN"]).write_text(report)
        return 0

    monkeypatch.setattr(days, "connected", connected)
    monkeypatch.setattr(run, "run_dag", run_dag)
    (tmp_path / ".local").mkdir()
    return lambda written: (run_days(tmp_path, written), seen)


def test_days_follow_one_another(ran, capsys):
    """Each day is run once, and the screen has what leads its report, and where all of it is."""
    assert ran("3") == (0, [1, 2, 3])
    screen = capsys.readouterr().out
    for day in (1, 2, 3):
        assert f"day {day}: success" in screen
        assert f"--- day {day} ---\n# news of {day}\n- loud\n" in screen
    assert "details" not in screen
    assert "The whole reports lie in s3_bucket/vehicle_recalls/reports/\n" in screen


def test_the_first_day_is_the_lakes(ran, source: Source):
    """A source that went on to the lake's day begins there."""
    source.day = 7
    assert ran("2") == (0, [7, 8])


def test_the_day_goes_on_when_it_is_a_runs_turn(ran, source: Source, monkeypatch, capsys):
    """A run that had to wait for another's days reads, and names, the day that it finds."""
    wait, run_dag = [9], run.run_dag

    def run_dag_later(*arguments: Any) -> int:
        source.day = max([source.day, *wait])
        wait.clear()
        return run_dag(*arguments)

    monkeypatch.setattr(run, "run_dag", run_dag_later)
    assert ran("2") == (0, [9, 10])
    assert "--- day 9 ---\n# news of 9\n" in capsys.readouterr().out


def test_the_first_failure_is_the_last_day(ran, source: Source, capsys):
    """A day that fails ends it, with code 1, its error, and the reports of the days before it."""
    source.day = DAY_THAT_FAILS - 1
    assert ran("5") == (1, [DAY_THAT_FAILS - 1, DAY_THAT_FAILS])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith(f"day {DAY_THAT_FAILS}: failed") for line in lines)
    assert f"# news of {DAY_THAT_FAILS - 1}" in lines
    assert f"--- day {DAY_THAT_FAILS} ---" not in lines
    assert "the run failed: the audit has failed" in lines[-1]


def test_another_source_has_no_days(monkeypatch, tmp_path: Path):
    """Days are made up: with an API of the user's own they are refused."""

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), "s3_bucket")

    monkeypatch.setattr(days, "connected", connected)
    with pytest.raises(Misuse, match="AIRFLOW_CONN_RECALLS_API"):
        run_days(tmp_path, "3")


def test_days_are_counted():
    """From one day to a month."""
    assert [checked_days(written) for written in ("1", "30")] == [1, 30]


def test_a_report_without_details_is_cut():
    """Where nothing says that the details begin, the first lines have to do."""
    lines = [f"line {number}" for number in range(LINES_WITHOUT + 5)]
    assert top_of("\n".join(lines)) == lines[:LINES_WITHOUT]


def test_misuse_is_one_line_and_code_2():
    """A wrong number of days ends the command before anything is started."""
    told = subprocess.run(
        [sys.executable, "-m", "local", "run", "--days=31"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stderr.startswith("error: DAYS ")
    assert len(told.stderr.splitlines()) == 1

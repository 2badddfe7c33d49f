"""Who imports the libraries ahead of the tasks, who does not, and what a fork makes of them."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fakes.control import Control
from local.airflow_home import UI, airflow_environment
from local.processes import clean_environment

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "config" / "airflow_local_settings.py"
# Airflow's process of this name, as far as it is the same for all: then two tasks at a time.
PROGRAM = """
import os, signal, sys
sys.argv = ["-m", *sys.argv[1:]]
import airflow
import airflow_local_settings
print(*(name for name in airflow_local_settings.LIBRARIES if name in sys.modules), flush=True)
if "scheduler" in sys.argv:
    children = []
    for bucket in BUCKETS:
        children.append(os.fork())
        if not children[-1]:
            signal.alarm(300)  # a broken fork would wait for ever
            from benchmarks.headwaters import main
            print(main(RECALLS_URL, S3_URL, bucket)["rows"], flush=True)
            os._exit(0)
    print(*(os.waitpid(child, 0)[1] for child in children))
"""


@pytest.fixture
def settings() -> ModuleType:
    """The file as any other program would load it, with nothing imported ahead."""
    spec = importlib.util.spec_from_file_location("settings_under_test", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said_by(command: str, home: Path, **values: object) -> list[str]:
    program = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + PROGRAM
    environment = airflow_environment(ROOT, UI, clean_environment()) | {"AIRFLOW_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", program, command],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_tasks_forked_from_a_scheduler_can_do_all_they_do(
    tmp_path: Path,
    settings: ModuleType,
    recalls_url: str,
    replica: Control,
    s3_url: str,
    bucket: str,
    s3,
) -> None:
    """Two at once ask the API, write and read Parquet and S3, and commit to Delta."""
    replica.rows = 40
    s3.create_bucket(Bucket=f"{bucket}-2")
    said = said_by(
        "scheduler",
        tmp_path,
        BUCKETS=[bucket, f"{bucket}-2"],
        RECALLS_URL=recalls_url,
        S3_URL=s3_url,
    )
    assert said[0].split() == list(settings.LIBRARIES)
    assert said.count("40") == 2  # beside what they log
    assert said[-1] == "0 0"


def test_a_server_imports_nothing_ahead(tmp_path: Path) -> None:
    """The api-server loads the same file, and is spared what only tasks need."""
    assert not {"boto3", "deltalake", "pandas"} & set(said_by("api-server", tmp_path)[-1].split())


@pytest.mark.parametrize(
    ("command", "executor", "forks"),
    [
        ("scheduler --skip-serve-logs", "LocalExecutor", True),
        ("scheduler", "CeleryExecutor", False),
        ("scheduler", "LocalExecutor,CeleryExecutor", True),
        ("celery worker --concurrency 2", "CeleryExecutor", True),
        ("celery flower", "CeleryExecutor", False),
        *((name, "LocalExecutor", False) for name in ("api-server", "dag-processor", "triggerer")),
        ("dags test vehicle_recalls", "LocalExecutor", False),
        ("db migrate", "LocalExecutor", False),
        ("", "LocalExecutor", False),
    ],
)
def test_only_who_forks_tasks_imports_ahead(
    settings: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    executor: str,
    forks: bool,
) -> None:
    """The scheduler where tasks run beside it, and Celery's workers."""
    monkeypatch.setattr(sys, "argv", ["airflow", *command.split()])
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert settings.forks_tasks() is forks


def test_a_library_that_cannot_be_imported_stops_nobody(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line names it and why, and the ones after it are imported all the same."""
    monkeypatch.setattr(settings, "LIBRARIES", ("no_such_library", "colorsys"))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    caplog.set_level(logging.INFO)
    settings.import_ahead()
    assert [line.getMessage() for line in caplog.records] == [
        "no_such_library was not imported ahead of the tasks: No module named 'no_such_library'"
    ]
    assert "colorsys" in sys.modules

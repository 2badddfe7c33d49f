"""Only processes that fork tasks import the libraries early, and forks can use them."""

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.airflow_home import UI, airflow_environment
from local.environment import local_lake
from local.processes import clean_environment
from local.s3_engine import ROOT

FILE = ROOT / "config" / "airflow_local_settings.py"
# Imports Airflow under the given command; the scheduler then forks two tasks.
PROGRAM = """
import os, signal, sys
sys.argv = ["-m", *sys.argv[1:]]
import airflow
import airflow_local_settings
print(*(name for name in airflow_local_settings.LIBRARIES if name in sys.modules), flush=True)
if "scheduler" in sys.argv:
    children = []
    for number in (1, 2):
        children.append(os.fork())
        if not children[-1]:
            signal.alarm(120)  # a broken fork would wait forever
            import pyarrow as pa
            from include.data.tables import to_parquet
            from include.lake.connect import connect
            from include.lake.table import create_table, load_version
            store = connect()
            store.put(f"{number}.parquet", to_parquet(pa.table({"a": [number]})))
            create_table(store, f"{number}/table", pa.schema([("a", pa.int64())]))
            print(number, load_version(store, f"{number}/table").number, flush=True)
            os._exit(0)
    print(*(os.waitpid(child, 0)[1] for child in children))
"""


@pytest.fixture
def settings() -> ModuleType:
    """The module, loaded without early imports."""
    spec = importlib.util.spec_from_file_location("settings_under_test", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def output_of(command: str, home: Path, lake: dict[str, str]) -> list[str]:
    environment = airflow_environment(ROOT, UI, clean_environment() | lake)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command],
        env=environment | {"AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_forked_tasks_can_use_the_imported_libraries(
    tmp_path: Path, settings: ModuleType, s3_url: str, bucket: str
):
    """Two parallel tasks write Parquet to S3 and commit to Delta."""
    lines = output_of("scheduler", tmp_path, local_lake(bucket, s3_url))
    assert lines[0].split() == list(settings.LIBRARIES)
    assert {"1 0", "2 0"} <= set(lines)
    assert lines[-1] == "0 0"


def test_api_server_imports_nothing_early(tmp_path: Path):
    assert not {"boto3", "deltalake", "obstore"} & set(
        output_of("api-server", tmp_path, {})[-1].split()
    )


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
        ("", "LocalExecutor", False),
    ],
)
def test_forks_tasks_is_true_only_for_processes_that_fork_tasks(
    settings: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    executor: str,
    forks: bool,
):
    monkeypatch.setattr(sys, "argv", ["airflow", *command.split()])
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert settings.forks_tasks() is forks


def test_missing_library_is_logged(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(settings, "LIBRARIES", ("no_such_library", "colorsys"))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    caplog.set_level(logging.INFO)
    settings.import_ahead()
    assert [line.getMessage() for line in caplog.records] == [
        "no_such_library was not imported ahead of the tasks: No module named 'no_such_library'"
    ]
    assert "colorsys" in sys.modules

"""Airflow inside the project: its settings, and its databases in `.local/airflow/`."""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from local.processes import LocalError, Say, end_groups, end_of, start_group

# `dags test` and the scheduler must not share a database: a scheduler would take up its runs.
RUNS, UI = "dags_test", "ui"
AIRFLOW = (sys.executable, "-m", "airflow")  # its script would not survive a moved checkout
MAX_PARALLEL_TASKS = 4


def airflow_environment(
    root: Path, database: str, settings: Mapping[str, str], port: int = 0
) -> dict[str, str]:
    """The settings and, over them, all that makes this Airflow this project's."""
    home = root / ".local" / "airflow"
    ours = {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__DAGS_FOLDER": root / "dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": root / "plugins",
        "AIRFLOW__CORE__LOAD_EXAMPLES": False,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": MAX_PARALLEL_TASKS,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,  # it listens on 127.0.0.1 only
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / database}.db",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": 10,  # an edited DAG shows soon
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": home / "logs",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": False,
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": False,
        # Arrow's own allocator keeps memory that it once had: a third more for the same work.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # In config/ Airflow finds airflow_local_settings.py, which makes tasks quick.
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'config'}",
        "PYTHONUNBUFFERED": 1,
    }
    return dict(settings) | {name: str(value) for name, value in ours.items()}


def migrate(root: Path, database: str, settings: Mapping[str, str], say: Say) -> None:
    """Make the database, or bring it to this Airflow's version.

    A scheduler starts no task whose pool is not in its database; `dags test` does not look.
    """
    home, pools = root / ".local" / "airflow", root / "config" / "pools.json"
    stamp = home / f"{database}.migrated"
    wanted = version("apache-airflow") + (pools.read_text() if database == UI else "")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not stamp.exists():
        # Its making was cut off, so it may be half made, and holds no runs yet.
        (home / f"{database}.db").unlink(missing_ok=True)
    say("making Airflow's database, once ...")
    home.mkdir(parents=True, exist_ok=True)
    environment = airflow_environment(root, database, settings)
    commands = [["db", "migrate"]] + ([["pools", "import", str(pools)]] if database == UI else [])
    log = root / ".local" / "logs" / "migrate.log"
    for command in commands:
        child = start_group([*AIRFLOW, *command], environment, log, folder=root)
        try:
            code = child.wait()
        finally:
            end_groups([child.pid])
        if code:
            raise LocalError(f"`airflow {' '.join(command)}` ended with code {code}; {end_of(log)}")
    stamp.write_text(wanted)

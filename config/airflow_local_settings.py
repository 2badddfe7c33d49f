"""What nearly every task imports, imported once, by the process that all tasks are forked from.

Airflow loads this file in each of its processes. Only libraries are named: a scheduler would keep
our own code as it was when it started. They are imported and nothing more: a connection or a
thread pool that is opened here would be broken in each task.
"""

import importlib
import logging
import sys

from airflow.configuration import conf

LIBRARIES = (
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.standard.decorators.python",
    "boto3",
    "deltalake",
    "obstore",
    "pyarrow.json",
    "pyarrow.parquet",
    "requests",
    "tabulate",  # Airflow's, when a task loads its DAG file
)
__all__: list[str] = []  # every name in it would become one of Airflow's settings

log = logging.getLogger(__name__)


def forks_tasks() -> bool:
    """Whether this is a scheduler whose tasks run beside it, or a worker of Celery."""
    if sys.argv[1:2] == ["scheduler"]:
        return "LocalExecutor" in conf.get("core", "executor")
    return sys.argv[1:3] == ["celery", "worker"]


def import_ahead() -> None:
    """A library that cannot be imported is left to the tasks, whose error names it."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - Airflow must start
            log.warning("%s was not imported ahead of the tasks: %s", name, error)


if forks_tasks():
    import_ahead()

"""Runs the tasks of a DAG as functions, in order, over the real hooks."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from include.lake.store import Store

DAGS = Path(__file__).resolve().parents[2] / "dags"


def load_dag(name: str, folder: Path = DAGS) -> DAG:
    return DagBag(str(folder / f"{name}.py")).dags[name]


def upstream(dag: DAG) -> dict[str, set[str]]:
    return {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **parts: Any) -> None:
    connection = {"conn_type": "http", **parts}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


def connect_lake(monkeypatch: pytest.MonkeyPatch, store: Store, s3_url: str) -> None:
    extra = {
        "endpoint_url": s3_url,
        "region_name": "us-east-1",
        "service_config": {"s3": {"bucket_name": store.bucket}},
    }
    connect(monkeypatch, "lake", conn_type="aws", login="test", password="test", extra=extra)


def run_dag(dag: DAG, conf: dict[str, Any], screen: Path) -> str:
    """Run every task once, passing results as JSON; return the report."""
    results: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATERS_SCREEN", str(screen))
        context = {
            "dag_run": SimpleNamespace(conf=conf),
            "params": dag.params.dump() | conf,
            "run_id": "run 1",
        }
        for task in dag.topological_sort():
            patch.setitem(task.python_callable.__globals__, "get_current_context", lambda: context)
            inputs = [results[argument.operator.task_id] for argument in task.op_args]
            results[task.task_id] = json.loads(json.dumps(task.python_callable(*inputs)))
    return screen.read_text(encoding="utf-8")

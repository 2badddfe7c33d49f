"""The tasks of the DAG in their order, over the connections that it opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from include.first.lake import Lake
from include.first.quality import AuditFailed
from include.vin_snapshots.fetch import KEYS
from tests.vin_snapshots.stub import Stub, vehicle

DAGS = Path(__file__).resolve().parents[2] / "dags"
ORDER = ["fetch", "check", "publish", "project", "report"]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def dag() -> DAG:
    return DagBag(str(DAGS / "vin_snapshots.py")).dags["vin_snapshots"]


@pytest.fixture
def run(
    dag: DAG, stub: Stub, lake: Lake, s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Runs the tasks one after the other, as JSON between them; gives the screen."""
    of_lake = {
        "conn_type": "aws",
        "login": "test",
        "password": "test",
        "extra": {
            "endpoint_url": s3_url,
            "region_name": "us-east-1",
            "service_config": {"s3": {"bucket_name": lake.bucket}},
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(of_lake))
    of_service = {"conn_type": "http", "host": stub.url}
    monkeypatch.setenv("AIRFLOW_CONN_VIN_API", json.dumps(of_service))
    screen = tmp_path / "screen.txt"
    monkeypatch.setenv("HEADWATERS_SCREEN", str(screen))

    def run(**conf: Any) -> str:
        context = {
            "dag_run": SimpleNamespace(conf=conf),
            "params": dag.params.dump() | conf,
            "run_id": "run 1",
        }
        handed_on: list[Any] = []
        for task_id in ORDER:
            function = dag.get_task(task_id).python_callable
            monkeypatch.setitem(function.__globals__, "get_current_context", lambda: context)
            handed_on = [json.loads(json.dumps(function(*handed_on)))]
        return screen.read_text(encoding="utf-8")

    return run


def test_the_tasks_are_one_chain(dag: DAG) -> None:
    """Each waits for the one before."""
    waits_for = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert waits_for == {
        task: {before} if before else set()
        for before, task in zip(["", *ORDER], ORDER, strict=False)
    }


def test_a_run_publishes_and_the_next_says_unchanged(run: Run, lake: Lake) -> None:
    """The screen says what came of it; the plain file has the vehicles."""
    assert run().startswith("# VIN snapshots: version 1, 3 vehicles\n")
    assert lake.read_parquet(KEYS.vehicles).num_rows == 3
    assert lake.receipt(KEYS.table, 1)["run_id"] == "run 1"
    assert run().startswith("# VIN snapshots: unchanged, 3 vehicles; nothing was committed\n")


def test_a_dry_run_leaves_nothing_for_readers(run: Run, lake: Lake) -> None:
    """Neither a table nor a plain file."""
    assert run(dry_run=True).startswith("# VIN snapshots: dry run, 3 vehicles;")
    assert lake.head(KEYS.table).version == -1
    assert lake.made_from(KEYS.vehicles) is None


def test_a_reason_reaches_the_check(run: Run, stub: Stub, lake: Lake) -> None:
    """Without it the run fails, and readers keep what they have."""
    run()
    stub.has([vehicle(1)])
    with pytest.raises(AuditFailed, match="2 of 3 are gone"):
        run()
    assert lake.read_parquet(KEYS.vehicles).num_rows == 3
    screen = run(accept={"vehicles": "two cars were sold"})
    assert "accepted: vehicles: 2 of 3 are gone; two cars were sold" in screen
    assert lake.read_parquet(KEYS.vehicles).num_rows == 1

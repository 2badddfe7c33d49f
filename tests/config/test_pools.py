"""Each API has a pool, and each task that calls an API runs in one."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from local import airflow_home
from local.airflow_home import RUNS, UI, migrate
from local.s3_engine import ROOT

POOLS = json.loads((ROOT / "config" / "pools.json").read_text())
DEFAULT = "default_pool"


def apis() -> dict[str, str]:
    """The connection of each HTTP hook, by the name of the hook."""
    found = {}
    for path in (ROOT / "plugins" / "hooks").glob("*_hook.py"):
        for name, hook in vars(importlib.import_module(f"plugins.hooks.{path.stem}")).items():
            if getattr(hook, "conn_type", None) == "http" and "default_conn_name" in vars(hook):
                found[name] = hook.default_conn_name
    return found


def connections_of(task_id: str, file: Path) -> set[str]:
    """The API connections that a task's function uses, directly or through others."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    reached: set[str] = set()
    waiting = [functions[task_id.rpartition(".")[2]]]
    while waiting:
        names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)}
        waiting += [functions[name] for name in names & functions.keys() - reached]
        reached |= names
    connections = apis()
    return {connections[hook] for hook in connections.keys() & reached}


def test_tasks_run_in_the_pool_of_the_api_that_they_call():
    used = set()
    for dag in DagBag(str(ROOT / "dags")).dags.values():
        for task in dag.tasks:
            called = connections_of(task.task_id, Path(dag.fileloc)) & POOLS.keys() or {DEFAULT}
            assert task.pool in called, f"{dag.dag_id}.{task.task_id} calls {called}"
            used.add(task.pool)
    assert POOLS.keys() == used - {DEFAULT}


def test_pools_have_slots_and_a_description():
    for name, pool in POOLS.items():
        assert pool.keys() == {"slots", "description"}, name
        assert pool["slots"] >= 1, name
        assert pool["description"].endswith("."), name


def test_containers_import_the_pools_after_migration():
    compose = (ROOT / "docker-compose.yaml").read_text()
    folder = re.search(r"^WORKDIR (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert folder
    assert f"airflow db migrate && airflow pools import {folder[1]}/config/pools.json" in compose


def test_make_ui_imports_the_pools_after_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also after a change; `dags test` uses no pools."""
    pools = tmp_path / "config" / "pools.json"
    pools.parent.mkdir()
    pools.write_text("{}")
    monkeypatch.setattr(airflow_home, "AIRFLOW", ("sh", "-c", 'echo "$0 $*" >> commands'))
    migrations = ["db migrate", f"pools import {pools}"]
    messages: list[str] = []

    migrate(tmp_path, UI, {}, messages.append)
    migrate(tmp_path, UI, {}, messages.append)
    assert (tmp_path / "commands").read_text().splitlines() == migrations
    assert messages == ["making Airflow's database, once ..."]
    pools.write_text('{"an_api": {"slots": 1, "description": "Why."}}')
    migrate(tmp_path, UI, {}, messages.append)
    migrate(tmp_path, RUNS, {}, messages.append)
    assert (tmp_path / "commands").read_text().splitlines() == [*2 * migrations, "db migrate"]

"""Each API has a pool, and each task that asks an API waits for a slot of one."""

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
    """The connection of each hook that leads to an API, by the hook's name."""
    found = {}
    for path in (ROOT / "plugins" / "hooks").glob("*_hook.py"):
        for name, hook in vars(importlib.import_module(f"plugins.hooks.{path.stem}")).items():
            if getattr(hook, "conn_type", None) == "http" and "default_conn_name" in vars(hook):
                found[name] = hook.default_conn_name
    return found


def asked_by(task_id: str, file: Path) -> set[str]:
    """The connections of the APIs that a task's function, and those it names, can reach."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    reached: set[str] = set()
    waiting = [functions[task_id.rpartition(".")[2]]]
    while waiting:
        names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)}
        waiting += [functions[name] for name in names & functions.keys() - reached]
        reached |= names
    of_hooks = apis()
    return {of_hooks[hook] for hook in of_hooks.keys() & reached}


def test_a_task_that_asks_an_api_with_a_pool_is_in_it_and_no_other_task_is():
    used = set()
    for dag in DagBag(str(ROOT / "dags")).dags.values():
        for task in dag.tasks:
            asked = asked_by(task.task_id, Path(dag.fileloc)) & POOLS.keys() or {DEFAULT}
            assert task.pool in asked, f"{dag.dag_id}.{task.task_id} asks {asked}"
            used.add(task.pool)
    assert POOLS.keys() == used - {DEFAULT}


def test_each_pool_has_a_limit_and_says_why():
    for name, pool in POOLS.items():
        assert pool.keys() == {"slots", "description"}, name
        assert pool["slots"] >= 1, name
        assert pool["description"].endswith("."), name


def test_containers_get_the_pools_with_the_database():
    compose = (ROOT / "docker-compose.yaml").read_text()
    folder = re.search(r"^WORKDIR (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert folder
    assert f"airflow db migrate && airflow pools import {folder[1]}/config/pools.json" in compose


def test_make_ui_gets_the_pools_with_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Again when they changed; the database of `dags test`, which looks for none, has none."""
    pools = tmp_path / "config" / "pools.json"
    pools.parent.mkdir()
    pools.write_text("{}")
    monkeypatch.setattr(airflow_home, "AIRFLOW", ("sh", "-c", 'echo "$0 $*" >> commands'))
    migrations = ["db migrate", f"pools import {pools}"]

    assert migrate(tmp_path, UI, {})
    assert not migrate(tmp_path, UI, {})
    assert (tmp_path / "commands").read_text().splitlines() == migrations
    pools.write_text('{"an_api": {"slots": 1, "description": "Why."}}')
    assert migrate(tmp_path, UI, {})
    assert migrate(tmp_path, RUNS, {})
    assert (tmp_path / "commands").read_text().splitlines() == [*2 * migrations, "db migrate"]

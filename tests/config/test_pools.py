"""Each API has a pool, and each task that asks an API waits for a slot of it."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from local import airflow_home
from local.airflow_home import RUNS, UI, migrate

ROOT = Path(__file__).resolve().parents[2]
POOLS = json.loads((ROOT / "config" / "pools.json").read_text())
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
DEFAULT = "default_pool"


def apis() -> dict[str, str]:
    """The connection of each hook that leads to an API, by the hook's name."""
    found = {}
    for path in (ROOT / "plugins" / "hooks").glob("*_hook.py"):
        module = importlib.import_module(f"plugins.hooks.{path.stem}")
        for name, hook in vars(module).items():
            if getattr(hook, "conn_type", None) == "http" and hook.__module__ == module.__name__:
                found[name] = hook.default_conn_name
    return found


def names_reached(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """All names of a function, and of the functions of its file that it names, and so on."""
    reached: set[str] = set()
    waiting = [function]
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id not in reached:
                reached.add(node.id)
                waiting += [functions[node.id]] if node.id in functions else []
    return reached


def asked_by_tasks(file: Path) -> Iterator[tuple[str, set[str]]]:
    """Each function of a DAG file with the connections of the APIs that its code can reach."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    of_hooks = apis()
    for name, function in functions.items():
        reached = names_reached(function, functions)
        yield name, {of_hooks[hook] for hook in of_hooks.keys() & reached}


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


def test_each_api_has_a_pool_of_its_name() -> None:
    """And there is no other pool; each has a limit, and says why it is that."""
    assert POOLS.keys() == set(apis().values()), "config/pools.json has each API, and no other"
    for name, pool in POOLS.items():
        assert pool.keys() == {"slots", "description"}, name
        assert pool["slots"] >= 1, name
        assert pool["description"].endswith("."), name


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_task_that_asks_an_api_is_in_its_pool(dagbag: DagBag, file: Path) -> None:
    """One API a task, for a task has one pool; what asks none takes nobody's slot."""
    asked = dict(asked_by_tasks(file))
    tasks = [
        task for dag in dagbag.dags.values() if Path(dag.fileloc) == file for task in dag.tasks
    ]
    assert any(asked[task.task_id.rpartition(".")[2]] for task in tasks)
    for task in tasks:
        wanted = asked[task.task_id.rpartition(".")[2]] or {DEFAULT}
        assert {task.pool} == wanted, (
            f"{task.dag_id}.{task.task_id} is in the pool {task.pool} and asks "
            f"{', '.join(sorted(wanted))}: name it as @task(pool=...), and ask one API a task"
        )


def test_containers_get_the_pools_with_the_database() -> None:
    """The image has the file where the migration of each profile looks for it."""
    compose = (ROOT / "docker-compose.yaml").read_text()
    folder = re.search(r"^WORKDIR (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert folder
    assert f"airflow db migrate && airflow pools import {folder[1]}/config/pools.json" in compose


def test_make_ui_gets_the_pools_with_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again when they changed; the database of `dags test`, which looks for none, has none."""
    pools = tmp_path / "config" / "pools.json"
    pools.parent.mkdir()
    pools.write_text("{}")
    monkeypatch.setattr(airflow_home, "AIRFLOW", ("sh", "-c", 'echo "$0 $*" >> commands'))
    migrations = ["db migrate", f"pools import {pools}"]

    assert migrate(tmp_path, UI, {})
    assert (tmp_path / "commands").read_text().splitlines() == migrations
    assert not migrate(tmp_path, UI, {})
    pools.write_text('{"an_api": {"slots": 1, "description": "Why."}}')
    assert migrate(tmp_path, UI, {})
    assert (tmp_path / "commands").read_text().splitlines() == 2 * migrations
    assert migrate(tmp_path, RUNS, {})
    assert (tmp_path / "commands").read_text().splitlines() == [*2 * migrations, "db migrate"]

"""The form of `subject_books`, and where its subjects lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from fakes.made_up_books import BIG, SMALL
from fakes.made_up_curiosities import SUBJECT
from include.first.keys import Keys, Turn
from include.subject_books.versions import KEYS

FILE = Path(__file__).resolve().parents[2] / "dags" / "subject_books.py"
TASKS = {
    "read": set(),
    "shape": {"read"},
    "publish": {"shape"},
    "load": {"publish"},
    "report": {"publish", "load"},
}


@pytest.fixture(scope="module")
def dag() -> DAG:
    return DagBag(str(FILE)).dags["subject_books"]


def test_tasks_in_order(dag: DAG) -> None:
    """The files are published before the database is loaded; the report comes last."""
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == TASKS


def test_one_run_at_a_time(dag: DAG) -> None:
    """Two runs would ask twice as fast as Open Library likes."""
    assert dag.max_active_runs == 1


def test_the_usual_run(dag: DAG) -> None:
    """The form starts with what a usual run is, and explains each param."""
    usual = {"subject": "data_mining", "limit": 500, "dry_run": False, "accept": {}}
    assert dag.params.dump() == usual
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.description
        assert param.schema["title"]


@pytest.mark.parametrize(
    "subject", [BIG, SMALL, SUBJECT, "19th_century", "science-fiction", "a" * 100]
)
def test_subjects_that_are_taken(dag: DAG, subject: str) -> None:
    """Lower-case words and numbers, joined."""
    assert dag.params.get_param("subject").resolve(subject) == subject


@pytest.mark.parametrize(
    "subject",
    [
        *("", "Love", "data mining", "a/b", "..", "_a", "a_", "a__b", "a\n", "ünder", "a" * 101),
        *("person:x", None, 7),
    ],
    ids=str,
)
def test_subjects_that_are_refused(dag: DAG, subject: Any) -> None:
    """Upper case would be a redirect that loses the question; a path is no name of a folder."""
    with pytest.raises(ParamValidationError):
        dag.params.get_param("subject").resolve(subject)


def test_no_subject_lies_in_a_folder_that_means_something_else(dag: DAG) -> None:
    """What the lake or its copies treat in their own way is refused as a subject."""
    taken = {"staging", "raw", "table", "ledger", "quarantine"}
    assert Turn.of(f"{KEYS.folder}staging/x") == Turn.NEVER
    ours = vars(Keys("subject_books")).values()
    assert {folder.split("/")[1] for folder in ours if "/" in folder} >= taken - {""}
    for name in taken:
        with pytest.raises(ParamValidationError):
            dag.params.get_param("subject").resolve(name)


@pytest.mark.parametrize("limit", [100, 1000])
def test_limits_that_are_taken(dag: DAG, limit: int) -> None:
    """From 100 to 1,000, both included."""
    assert dag.params.get_param("limit").resolve(limit) == limit


@pytest.mark.parametrize("limit", [99, 1001, 0, -1, 100.5, "500", True, None], ids=str)
def test_limits_that_are_refused(dag: DAG, limit: Any) -> None:
    """Anything else is refused before a task runs."""
    with pytest.raises(ParamValidationError):
        dag.params.get_param("limit").resolve(limit)


def test_versions_sort_by_their_number() -> None:
    """The keys of versions are in the order of their numbers, and tell them."""
    keys = [KEYS.version("love", number) for number in (1, 2, 9, 10, 11, 100)]
    assert keys == sorted(keys)
    assert [KEYS.number_of(key) for key in keys] == [1, 2, 9, 10, 11, 100]
    assert all(key.startswith(KEYS.versions("love")) for key in keys)

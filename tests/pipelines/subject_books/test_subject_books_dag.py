from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

FILE = Path(__file__).resolve().parents[3] / "dags" / "subject_books.py"
TASKS = {
    "extract": set(),
    "transform": {"extract"},
    "publish": {"extract", "transform"},
    "load": {"publish"},
    "report": {"publish", "load"},
}


@pytest.fixture(scope="module")
def dag() -> DAG:
    return DagBag(str(FILE)).dags["subject_books"]


def test_dag_has_its_tasks_in_order(dag: DAG) -> None:
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == TASKS


def test_dag_runs_once_at_a_time(dag: DAG) -> None:
    """Two runs would ask twice as fast as Open Library takes."""
    assert dag.max_active_runs == 1


def test_form_starts_with_a_usual_run_and_explains_each_param(dag: DAG) -> None:
    usual = {"subject": "data_mining", "limit": 500, "dry_run": False, "waive": {}}
    assert dag.params.dump() == usual
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.description
        assert param.schema["title"]


def test_form_leaves_the_spelling_of_subjects_to_the_pipeline(dag: DAG) -> None:
    """Which answers with a sentence, not with a regular expression."""
    for subject in ("place:london", "Data Mining"):
        assert dag.params.get_param("subject").resolve(subject) == subject


@pytest.mark.parametrize("limit", [100, 1000])
def test_limit_at_its_ends_is_valid(dag: DAG, limit: int) -> None:
    assert dag.params.get_param("limit").resolve(limit) == limit


@pytest.mark.parametrize("limit", [99, 1001, 0, -1, 100.5, "500", True, None], ids=str)
def test_limit_of_another_size_or_type_is_refused(dag: DAG, limit: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param("limit").resolve(limit)

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from tests.pipelines.dag_runs import load_dag, upstream


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag("subject_books")


def test_dag_has_its_tasks_and_one_active_run(dag: DAG) -> None:
    """Two runs would exceed the rate limit of Open Library."""
    assert upstream(dag) == {
        "extract": set(),
        "transform": {"extract"},
        "publish": {"extract", "transform"},
        "load": {"publish"},
        "report": {"publish", "load"},
    }
    assert dag.max_active_runs == 1


def test_form_has_defaults_and_accepts_any_spelling(dag: DAG) -> None:
    """The pipeline checks the spelling and suggests the right one."""
    defaults = {"subject": "data_mining", "limit": 500, "dry_run": False, "waive": {}}
    assert dag.params.dump() == defaults
    for subject in ("place:london", "Data Mining"):
        assert dag.params.get_param("subject").resolve(subject) == subject


@pytest.mark.parametrize("limit", [99, 1001, 0, -1, 100.5, "500", True, None], ids=str)
def test_invalid_limit_is_refused(dag: DAG, limit: Any) -> None:
    assert dag.params.get_param("limit").resolve(100) == 100
    assert dag.params.get_param("limit").resolve(1000) == 1000
    with pytest.raises(ParamValidationError):
        dag.params.get_param("limit").resolve(limit)

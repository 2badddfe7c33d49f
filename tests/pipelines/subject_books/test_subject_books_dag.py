from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from tests.pipelines.dag_runs import load_dag, upstream


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag("subject_books")


def test_dag_has_its_tasks_in_order_and_runs_once_at_a_time(dag: DAG) -> None:
    """Two runs would ask twice as fast as Open Library takes."""
    assert upstream(dag) == {
        "extract": set(),
        "transform": {"extract"},
        "publish": {"extract", "transform"},
        "load": {"publish"},
        "report": {"publish", "load"},
    }
    assert dag.max_active_runs == 1


def test_form_starts_with_a_usual_run_and_leaves_spelling_to_the_pipeline(dag: DAG) -> None:
    """Which answers with a sentence, not with a regular expression."""
    usual = {"subject": "data_mining", "limit": 500, "dry_run": False, "waive": {}}
    assert dag.params.dump() == usual
    for subject in ("place:london", "Data Mining"):
        assert dag.params.get_param("subject").resolve(subject) == subject


@pytest.mark.parametrize("limit", [99, 1001, 0, -1, 100.5, "500", True, None], ids=str)
def test_limit_of_another_size_or_type_is_refused(dag: DAG, limit: Any) -> None:
    assert dag.params.get_param("limit").resolve(100) == 100
    assert dag.params.get_param("limit").resolve(1000) == 1000
    with pytest.raises(ParamValidationError):
        dag.params.get_param("limit").resolve(limit)

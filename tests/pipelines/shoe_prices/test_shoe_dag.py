"""The DAG's tasks and form; its params reach the pipeline."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from include.shoe_prices import pipeline
from tests.pipelines.dag_runs import load_dag, upstream


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag("shoe_prices")


def extract_with(
    dag: DAG, monkeypatch: pytest.MonkeyPatch, logical_date: datetime | None, **params: Any
) -> list[Any]:
    """Run the task `extract`; return the arguments that it passes to the pipeline."""
    passed: list[Any] = []
    run_after = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    context = {
        "dag_run": SimpleNamespace(conf=params, logical_date=logical_date, run_after=run_after),
        "params": dag.params.dump() | params,
        "run_id": "run 1",
    }
    task = dag.get_task("extract").python_callable
    monkeypatch.setitem(task.__globals__, "get_current_context", lambda: context)
    monkeypatch.setitem(task.__globals__, "store", lambda: "store")
    for name, client in (("ecb", "Ecb"), ("shop", "Shop")):
        hook = f"plugins.hooks.{name}_hook.{client}Hook.get_conn"
        monkeypatch.setattr(hook, lambda _, client=client: client)
    monkeypatch.setattr(pipeline, "extract", lambda *arguments: passed.extend(arguments))
    task()
    return passed


def test_dag_is_a_chain_with_default_params(dag: DAG) -> None:
    assert upstream(dag) == {
        "extract": set(),
        "transform": {"extract"},
        "publish": {"extract", "transform"},
        "report": {"publish"},
    }
    days = dict.fromkeys(("rate_date", "start_date", "end_date"))
    assert dag.params.dump() == {"category": "Shoes", **days, "dry_run": False, "waive": {}}


@pytest.mark.parametrize(
    ("name", "value"),
    [("category", ""), ("category", " "), ("rate_date", "2023-02-30"), ("end_date", "today")],
)
def test_dag_form_refuses_bad_values(dag: DAG, name: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


def test_extract_without_params_uses_the_day_of_the_run(
    dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening = datetime(2026, 11, 20, 17, tzinfo=UTC)
    *clients, store, run_id, days, category = extract_with(dag, monkeypatch, evening)
    assert (clients, store, run_id, category) == (["Shop", "Ecb"], "store", "run 1", "Shoes")
    assert days == (None, date(2026, 11, 20))
    assert extract_with(dag, monkeypatch, None)[4] == (None, date(2026, 11, 21))


def test_extract_passes_params_to_the_pipeline(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"start_date": "2023-02-06", "end_date": "2023-02-10", "category": "Clothes"}
    passed = extract_with(dag, monkeypatch, None, **params)
    assert passed[4:] == [(date(2023, 2, 6), date(2023, 2, 10)), "Clothes"]

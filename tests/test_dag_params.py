"""What a run is asked for reaches the code that does it; stand-ins note what they are given."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from include.vehicle_recalls import ledger, project, publish, report, run

DAGS = Path(__file__).resolve().parent.parent / "dags"
DAILY, BY_YEAR = "vehicle_recalls", "vehicle_recalls_by_year"
LAKE, API = object(), object()


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(str(DAGS))


class Run:
    """The tasks of one run, called as functions; `calls` has what they handed on."""

    def __init__(self, dagbag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dagbag, self.monkeypatch = dagbag, monkeypatch
        self.calls: dict[str, tuple[Any, ...]] = {}
        for module, name in [
            (run, "begin"),
            (run, "fetch"),
            (publish, "publish"),
            (project, "project_years"),
            (project, "project_aggregates"),
            (ledger, "bring_to_head"),
            (report, "project_reports"),
            (report, "render"),
        ]:
            monkeypatch.setattr(module, name, self._noting(name))

    def _noting(self, name: str) -> Any:
        def stand_in(*given: Any, **named: Any) -> str:
            self.calls[name] = (*given, *named.values())
            return name

        return stand_in

    def census(
        self,
        dag_id: str,
        *,
        conf: Any = None,
        key: str | None = None,
        years: Any = (),
        source: str = "api",
    ) -> Any:
        dag_run = SimpleNamespace(conf=conf, partition_key=key)
        params = {"years": list(years), "source": source}
        context = {"dag_run": dag_run, "params": params, "run_id": "run 1"}
        return self.task(dag_id, "census", context)(one_year=dag_id == BY_YEAR)

    def task(self, dag_id: str, task_id: str, context: dict[str, Any]) -> Any:
        function = self.dagbag.dags[dag_id].get_task(task_id).python_callable
        for name, stand_in in [
            ("get_current_context", lambda: context),
            ("lake", lambda: LAKE),
            ("recalls_api", API),
        ]:
            self.monkeypatch.setitem(function.__globals__, name, stand_in)
        return function


@pytest.fixture
def a_run(dagbag: DagBag, monkeypatch) -> Run:
    monkeypatch.delenv("HEADWATERS_SCREEN", raising=False)
    return Run(dagbag, monkeypatch)


@pytest.mark.parametrize("dag_id", [DAILY, BY_YEAR])
def test_each_dag_says_which_kind_it_is(dagbag: DagBag, dag_id: str):
    """Only the census of the DAG by year is told that it reads one year."""
    census = dagbag.dags[dag_id].get_task("census")
    assert census.op_kwargs == {"one_year": dag_id == BY_YEAR}


@pytest.mark.parametrize("years", [[], [2019], [2019, 2024]])
def test_the_years_asked_for_are_read(a_run: Run, years: list[int]):
    """The census is taken of the years in the params, for this run, and its parts handed on."""
    assert a_run.census(DAILY, conf={"years": years}, years=years) == "begin"
    assert a_run.calls == {"begin": (API, LAKE, years, "api", "run 1")}


def test_a_partition_key_is_the_year_that_is_read(a_run: Run):
    """A run of the backfill form reads its own year, whatever else the params say."""
    a_run.census(BY_YEAR, key="2017", years=[2019, 2020])
    assert a_run.calls["begin"] == (API, LAKE, [2017], "api", "run 1")


def test_a_replay_is_begun_without_the_api(a_run: Run):
    """The source reaches what begins a run; nothing opens the connection to the API."""
    a_run.census(DAILY, conf={"source": "raw:T1"}, source="raw:T1")
    assert a_run.calls["begin"] == (API, LAKE, [], "raw:T1", "run 1")
    part = {"batch": {"label": "all"}}
    assert a_run.task(DAILY, "batch.extract", {})(part) == "fetch"
    assert a_run.calls["fetch"] == (API, LAKE, part)


@pytest.mark.parametrize("key", ["1965", "9999", "2019-01", "-2019", "last"])
def test_a_partition_key_that_is_no_report_year_is_refused(a_run: Run, key: str):
    """The key is shown, and nothing is read."""
    with pytest.raises(AirflowFailException, match=f"'{key}'"):
        a_run.census(BY_YEAR, key=key)
    assert a_run.calls == {}


def test_by_year_takes_one_year_by_hand(a_run: Run):
    """Started by hand, without a key, it reads the one year in the params."""
    a_run.census(BY_YEAR, conf={"years": [2019]}, years=[2019])
    assert a_run.calls["begin"] == (API, LAKE, [2019], "api", "run 1")


@pytest.mark.parametrize(("years", "named"), [([], "not all"), ([2019, 2020], r"not \[2019, 2020")])
def test_by_year_refuses_any_other_number_of_years(a_run: Run, years: list[int], named: str):
    """Without exactly one year it fails for good, and nothing is read."""
    with pytest.raises(AirflowFailException, match=f"one report year, {named}"):
        a_run.census(BY_YEAR, years=years)
    assert a_run.calls == {}


@pytest.mark.parametrize("dag_id", [DAILY, BY_YEAR])
def test_unknown_conf_is_refused(a_run: Run, dag_id: str):
    """Misspelt keys are named in one line, beside those that exist, and nothing is read."""
    with pytest.raises(AirflowFailException) as told:
        a_run.census(dag_id, conf={"year": 2019, "dryrun": True, "years": [2019]}, years=[2019])
    line = str(told.value)
    assert "has dryrun, year, which" in line
    assert "years, dry_run, accept" in line
    assert ("source" in line) == (dag_id == DAILY)
    assert "\n" not in line
    assert a_run.calls == {}


def test_every_dag_refuses_unknown_conf(dagbag: DagBag, monkeypatch):
    """The first task of each DAG does, before it asks anything of a lake or an API."""
    for dag_id, dag in dagbag.dags.items():
        (first,) = dag.roots
        dag_run = SimpleNamespace(conf={"no_such_param": 1}, partition_key=None)
        context = {"dag_run": dag_run, "params": dag.params.dump(), "run_id": "run 1"}
        task = first.python_callable
        monkeypatch.setitem(task.__globals__, "get_current_context", lambda told=context: told)
        with pytest.raises(AirflowFailException, match="has no_such_param, which this DAG") as told:
            task(**first.op_kwargs)
        assert f"it takes {', '.join(dag.params)}" in str(told.value), dag_id


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_reaches_publish_and_no_projection(a_run: Run, dry_run: bool):
    """Publish is told; year files, aggregations, ledger and reports are then left as they are."""
    accept = {"rows per year": "they really went"}
    context = {"params": {"years": [], "dry_run": dry_run, "accept": accept}}
    published = {"dry_run": dry_run, "years_read": [2019]}
    a_run.task(DAILY, "publish", context)(["part"], ["written"])
    a_run.task(DAILY, "aggregate", context)(published)
    a_run.task(DAILY, "ledger", context)(published)
    a_run.task(DAILY, "report", context)(published)
    assert a_run.calls.pop("publish") == (LAKE, ["part"], ["written"], dry_run, accept)
    assert a_run.calls.pop("render") == (LAKE, published)
    projected = {"project_years", "project_aggregates", "bring_to_head", "project_reports"}
    assert set(a_run.calls) == (set() if dry_run else projected)


def test_a_batch_that_is_alone_is_published_as_a_list(a_run: Run):
    """Of one batch Airflow hands over the bare value."""
    context = {"params": {"years": [], "dry_run": True, "accept": {}}}
    a_run.task(DAILY, "publish", context)(["part"], {"staged": 1})
    assert a_run.calls["publish"] == (LAKE, ["part"], [{"staged": 1}], True, {})

"""The DAG: its order, its form, and what a run is asked for reaching the code that does it."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from include.first.rest import BadRequest
from include.site_outages.run import SINCE, SITE

DAGS = Path(__file__).resolve().parent.parent.parent / "dags"


@pytest.fixture(scope="module")
def dag() -> DAG:
    return DagBag(str(DAGS / "site_outages.py")).dags["site_outages"]


@pytest.fixture
def task(dag, monkeypatch, api, lake):
    """A task as a function, with a run that has these params and the local servers."""

    def task(task_id: str, conf: Any = None, **params: Any) -> Any:
        function = dag.get_task(task_id).python_callable
        context = {
            "dag_run": SimpleNamespace(conf=conf),
            "params": {**dag.params.dump(), **params},
            "run_id": "run 1",
        }
        for name, stand_in in [
            ("get_current_context", lambda: context),
            ("lake", lambda: lake),
            ("krakenflex", lambda: api),
        ]:
            monkeypatch.setitem(function.__globals__, name, stand_in)
        return function

    return task


@pytest.fixture
def run(task):
    """All tasks of a run, in order; gives what `publish` hands on."""

    def run(**params: Any) -> Any:
        begun = task("begin", **params)()
        staged = task("enrich")(begun, task("outages")(begun), task("site")(begun))
        return task("publish")(task("post", **params)(staged))

    return run


def test_outages_and_site_are_asked_for_side_by_side(dag: DAG) -> None:
    """Each task waits for what it needs, and for no more."""
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == {
        "begin": set(),
        "outages": {"begin"},
        "site": {"begin"},
        "enrich": {"begin", "outages", "site"},
        "post": {"enrich"},
        "publish": {"post"},
        "report": {"publish"},
    }


def test_one_run_at_a_time(dag: DAG) -> None:
    """The records of deliveries count on it: who posted last is who stands."""
    assert dag.max_active_runs == 1


def test_the_form_begins_with_the_usual_run(dag: DAG) -> None:
    """Norwich, since 2022, for real; each param is explained."""
    assert dag.params.dump() == {
        "site_id": SITE,
        "since": SINCE,
        "dry_run": False,
        "force": False,
    }
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.description
        assert param.schema["title"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("site_id", value) for value in ("kingfisher", "a", "Site_7-b")],
        ("since", SINCE),
        *[("since", value) for value in ("2022-01-01T00:00Z", "2022-01-01T01:00:00.5+01:00")],
    ],
)
def test_what_is_taken(dag: DAG, name: str, value: str) -> None:
    """Ids of sites, and instants in any precision and offset."""
    assert copy.deepcopy(dag.params.get_param(name)).resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("site_id", value) for value in ("", "../x", "a/b", "a b", ".", "a.parquet", None, 1)],
        *[("since", value) for value in ("", "2022-01-01", "2022-01-01T00:00:00", "now", None, 0)],
        *[(name, value) for name in ("dry_run", "force") for value in ("yes", 1, None)],
    ],
    ids=str,
)
def test_what_is_refused(dag: DAG, name: str, value: Any) -> None:
    """What is none is refused before any task runs."""
    with pytest.raises(ParamValidationError):
        copy.deepcopy(dag.params.get_param(name)).resolve(value)


def test_a_conf_key_that_is_no_param_is_refused(task) -> None:
    """A misspelt `dry_run` would post for real."""
    with pytest.raises(AirflowFailException, match="dryrun, which this DAG does not know"):
        task("begin", conf={"dryrun": True})()
    assert task("begin", conf={"dry_run": True})()["site_id"] == SITE


def test_the_params_reach_the_run(run, accepted) -> None:
    """Another site, another time, force."""
    later = run(site_id="kingfisher", since="2022-12-01T00:00:00Z", dry_run=True)
    assert later["counts"]["posted"] == 1
    posted = [run(site_id="kingfisher", force=force)["posted"] for force in (False, False, True)]
    assert posted == [True, False, True]
    assert len(accepted("kingfisher")) == 2


def test_another_since_is_refused_where_it_matters(run) -> None:
    """KrakenFlex has a rule of its own; the error names the param."""
    with pytest.raises(BadRequest, match="look at what this run set aside, and at its `since`"):
        run(site_id="kingfisher", since="2022-12-01T00:00:00Z")
    assert run(site_id="kingfisher", since="2022-01-01T01:00:00+01:00")["posted"]


def test_a_dry_run_reaches_every_step(run, lake, accepted) -> None:
    """Nothing is posted, nothing is published."""
    assert run(dry_run=True)["version"] is None
    assert accepted(SITE) == []
    assert lake.made_from(f"site_outages/{SITE}.parquet") is None


def test_the_report_is_in_the_log_and_where_it_is_wanted(
    run, task, monkeypatch, tmp_path, caplog
) -> None:
    """Line by line, and as a file when one is named."""
    caplog.set_level("INFO")
    monkeypatch.setenv("HEADWATERS_SCREEN", str(tmp_path / "screen.txt"))
    task("report")(run())
    screen = (tmp_path / "screen.txt").read_text(encoding="utf-8")
    assert screen.startswith(f"# Outages of {SITE}: 11 outages posted")
    assert all(line in caplog.text for line in screen.splitlines())

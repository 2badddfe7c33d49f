"""The DAG's tasks, form, runs and connection."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from fakes.control import Control
from include.http.errors import BadRequest
from include.lake.store import Store
from include.site_outages.client import PATH
from plugins.hooks.krakenflex_hook import KrakenFlexHook
from tests.pipelines.dag_runs import connect, connect_lake, load_dag, run_dag, upstream
from tests.pipelines.site_outages.conftest import SINCE, SITE


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag("site_outages")


@pytest.fixture
def run(
    dag: DAG,
    replica: Control,
    store: Store,
    s3_url: str,
    recalls_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., str]:
    assert not replica.faults
    connect_lake(monkeypatch, store, s3_url)
    connect(monkeypatch, "krakenflex_api", host=recalls_url, password=" local-key\n")
    return lambda **conf: run_dag(dag, conf, tmp_path / "screen.txt")


def test_dag_is_a_chain_with_default_params(dag: DAG) -> None:
    assert upstream(dag) == {
        "extract": set(),
        "transform": {"extract"},
        "deliver": {"extract", "transform"},
        "publish": {"extract", "deliver"},
        "report": {"publish"},
    }
    defaults = {"site_id": SITE, "since": SINCE, "dry_run": False, "force": False}
    assert dag.params.dump() == defaults


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("site_id", value) for value in ("", "../x", "a/b", "a b", "a\n", None, 1)],
        *[("since", value) for value in ("", "2022-01-01", "2022-01-01T00:00:00", "now", None)],
        *[(name, "yes") for name in ("dry_run", "force")],
    ],
    ids=str,
)
def test_form_refuses_invalid_values(dag: DAG, name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        copy.deepcopy(dag.params.get_param(name)).resolve(value)


def test_unknown_conf_is_refused(run, accepted) -> None:
    """Otherwise a misspelled `dry_run` would post."""
    with pytest.raises(AirflowFailException, match="dryrun, which this DAG does not know"):
        run(dryrun=True)
    assert accepted(SITE) == []


def test_run_uses_its_params(run, accepted) -> None:
    later = run(site_id="kingfisher", since="2022-12-01T00:00:00Z", dry_run=True)
    assert later.startswith("# Site outages: dry run, would post 1 outage of kingfisher")
    posted = [
        "posted 3" in run(site_id="kingfisher", force=force) for force in (False, False, True)
    ]
    assert posted == [True, False, True]
    assert len(accepted("kingfisher")) == 2


def test_krakenflex_refuses_a_later_since(run, plain, store) -> None:
    with pytest.raises(BadRequest, match="look at the quarantine and at `since`"):
        run(site_id="kingfisher", since="2022-12-01T00:00:00Z")
    assert store.get_if_exists("site_outages/kingfisher.parquet") is None
    run(site_id="kingfisher", since="2022-01-01T01:00:00+01:00")
    assert plain("kingfisher").num_rows == 3


@pytest.mark.parametrize("path", ["", "/", PATH])
def test_connection_with_or_without_path_works(
    monkeypatch: pytest.MonkeyPatch, recalls_url: str, path: str
) -> None:
    connect(monkeypatch, "krakenflex_api", host=recalls_url + path, password="local-key")
    assert KrakenFlexHook().test_connection() == (True, "the API answers with its list of outages")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (" ", "the connection `krakenflex_api` has no password; set it to the key of the API"),
        ("not-the-key", "The key is the password of the connection `krakenflex_api`: correct it"),
    ],
)
def test_connection_with_invalid_key_gives_a_hint(
    monkeypatch: pytest.MonkeyPatch, recalls_url: str, password: str, sentence: str
) -> None:
    connect(monkeypatch, "krakenflex_api", host=recalls_url, password=password)
    good, answer = KrakenFlexHook().test_connection()
    assert not good
    assert sentence in answer
    assert "not-the-key" not in answer

"""The DAG's tasks and params, and its hook."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from include.data.checks import ChecksFailed
from plugins.hooks.vin_hook import VinHook
from tests.http.raw_server import message
from tests.pipelines.dag_runs import connect, connect_lake, load_dag, run_dag, upstream
from tests.pipelines.vin_snapshots.stub import Stub, vehicle

KEY = "a-key-of-some-length"


@pytest.fixture(scope="module")
def dag() -> DAG:
    return load_dag("vin_snapshots")


@pytest.fixture
def run(
    dag: DAG, stub: Stub, store: Any, s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    connect_lake(monkeypatch, store, s3_url)
    connect(monkeypatch, "vin_api", host=stub.url, password=f" {KEY}\n")
    return lambda **conf: run_dag(dag, conf, tmp_path / "screen.txt")


def test_dag_is_a_chain(dag: DAG) -> None:
    assert upstream(dag) == {
        "extract": set(),
        "transform": {"extract"},
        "publish": {"extract", "transform"},
        "report": {"publish"},
    }


def test_second_run_is_unchanged(run: Callable[..., str], stub: Stub) -> None:
    assert run().startswith("# VIN snapshots: version 1, 3 vehicles\n")
    assert run().startswith("# VIN snapshots: unchanged, 3 vehicles; nothing was committed\n")
    assert stub.asked == [("GET /export", KEY)] * 2


def test_run_uses_its_params(run: Callable[..., str], stub: Stub) -> None:
    run()
    stub.has([vehicle(1)])
    with pytest.raises(ChecksFailed, match="rows in total"):
        run(dry_run=True)
    waive = {"rows in total": "two cars were sold"}
    assert "dry run, 1 vehicle;" in run(dry_run=True, waive=waive)
    assert "version 2, 1 vehicle\n" in run(waive=waive)


def test_unknown_conf_is_refused(run: Callable[..., str], stub: Stub) -> None:
    with pytest.raises(AirflowFailException, match="accept, which this DAG does not know"):
        run(accept={})
    assert stub.asked == []


def test_valid_connection_works(monkeypatch: pytest.MonkeyPatch, stub: Stub) -> None:
    stub.answers = [message(b'{"detail": "a VIN has 17 characters"}', 404)]
    connect(monkeypatch, "vin_api", host=stub.url, password=KEY)
    assert VinHook().test_connection() == (True, "the VIN service answers")
    connect(monkeypatch, "vin_api", host=stub.url)
    assert VinHook().test_connection() == (True, "the VIN service answers")
    assert [key for _, key in stub.asked] == [KEY, None]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "The password of the connection `vin_api` is the VIN_API_KEY of the service"),
        ({"host": "http://127.0.0.1:9"}, "nothing answers there"),
        ({"host": ""}, "has no host; set it to http://127.0.0.1:8090, if the service is on this"),
    ],
    ids=["wrong key", "nothing there", "no host"],
)
def test_invalid_connection_gives_a_hint(
    monkeypatch: pytest.MonkeyPatch, stub: Stub, parts: dict[str, str], sentence: str
) -> None:
    stub.answers = [message(status=401)]
    connect(monkeypatch, "vin_api", **{"host": stub.url, "password": "wrong"} | parts)
    good, answer = VinHook().test_connection()
    assert not good
    assert sentence in answer
    assert "wrong" not in answer

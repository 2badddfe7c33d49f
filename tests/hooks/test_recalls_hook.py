"""The connection `recalls_api`: what it may say, and what testing it answers when it is wrong."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.vehicle_recalls.source import Batch, RecallsApi
from plugins.hooks.recalls_hook import RecallsHook

ALL = Batch("all", None, None, undated=True)
Connect = Callable[..., RecallsHook]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control) -> Connect:
    """A hook whose connection leads to the replica, unless something else is said."""
    assert not replica.faults

    def connect(**parts: Any) -> RecallsHook:
        connection = {"conn_type": "http", "host": recalls_url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_RECALLS_API", json.dumps(connection))
        return RecallsHook()

    return connect


@pytest.fixture
def some_other_server(tmp_path: Path) -> Iterator[str]:
    """A server that knows nothing of recalls."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_hook_opens_the_recalls_api(connect: Connect, replica: Control) -> None:
    """A host alone is enough: the dataset is NHTSA's, and one page holds 20,000 rows."""
    api = connect().get_conn()
    assert isinstance(api, RecallsApi)
    assert api.count(ALL)[0] == 1200
    next(api.pages(ALL))
    assert replica.requests[-1].path == "/resource/6axg-epim.json"
    assert replica.requests[-1].params["$limit"] == "20000"


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one API serves."""
    hook = RecallsHook("recalls_api_of_tomorrow")
    with pytest.raises(Exception, match="recalls_api_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert hook.get_conn() is hook.get_conn()


@pytest.mark.parametrize("size", [1000, "1000"])
def test_the_extra_says_dataset_and_page_size(
    connect: Connect, replica: Control, size: object
) -> None:
    """Page size may be a number or, as forms store it, text; the dataset may be another."""
    pages = connect(extra={"page_size": size, "dataset": "6axg-epim"}).get_conn().pages(ALL)
    assert [len(page.ids) for page in pages] == [1000, 200]
    assert not connect(extra={"dataset": "aaaa-bbbb"}).test_connection()[0]
    assert replica.requests[-1].path == "/resource/aaaa-bbbb.json"


@pytest.mark.parametrize("size", [0, -1, 50_001, "many", 1.5, True, None, "", []])
def test_a_page_size_that_is_none_is_refused(connect: Connect, size: object) -> None:
    """A page size out of bounds is one line that names the connection and the bounds."""
    hook = connect(extra={"page_size": size})
    with pytest.raises(
        PermanentError, match=r"`page_size` of the connection `recalls_api`.+ 1 to 50000"
    ):
        hook.get_conn()
    assert hook.test_connection()[0] is False


@pytest.mark.parametrize(
    "parts",
    [
        lambda host, port: {"host": f"http://{host}:{port}/"},
        lambda host, port: {"host": f"http://{host}", "port": port},
        lambda host, port: {"host": host, "port": port, "schema": "http"},
        lambda host, port: {"host": f" {host}:{port} ", "schema": "http"},
        lambda host, port: {"host": f"http://{host}:{port}", "port": 9},
    ],
)
def test_a_host_may_be_written_in_many_ways(
    connect: Connect, recalls_url: str, parts: Callable[[str, int], dict[str, Any]]
) -> None:
    """Scheme and port may stand in the host or in fields of their own."""
    host, port = recalls_url.removeprefix("http://").split(":")
    assert connect(**parts(host, int(port))).get_conn().count(ALL)[0] == 1200


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"host": "data.transportation.gov"}, "https://data.transportation.gov"),
        ({"host": "gateway.example/socrata/"}, "https://gateway.example/socrata"),
        ({"host": "gateway.example/x", "port": 8443}, "https://gateway.example:8443/x"),
    ],
)
def test_without_a_scheme_https_is_meant(connect: Connect, parts: dict[str, Any], url: str) -> None:
    """A plain host is asked by https, under the path that it may have."""
    assert connect(**parts).get_conn()._soda._client.base_url == url


def test_a_good_connection_says_so(connect: Connect, replica: Control) -> None:
    """With or without a token that is valid, testing needs one question."""
    assert connect(password=" local-token\n").test_connection() == (
        True,
        "the API answers with all 18 columns",
    )
    assert len(replica.requests) == 1


def test_new_columns_are_no_fault(connect: Connect, replica: Control) -> None:
    """A column that the contract does not know is mentioned, and the connection is good."""
    replica.fault("new_column", name="recall_color")
    assert connect().test_connection() == (
        True,
        "the API answers with all 18 columns, and new ones: recall_color",
    )


def test_a_wrong_token_is_told_but_not_shown(
    connect: Connect, replica: Control, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer names the field to correct, and keeps the token to itself."""
    caplog.set_level("DEBUG")
    good, message = connect(password="not-the-token").test_connection()
    assert not good
    assert "Invalid app_token specified" in message
    assert "The password of the connection `recalls_api` is the app token: correct it" in message
    assert "not-the-token" not in message + caplog.text
    assert len(replica.requests) == 1


def test_a_wrong_dataset_is_told(connect: Connect) -> None:
    """The answer names the extra to correct, and what belongs there."""
    good, message = connect(extra={"dataset": "aaaa-bbbb"}).test_connection()
    assert not good
    assert "dataset.missing" in message
    assert "Check the extra `dataset` of the connection `recalls_api`" in message
    assert "6axg-epim" in message


@pytest.mark.parametrize(
    ("fault", "options", "problem"),
    [
        ("missing_column", {"name": "component"}, "`component` is missing"),
        (
            "retyped_column",
            {"name": "nhtsa_id", "type": "number"},
            "`nhtsa_id` is number, not text",
        ),
    ],
)
def test_other_columns_are_told(
    connect: Connect, replica: Control, fault: str, options: dict[str, str], problem: str
) -> None:
    """A dataset of another shape is named column by column."""
    replica.fault(fault, **options)
    good, message = connect().test_connection()
    assert not good
    assert problem in message
    assert "set the extra `dataset` of the connection `recalls_api`" in message


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("http://127.0.0.1:9", "could not be reached: nothing answers there"),
        ("http://nowhere.invalid", "could not be reached"),
        ("http://[bad", "the host of the connection `recalls_api` is no address"),
        ("http://ba d", "is not a valid address"),
        ("", "the connection `recalls_api` has no host; set it to data.transportation.gov"),
    ],
)
def test_a_wrong_host_is_told(connect: Connect, host: str, what: str) -> None:
    """The answer says what is wrong with the host, and which one is right."""
    good, message = connect(host=host).test_connection()
    assert not good
    assert what in message
    assert "data.transportation.gov" in message
    assert "`recalls_api`" in message
    assert "\n" not in message


def test_a_server_that_is_another_is_told(connect: Connect, some_other_server: str) -> None:
    """A host that answers, but not as the recalls API, is named as wrong."""
    good, message = connect(host=some_other_server).test_connection()
    assert not good
    assert "its host, data.transportation.gov" in message


@pytest.mark.parametrize("kind", ["html", "503", "429", "stale", "refused"])
def test_a_source_that_is_down_is_told_quickly(
    connect: Connect, replica: Control, kind: str
) -> None:
    """Testing gives up after two attempts, with a sentence."""
    replica.fault(kind, times=None)
    good, message = connect().test_connection()
    assert not good
    assert "(after 2 attempts). " in message
    assert "`recalls_api`" in message
    assert len(replica.requests) == 2


def test_a_connection_that_is_not_there_is_told() -> None:
    """Testing a connection that nobody made says which one."""
    good, message = RecallsHook("recalls_api_of_tomorrow").test_connection()
    assert not good
    assert "recalls_api_of_tomorrow" in message

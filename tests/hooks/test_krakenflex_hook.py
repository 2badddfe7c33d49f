"""The connection `krakenflex_api`: what it may say, and what testing a wrong one answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.site_outages.krakenflex import PATH, Krakenflex
from plugins.hooks.krakenflex_hook import KrakenflexHook

Connect = Callable[..., KrakenflexHook]


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

    def connect(**parts: Any) -> KrakenflexHook:
        connection = {"conn_type": "http", "host": recalls_url, "password": "local-key"} | parts
        monkeypatch.setenv("AIRFLOW_CONN_KRAKENFLEX_API", json.dumps(connection))
        return KrakenflexHook()

    return connect


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one API serves."""
    hook = KrakenflexHook("krakenflex_api_of_tomorrow")
    with pytest.raises(Exception, match="krakenflex_api_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert isinstance(hook.get_conn(), Krakenflex)
    assert hook.get_conn() is hook.get_conn()


@pytest.mark.parametrize(
    "parts",
    [
        lambda host, port: {"host": f"http://{host}:{port}/"},
        lambda host, port: {"host": f"http://{host}:{port}{PATH}"},
        lambda host, port: {"host": f"http://{host}", "port": port},
        lambda host, port: {"host": host, "port": port, "schema": "http"},
        lambda host, port: {"host": f" {host}:{port} ", "schema": "http"},
        lambda host, port: {"host": f"http://{host}:{port}", "port": 9},
    ],
)
def test_a_host_may_be_written_in_many_ways(
    connect: Connect, recalls_url: str, parts: Callable[[str, int], dict[str, Any]]
) -> None:
    """Scheme, port and the API's path may stand in the host or not."""
    host, port = recalls_url.removeprefix("http://").split(":")
    assert connect(**parts(host, int(port))).test_connection()[0]


def test_without_a_scheme_https_is_meant(connect: Connect) -> None:
    """A plain host is asked by https, under the path of the API."""
    api = connect(host="api.krakenflex.systems").get_conn()
    assert api._client.base_url == f"https://api.krakenflex.systems{PATH}"


def test_a_good_connection_says_so(connect: Connect, replica: Control) -> None:
    """One question; blanks around the key do no harm."""
    assert connect(password=" local-key\n").test_connection() == (
        True,
        "the API answers with its list of outages",
    )
    assert len(replica.requests) == 1


@pytest.mark.parametrize("password", ["", " ", None])
def test_a_missing_key_is_told(connect: Connect, replica: Control, password: str | None) -> None:
    """Without asking anybody."""
    hook = connect(password=password)
    with pytest.raises(PermanentError, match="`krakenflex_api` has no password; set it to the key"):
        hook.get_conn()
    assert hook.test_connection()[0] is False
    assert replica.requests == []


def test_a_wrong_key_is_told_but_not_shown(
    connect: Connect, replica: Control, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer names the field to correct, and keeps the key to itself."""
    caplog.set_level("DEBUG")
    good, message = connect(password="not-the-key").test_connection()
    assert not good
    assert "403: Forbidden" in message
    assert "The key is the password of the connection `krakenflex_api`: correct it" in message
    assert "not-the-key" not in message + caplog.text
    assert len(replica.requests) == 1


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("http://127.0.0.1:9", "could not be reached: nothing answers there"),
        ("http://[bad", "the host of the connection `krakenflex_api` is no address"),
        ("http://ba d", "is not a valid address"),
        ("", "the connection `krakenflex_api` has no host; set it to api.krakenflex.systems"),
    ],
)
def test_a_wrong_host_is_told(connect: Connect, host: str, what: str) -> None:
    """The answer says what is wrong with the host, and which one is right."""
    good, message = connect(host=host).test_connection()
    assert not good
    assert what in message
    assert "api.krakenflex.systems" in message
    assert "\n" not in message


def test_a_server_that_is_another_is_told(connect: Connect, recalls_url: str) -> None:
    """Where the API is not, the answer says which host is meant."""
    good, message = connect(host=f"{recalls_url}/elsewhere").test_connection()
    assert not good
    assert "Check the host of the connection `krakenflex_api`" in message


@pytest.mark.parametrize("kind", ["html", "503", "429", "refused"])
def test_a_source_that_is_down_is_told_quickly(
    connect: Connect, replica: Control, kind: str
) -> None:
    """Testing gives up after two attempts, with a sentence."""
    replica.fault(kind, times=None)
    good, message = connect().test_connection()
    assert not good
    assert "(after 2 attempts). Check the host" in message
    assert len(replica.requests) == 2


def test_a_connection_that_is_not_there_is_told() -> None:
    """Testing a connection that nobody made says which one."""
    good, message = KrakenflexHook("krakenflex_api_of_tomorrow").test_connection()
    assert not good
    assert "krakenflex_api_of_tomorrow" in message

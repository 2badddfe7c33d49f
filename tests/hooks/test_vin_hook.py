"""The connection `vin_api`: what it may say, and what testing it answers when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.errors import PermanentError
from include.vin_snapshots.vin_api import VinApi
from plugins.hooks.vin_hook import VinHook
from tests.vin_snapshots.stub import Stub, stub_service

KEY = "a-key-of-some-length"
Connect = Callable[..., VinHook]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr("include.first.rest.sleep", lambda _: None)
    with stub_service() as stub:
        yield stub


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, stub: Stub) -> Connect:
    """A hook whose connection leads to the stub, unless something else is said."""

    def connect(**parts: Any) -> VinHook:
        connection = {"conn_type": "http", "host": stub.url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_VIN_API", json.dumps(connection))
        return VinHook()

    return connect


def test_the_hook_opens_the_vin_service(connect: Connect, stub: Stub) -> None:
    """A host alone is enough for a service without a key."""
    api = connect().get_conn()
    assert isinstance(api, VinApi)
    assert api.export().body == stub.body
    assert stub.asked == [("/export", None)]


def test_the_password_is_the_key(connect: Connect, stub: Stub) -> None:
    """It is sent with each request, without the line end that pasting leaves."""
    stub.key = KEY
    assert connect(password=f" {KEY}\n").get_conn().export().source == "made-up:7"
    assert stub.asked == [("/export", KEY)]


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one API serves."""
    hook = VinHook("vin_api_of_tomorrow")
    with pytest.raises(Exception, match="vin_api_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert hook.get_conn() is hook.get_conn()


def test_a_host_and_a_port(connect: Connect, stub: Stub) -> None:
    """Scheme and port may stand in fields of their own."""
    host, port = stub.url.removeprefix("http://").split(":")
    hook = connect(host=host, port=int(port), schema="http")
    assert hook.test_connection() == (True, "the VIN service answers")


@pytest.mark.parametrize("key", [None, KEY])
def test_a_good_connection_says_so(connect: Connect, stub: Stub, key: str | None) -> None:
    """Testing asks two cheap questions, and for no export."""
    stub.key = key
    assert connect(password=key).test_connection() == (True, "the VIN service answers")
    assert [path for path, _ in stub.asked] == ["/healthz", "/lookup/-"]


@pytest.mark.parametrize("wrong", [None, "not-the-key"])
def test_a_wrong_key_is_told_but_not_shown(
    connect: Connect, stub: Stub, caplog: pytest.LogCaptureFixture, wrong: str | None
) -> None:
    """The answer names the field to correct, and keeps what is in it to itself."""
    caplog.set_level("DEBUG")
    stub.key = KEY
    good, message = connect(password=wrong).test_connection()
    assert not good
    assert "refused access" in message
    assert "The password of the connection `vin_api` is the service's VIN_API_KEY" in message
    assert "not-the-key" not in message + caplog.text


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("http://127.0.0.1:9", "could not be reached: nothing answers there"),
        ("http://[bad", "the host of the connection `vin_api` is no address"),
        ("", "the connection `vin_api` has no host"),
    ],
)
def test_a_wrong_host_is_told(connect: Connect, host: str, told: str) -> None:
    """The answer says what is wrong with the host, and what one looks like."""
    good, message = connect(host=host).test_connection()
    assert not good
    assert told in message
    assert "http://127.0.0.1:8090" in message
    assert "\n" not in message


def test_a_service_that_is_down_is_told_quickly(connect: Connect, stub: Stub) -> None:
    """Testing gives up after two attempts."""
    stub.faults = [(503, "application/json", b"{}")] * 9
    good, message = connect().test_connection()
    assert not good
    assert "(after 2 attempts)" in message
    assert len(stub.asked) == 2


def test_another_server_is_told(connect: Connect, recalls_url: str) -> None:
    """A host that answers, but not as the VIN service, is named as wrong."""
    good, message = connect(host=recalls_url).test_connection()
    assert not good
    assert "Check the host of the connection `vin_api`" in message


def test_a_connection_that_is_not_there_is_told() -> None:
    """Testing a connection that nobody made says which one."""
    good, message = VinHook("vin_api_of_tomorrow").test_connection()
    assert not good
    assert "vin_api_of_tomorrow" in message


def test_a_missing_host_is_hopeless(connect: Connect) -> None:
    """No retry of a task can mend it."""
    with pytest.raises(PermanentError):
        connect(host=" ").get_conn()

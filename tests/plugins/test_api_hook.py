"""HTTP connections: accepted forms, and the messages for invalid ones."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from include.errors import PermanentError
from include.http.client import HttpClient
from include.http.errors import UnexpectedBody
from plugins.hooks.api_hook import Access, ApiHook
from tests.http.raw_server import Api, message

KEY = "a-key-of-some-length"
Connect = Callable[..., "ExampleHook"]


class ExampleHook(ApiHook[HttpClient]):
    default_conn_name = "example_api"
    official_host = "api.example"
    password_is = "the key of the API"

    def open_client(self, access: Access, **limits: Any) -> HttpClient:
        headers = {"X-Api-Key": access.password} if access.password else {}
        return HttpClient(access.url, headers=headers, **limits)

    def ask(self, client: HttpClient) -> str:
        answer = client.get("/health").json()
        if answer != {"ok": True}:
            raise UnexpectedBody(f"it sent {answer}")
        return "the API answers"


@pytest.fixture
def start_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(Api(*answers))


@pytest.fixture
def api(start_api: Callable[..., Api]) -> Api:
    return start_api()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, api: Api) -> Connect:
    """Creates a hook with a connection to `api`; `parts` override its fields."""

    def connect(**parts: Any) -> ExampleHook:
        connection = {"conn_type": "http", "host": api.url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_EXAMPLE_API", json.dumps(connection))
        return ExampleHook()

    return connect


@pytest.mark.parametrize(
    "split",
    [
        lambda host, port: {"host": f"http://{host}:{port}"},
        lambda host, port: {"host": f" http://{host}:{port}/\n"},
        lambda host, port: {"host": f"http://{host}", "port": port},
        lambda host, port: {"host": host, "port": port, "schema": "http"},
        lambda host, port: {"host": f"{host}:{port}", "schema": "http"},
        lambda host, port: {"host": f"http://{host}:{port}", "port": 9},
    ],
)
def test_get_conn_reads_scheme_and_port_from_any_field(
    connect: Connect, api: Api, split: Callable[[str, int], dict[str, Any]]
) -> None:
    host, port = api.host.split(":")
    assert connect(**split(host, int(port))).get_conn().get("/rows").json() == {"ok": True}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("api.example", "https://api.example"),
        ("api.example/v1", "https://api.example/v1"),
        ("[::1]", "https://[::1]"),
    ],
)
def test_access_without_scheme_uses_https(connect: Connect, host: str, url: str) -> None:
    assert connect(host=host).access() == Access(url, "", "", {})


def test_get_conn_strips_the_password(connect: Connect, api: Api) -> None:
    connect(password=f" {KEY}\n").get_conn().get("/rows")
    assert api.requests[0][1]["X-Api-Key"] == KEY


def test_access_has_login_and_extra(connect: Connect) -> None:
    access = connect(login=" me ", extra=json.dumps({"page_size": 7})).access()
    assert (access.login, access.extra) == ("me", {"page_size": 7})


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"host": " "}, "the connection `example_api` has no host; set it to api.example"),
        ({"host": "http://[bad"}, "has an invalid address as its host; set it to api.example"),
        ({"extra": "{page_size: 7"}, "has an extra that is not a JSON object; correct it"),
        ({"extra": "[1]"}, "has an extra that is not a JSON object; correct it"),
    ],
)
def test_unusable_connection_is_a_permanent_error(
    connect: Connect, parts: dict[str, str], sentence: str
) -> None:
    hook = connect(**parts)
    with pytest.raises(PermanentError) as caught:
        hook.get_conn()
    assert str(caught.value).endswith(sentence)
    assert hook.test_connection() == (False, str(caught.value))


def test_test_connection_of_good_connection_succeeds(connect: Connect, api: Api) -> None:
    assert connect(password=KEY).test_connection() == (True, "the API answers")
    assert [asked for asked, _, _ in api.requests] == ["GET /health"]


def test_test_connection_names_the_unknown_connection() -> None:
    good, sentence = ExampleHook("api_of_tomorrow").test_connection()
    assert not good
    assert "api_of_tomorrow" in sentence


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (message(b'{"message": "not %b"}' % KEY.encode(), 403), "is the key of the API"),
        (message(b'"not %b"' % KEY.encode()), "Check the host of the connection `example_api`"),
        (message(b"<html>", Content_Type="text/html"), "the official one is api.example"),
        (message(status=503), "(after 2 attempts). Check the host"),
    ],
)
def test_test_connection_failure_gives_a_hint_and_no_secret(
    connect: Connect, api: Api, caplog: pytest.LogCaptureFixture, answer: bytes, hint: str
) -> None:
    """The secret stays hidden even if the API quotes it."""
    caplog.set_level("DEBUG")
    api.answers = [answer]
    good, sentence = connect(password=KEY).test_connection()
    assert not good
    assert hint in sentence
    assert "\n" not in sentence
    assert KEY not in sentence + caplog.text
    assert len(api.requests) <= 2

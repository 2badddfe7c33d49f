"""The guard, before a small application that does what no route of ours does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from fastapi.responses import Response, StreamingResponse
from fastapi.testclient import TestClient
from starlette.types import Message

from include.vin_service.guard import MOST_BODY_BYTES, Guard, JsonLines

KEY = "a-key-that-nobody-guesses-ü"
HERE = "http://127.0.0.1"


def small_app(key: str | None) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Guard, api_key=key)

    @app.get("/healthz")
    @app.get("/hello/{name}")
    async def hello(name: str = "") -> Response:
        return Response(f"hello {name}", headers={"X-Cache": "hit"})

    @app.post("/length")
    async def length(body: Annotated[Any, Body()]) -> int:
        return len(body)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the disk is on fire")

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one half"
            raise RuntimeError("no other half")

        return StreamingResponse(pieces())

    return app


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The request lines of the log; there once the client of the test has closed."""
    caplog.set_level(logging.INFO, "headwaters.vin")
    return Lines(caplog)


class Lines:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def all(self) -> list[dict[str, Any]]:
        messages = [r.getMessage() for r in self._caplog.records if r.name == "headwaters.vin"]
        told = [line for message in messages for line in message.splitlines()]
        return [json.loads(line) for line in told if line.startswith("{")]


def client(key: str | None = None, where: str = HERE) -> TestClient:
    return TestClient(small_app(key), base_url=where)


@pytest.mark.parametrize("sent", [{}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY[:-1].encode()}])
def test_without_the_right_key_a_route_is_401(sent: dict[str, Any]) -> None:
    """A missing, a wrong and a shortened key are refused, with the header's name and no key."""
    answer = client(KEY).get("/hello/you", headers=sent)
    assert answer.status_code == 401
    assert "X-API-Key" in answer.json()["detail"]
    assert "nobody-guesses" not in answer.text


def test_the_right_key_opens_every_route() -> None:
    """A key with a letter beyond ASCII is compared as the bytes that were sent."""
    assert client(KEY).get("/hello/you", headers={"X-API-Key": KEY.encode()}).status_code == 200


def test_health_needs_no_key() -> None:
    """Whoever watches over the service has no key; what only looks like the path needs it."""
    asking = client(KEY)
    assert asking.get("/healthz").status_code == 200
    assert asking.get("/healthz/").status_code == 401
    assert asking.get("/hello/healthz").status_code == 401


@pytest.mark.parametrize(
    ("where", "key", "status"),
    [
        ("http://127.0.0.1", None, 200),
        ("http://127.8.8.8", None, 200),
        ("http://[::1]", None, 200),
        ("http://192.0.2.7", None, 403),
        ("http://[2001:db8::7]", None, 403),
        ("http://192.0.2.7", KEY, 401),
    ],
)
def test_without_a_key_only_this_machine_is_answered(
    where: str, key: str | None, status: int
) -> None:
    """A service that was started past our launcher answers nobody else, and says what to set."""
    answer = client(key, where).get("/hello/you")
    assert answer.status_code == status
    assert status != 403 or "VIN_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("host", "key", "status"),
    [
        ("localhost:8090", None, 200),
        ("LOCALHOST", None, 200),
        ("127.0.0.1:8090", None, 200),
        ("[::1]:8090", None, 200),
        ("rebound.example:8090", None, 403),
        ("127.0.0.1.rebound.example", None, 403),
        ("localhost.rebound.example", None, 403),
        ("192.0.2.7", None, 403),
        ("", None, 403),
        ("vins.example", KEY, 200),
    ],
)
def test_without_a_key_a_page_of_another_name_gets_nothing(
    host: str, key: str | None, status: int
) -> None:
    """A browser sends the name that it believes in: one that is made to lead here is refused."""
    headers = {"Host": host} | ({"X-API-Key": key.encode()} if key else {})
    answer = client(key).get("/hello/you", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert status == 200 or "VIN_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize("with_length", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)], ids=["just fits", "too large"])
def test_a_body_over_the_limit_is_413(*, with_length: bool, more: int, status: int) -> None:
    """The limit holds to the byte, whether or not the length was told before."""
    body = b'"' + b"x" * (MOST_BODY_BYTES - 2 + more) + b'"'
    content = body if with_length else iter([body[:700_000], body[700_000:]])
    answer = client().post("/length", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert status == 200 or "1 MB" in answer.json()["detail"]


def test_a_surprise_is_500_without_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Who asked reads one sentence; the log has the traceback, once."""
    answer = client().get("/broken")
    assert answer.status_code == 500
    assert "disk" not in answer.text
    assert answer.json()["detail"]
    told = [record for record in caplog.records if record.exc_info]
    assert [str(record.exc_info[1]) for record in told] == ["the disk is on fire"]


def test_a_request_is_one_line(lines: Lines) -> None:
    """The line has the path, the status, the time and the cache; no question, no header."""
    with client(KEY) as asking:
        asking.get("/hello/you?secret=1", headers={"X-API-Key": KEY.encode(), "Cookie": "c=2"})
    (line,) = lines.all()
    assert {name: line[name] for name in ("method", "path", "status", "cache")} == {
        "method": "GET",
        "path": "/hello/you",
        "status": 200,
        "cache": "hit",
    }
    assert line["ms"] >= 0
    assert set(line) <= {"time", "method", "path", "status", "ms", "cache"}


def test_what_was_refused_is_logged_too(lines: Lines) -> None:
    """A refusal is a line, and the wrong key is not in it."""
    with client(KEY) as asking:
        asking.get("/hello/you", headers={"X-API-Key": "wrong-one"})
    (line,) = lines.all()
    assert line["status"] == 401
    assert "wrong-one" not in json.dumps(line)


def test_a_long_or_broken_path_is_one_short_line(lines: Lines) -> None:
    """A path of ten thousand characters with line breaks is cut, and stays in its line."""
    with client() as asking:
        asking.get("/hello/" + "%0A" * 10_000)
    (line,) = lines.all()
    assert len(line["path"]) == 200


def test_an_answer_that_was_cut_says_so(lines: Lines) -> None:
    """An answer that broke half way is not taken for a whole one."""
    with client() as asking:
        asking.get("/half")
        asking.get("/hello/you")
    half, whole = lines.all()
    assert (half["status"], half["cut"]) == (200, True)
    assert "cut" not in whole


def test_pieces_pass_as_they_come() -> None:
    """The first piece is out before the second is made."""
    out: list[bytes] = []
    seen_before_second: list[list[bytes]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        seen_before_second.append(list(out))
        await send({"type": "http.response.body", "body": b"second"})

    async def send(message: Message) -> None:
        out.extend([message["body"]] if "body" in message else [])

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "server": None}
    asyncio.run(Guard(app)(scope, receive, send))
    assert seen_before_second == [[b"first"]]
    assert out == [b"first", b"second"]


def test_a_traceback_is_one_json_line() -> None:
    """Whoever reads the log line by line gets the whole traceback in one."""
    error = RuntimeError("two\nlines")
    record = logging.LogRecord(
        "headwaters.vin",
        logging.ERROR,
        __file__,
        1,
        "%s failed",
        ("it",),
        (type(error), error, None),
    )
    text = JsonLines().format(record)
    assert "\n" not in text
    told = json.loads(text)
    assert (told["level"], told["message"]) == ("ERROR", "it failed")
    assert "RuntimeError: two\nlines" in told["traceback"]

"""Connections of bad manners: heads without end, and bodies that do not come."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from fakes.serve import bind
from include.vin_service import guard, heads
from include.vin_service.heads import BoundedHeads

PATIENCE_S = 30


async def hello(_: dict[str, object], receive: object, send: object) -> None:
    """Reads the body whole, as FastAPI does, and answers."""
    while (await receive()).get("more_body"):  # type: ignore[operator]
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"hi"})  # type: ignore[operator]


@pytest.fixture
def port() -> Iterator[int]:
    """A server with our heads and our guard, as the launcher starts it."""
    config = uvicorn.Config(
        guard.Guard(hello),  # type: ignore[arg-type]
        http=BoundedHeads,
        lifespan="off",
        log_level="critical",
    )
    server, bound = uvicorn.Server(config), bind(0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join()
    bound.close()


def said(port: int, *sent: bytes) -> bytes:
    """All that the server says to these bytes until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        answer = b""
        try:
            for piece in sent:
                connection.sendall(piece)
            while received := connection.recv(65_536):
                answer += received
        except ConnectionError:
            pass  # it hung up on what we were still sending
        return answer


CLOSE = b"Host: localhost\r\nConnection: close\r\n\r\n"


def test_usual_requests_are_answered(port: int) -> None:
    """Two on one connection, the second with a body and an end."""
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n" + CLOSE + b"abc"
    assert said(port, one, two).count(b"200 OK") == 2


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 200_000, b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaa\r\n" * 20_000],
    ids=["address", "headers"],
)
def test_a_head_without_end_is_cut(port: int, head: bytes) -> None:
    """What is no request after 64 kB is not waited for, and not kept in memory."""
    assert b" 200 " not in said(
        port, *(head[at : at + 16_384] for at in range(0, len(head), 16_384))
    )


def test_a_large_body_is_no_large_head(port: int) -> None:
    """Bodies have a limit of their own."""
    body = b"x" * 500_000
    head = b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n"
    assert b"200 OK" in said(port, head + CLOSE + body)


def test_a_silent_connection_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and says nothing, or half a head, gives the place back."""
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.05)
    assert said(port) == b""
    assert said(port, b"GET / HT") == b""


def test_a_body_that_does_not_come_is_408(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose body stops half way is told so, and is not waited for."""
    monkeypatch.setattr(guard, "BODY_WITHIN_S", 0.05)
    answer = said(port, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n" + CLOSE + b"half")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert guard.TOO_SLOW.encode() in answer


def test_a_service_that_ends_says_so() -> None:
    """A request that is cut off by the end of the service is answered with 503, and ends."""
    told: list[dict[str, object]] = []

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "server": None}
        asking = asyncio.create_task(guard.Guard(never)(scope, never, send))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(ask())
    assert [message.get("status") for message in told] == [503, None]

"""The guard: the key, the name of the machine, the size of the body; and what a refusal costs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fakes.serve import serving
from include.vin_service import app as app_module
from include.vin_service.app import MAX_BODY_BYTES, create_app
from include.vin_service.settings import Settings

KEY = "a-key-that-nobody-guesses-ü"
JSON = {"Content-Type": "application/json"}


def client(tmp_path: Path, key: str | None = None) -> TestClient:
    settings = Settings(vin_db=tmp_path / "vins.db", vin_api_key=key)
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


@pytest.mark.parametrize("sent", [{}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY[:-1].encode()}])
@pytest.mark.parametrize("path", ["/lookup/short", "/", "/docs", "/nowhere", "/healthz/"])
def test_a_wrong_key_is_401_on_every_path(tmp_path: Path, sent: dict[str, Any], path: str) -> None:
    answer = client(tmp_path, KEY).get(path, headers=sent)
    assert answer.status_code == 401
    assert "X-API-Key" in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"]
    assert "nobody-guesses" not in answer.text


def test_the_right_key_opens_and_health_needs_none(tmp_path: Path) -> None:
    """A key with a letter beyond ASCII is compared as the bytes that were sent."""
    with client(tmp_path, KEY) as asking:
        right = {"X-API-Key": KEY.encode()}
        assert asking.get("/lookup/short", headers=right).status_code == 404
        assert asking.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("host", "key", "status"),
    [
        *((host, None, 200) for host in ("localhost:8090", "LOCALHOST", "127.0.0.1:8090")),
        *((host, None, 200) for host in ("[::1]:8090", "127.8.8.8")),
        *((host, None, 403) for host in ("rebound.example:8090", "192.0.2.7", "", "[", "x:y")),
        *((f"{host}.rebound.example", None, 403) for host in ("127.0.0.1", "localhost")),
        ("vins.example", KEY, 200),
    ],
)
def test_without_a_key_only_the_names_of_this_machine_are_answered(
    tmp_path: Path, host: str, key: str | None, status: int
) -> None:
    """A browser sends the name of its page: one that was made to lead here is refused."""
    with client(tmp_path, key) as asking:
        answer = asking.get("/healthz", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or "VIN_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize("with_length", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize(("more", "status"), [(0, 422), (1, 413)], ids=["just fits", "too large"])
def test_a_body_over_the_limit_is_413(
    tmp_path: Path, *, with_length: bool, more: int, status: int
) -> None:
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2 + more) + b'"'
    content = body if with_length else iter([body[:700_000], body[700_000:]])
    with client(tmp_path) as asking:
        answer = asking.post("/lookup", content=content, headers=JSON)
    assert answer.status_code == status
    assert status == 422 or "1 MB" in answer.json()["detail"]


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A service with a key, and little patience with the bodies of refused clients."""
    monkeypatch.setattr(app_module, "REFUSED_BODY_TIMEOUT_S", 0.1)
    settings = Settings(vin_db=tmp_path / "vins.db", vin_api_key="k")
    with serving(create_app(settings)) as url:
        yield "127.0.0.1", int(url.rpartition(":")[2])


REFUSED = {
    "401": (b"POST /lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", 401),
    "401 of a GET": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", 401),
    "413": (
        b"POST /lookup HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nContent-Length: 9999999\r\n\r\n",
        413,
    ),
    "413 without a length": (
        b"POST /lookup HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f4241\r\n" + b" " * 1_000_001 + b"\r\n",
        413,
    ),
}


@pytest.mark.parametrize(("head", "status"), REFUSED.values(), ids=REFUSED)
def test_a_refused_client_whose_body_drips_is_hung_up_on(
    address: tuple[str, int], head: bytes, status: int
) -> None:
    """It gets its refusal, and then keeps no connection, though its body never ends."""
    with socket.create_connection(address, 30) as connection:
        connection.sendall(head)
        answer = b""
        try:
            while received := connection.recv(65_536):
                answer += received
                connection.sendall(b" ")
        except ConnectionError:
            pass  # it hung up on what we still sent
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer.lower()

"""The guard checks the API key, the host and the body size."""

import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fakes.serve import serving
from include.vin_service import app as app_module
from include.vin_service.app import MAX_BODY_BYTES, create_app
from include.vin_service.settings import Settings

KEY = "a-key-that-is-hard-to-guess-ü"


def client(tmp_path: Path, key: str | None = None) -> TestClient:
    settings = Settings(vin_db=tmp_path / "vins.db", vin_api_key=key)
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


@pytest.mark.parametrize("sent", [{}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY[:-1].encode()}])
def test_wrong_key_returns_401_on_every_path(tmp_path: Path, sent: dict[str, Any]) -> None:
    with client(tmp_path, KEY) as api:
        for path in ("/lookup/short", "/", "/docs", "/nowhere", "/healthz/"):
            answer = api.get(path, headers=sent)
            assert answer.status_code == 401
            assert "X-API-Key" in answer.json()["detail"]
            assert answer.headers["WWW-Authenticate"]
            assert "hard-to-guess" not in answer.text


def test_right_key_is_accepted_and_health_needs_none(tmp_path: Path) -> None:
    """The key has a non-ASCII letter."""
    with client(tmp_path, KEY) as api:
        right = {"X-API-Key": KEY.encode()}
        assert api.get("/lookup/short", headers=right).status_code == 404
        assert "APIKeyHeader" in api.get("/openapi.json", headers=right).text
        assert api.get("/healthz").json() == {"status": "ok"}


LOCAL_HOSTS = ["localhost:8090", "LOCALHOST", "127.0.0.1:8090", "[::1]:8090", "127.8.8.8"]
OTHER_HOSTS = ["rebound.example:8090", "192.0.2.7", "", "[", "x:y", "127.0.0.1.rebound.example"]


@pytest.mark.parametrize(
    ("host", "key", "status"),
    [
        *((host, None, 200) for host in LOCAL_HOSTS),
        *((host, None, 403) for host in OTHER_HOSTS),
        ("vins.example", KEY, 200),
    ],
)
def test_service_without_key_answers_only_local_hosts(
    tmp_path: Path, host: str, key: str | None, status: int
) -> None:
    with client(tmp_path, key) as api:
        answer = api.get("/healthz", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or "VIN_API_KEY" in answer.json()["detail"]


@pytest.mark.parametrize("with_length", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize(("more", "status"), [(0, 422), (1, 413)], ids=["just fits", "too large"])
def test_body_over_the_limit_returns_413(
    tmp_path: Path, *, with_length: bool, more: int, status: int
) -> None:
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2 + more) + b'"'
    content = body if with_length else iter([body[:700_000], body[700_000:]])
    with client(tmp_path) as api:
        answer = api.post("/lookup", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert status == 422 or "1 MB" in answer.json()["detail"]


POST = b"POST /lookup HTTP/1.1\r\nHost: x\r\n"
KEYED = POST + b"X-API-Key: k\r\n"
REFUSED = {
    "401": (401, POST + b"Content-Length: 100\r\n\r\n"),
    "401 of a GET": (401, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"),
    "413": (413, KEYED + b"Content-Length: 9999999\r\n\r\n"),
    "413 without a length": (
        413,
        KEYED + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"f4241\r\n" + b" " * 1_000_001 + b"\r\n",
    ),
}


@pytest.mark.parametrize(("status", "head"), REFUSED.values(), ids=REFUSED)
def test_refused_client_with_an_endless_body_is_disconnected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, head: bytes
) -> None:
    monkeypatch.setattr(app_module, "REFUSED_BODY_TIMEOUT_S", 0.1)
    app = create_app(Settings(vin_db=tmp_path / "vins.db", vin_api_key="k"))
    answer = b""
    with serving(app) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, 30) as connection:
            connection.sendall(head)
            try:
                while received := connection.recv(65_536):
                    answer += received
                    connection.sendall(b" ")
            except ConnectionError:
                pass  # the server disconnected first
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer.lower()

"""Servers that never finish, send too much, or break the rules of HTTP."""

import gzip
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from include.http.client import HttpClient
from include.http.errors import BadRequest, HttpError, SourceUnavailable, UnexpectedBody, WrongHost
from tests.http.raw_server import OK, Handler, RawServer, answer_with, read_request

HEAD = b"HTTP/1.1 200 OK\r\n"
DISCONNECT_S = 30  # limit for the server to notice that the client disconnected

DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 OK and then so"),
    "header": (HEAD + b"X-Slow: ", b"a"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue with a header": (b"", b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"),
    "body without length": (HEAD + b"\r\n", b" "),
    "body with length": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailer": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n", b"X-A: b\r\n"),
}


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The TLS context of a server at 127.0.0.1 that the client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private_key + certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def drip_server(start: bytes, endless: bytes, tls: ssl.SSLContext | None = None) -> RawServer:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        server.drip(connection, endless)

    server = RawServer(handle, tls)
    return server


def client_of(server: RawServer, **settings: float) -> HttpClient:
    return HttpClient(server.url, **{"attempts": 1, "total_s": 20, **settings})  # type: ignore[arg-type]


def assert_times_out(server: RawServer) -> None:
    with pytest.raises(SourceUnavailable, match=rf"{server.host}/rows took too long to answer"):
        client_of(server, total_s=0.3, read_timeout_s=20).get("/rows")
    assert server.closed_by_client.wait(DISCONNECT_S)


@pytest.mark.parametrize("part", DRIPS)
def test_get_from_dripping_server_ends_at_the_deadline(servers: ExitStack, part: str) -> None:
    assert_times_out(servers.enter_context(drip_server(*DRIPS[part])))


@pytest.mark.parametrize("part", ["status line", "100 Continue", "body without length"])
def test_get_from_dripping_tls_server_ends_at_the_deadline(
    servers: ExitStack, tls: ssl.SSLContext, part: str
) -> None:
    assert_times_out(servers.enter_context(drip_server(*DRIPS[part], tls)))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_get_through_dripping_proxy_ends_at_the_deadline(
    servers: ExitStack, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """HTTP asks the proxy for the answer; HTTPS asks it for a tunnel."""
    proxy = servers.enter_context(drip_server(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"))
    monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    client = HttpClient(f"{scheme}://api.example", attempts=1, total_s=0.3)
    with pytest.raises(SourceUnavailable, match=r"api\.example/rows .+try again|proxy"):
        client.get("/rows")
    assert proxy.closed_by_client.wait(DISCONNECT_S)


def test_get_with_endless_100_continue_ends_at_the_deadline(servers: ExitStack) -> None:
    def flood(connection: socket.socket) -> None:
        read_request(connection)
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    assert_times_out(servers.enter_context(RawServer(flood)))


def test_get_from_silent_server_ends_at_the_read_timeout(servers: ExitStack) -> None:
    def say_nothing(connection: socket.socket) -> None:
        read_request(connection)
        read_request(connection)

    server = servers.enter_context(RawServer(say_nothing))
    with pytest.raises(SourceUnavailable, match="took too long"):
        client_of(server, read_timeout_s=0.1, total_s=1000).get("/rows")


def test_threads_sharing_a_client_have_separate_deadlines(servers: ExitStack) -> None:
    def handle(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"/slow" in request:
                server.drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(OK)

    server = servers.enter_context(RawServer(handle))
    client = client_of(server, total_s=0.5)

    def ask(number: int) -> str:
        try:
            return str(client.get("/slow" if number % 2 else "/rows").json()["ok"])
        except SourceUnavailable as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(16)))
    assert answers[::2] == ["True"] * 8
    assert all("took too long" in answer for answer in answers[1::2])


def test_repeated_gets_reuse_the_connection(servers: ExitStack, tls: ssl.SSLContext) -> None:
    for server in (
        servers.enter_context(RawServer(answer_with(OK))),
        servers.enter_context(RawServer(answer_with(OK), tls)),
    ):
        client = client_of(server)
        assert [client.get("/rows").json() for _ in range(3)] == [{"ok": True}] * 3
        assert server.connections == 1


def redirecting(location: bytes, body: bytes = b"", length: int = 0) -> Handler:
    def handle(connection: socket.socket) -> None:
        request = read_request(connection)
        if request.startswith(b"GET /rows"):
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: %d\r\n\r\n"
                % (location, length)
            )
            while body:
                connection.sendall(body)
        connection.sendall(OK)

    return handle


def test_redirect_with_endless_body_is_followed_without_reading_it(servers: ExitStack) -> None:
    server = servers.enter_context(RawServer(redirecting(b"/new", b" " * 65536, 1 << 40)))
    assert client_of(server).get("/rows").json() == {"ok": True}
    assert server.closed_by_client.wait(DISCONNECT_S)


@pytest.mark.parametrize(
    "location",
    [
        b"//other.example/rows",
        b"https://127.0.0.1/rows",
        b"http://127.0.0.1:1/rows",
        b"http://[bad/",
        b"http://127.0.0.1:99999/",
        b"ftp://127.0.0.1/rows",
        b"http://\xff\xfe/",
        b"javascript:alert(1)",
    ],
)
def test_redirect_to_other_or_invalid_host_is_refused(servers: ExitStack, location: bytes) -> None:
    server = servers.enter_context(RawServer(redirecting(location)))
    with pytest.raises(HttpError) as caught:
        client_of(server).get("/rows")
    assert isinstance(caught.value, WrongHost | UnexpectedBody | BadRequest)
    assert str(caught.value).isprintable()
    assert server.connections == 1


@pytest.mark.parametrize(("hops", "is_found"), [(3, True), (4, False)])
def test_redirect_chain_of_more_than_three_is_refused(
    servers: ExitStack, hops: int, *, is_found: bool
) -> None:
    def handle(connection: socket.socket) -> None:
        while request := read_request(connection):
            done = int(request.split()[1].rpartition(b"/")[2])
            connection.sendall(
                OK
                if done == hops
                else b"HTTP/1.1 301 Moved\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"
                % (done + 1)
            )

    client = client_of(servers.enter_context(RawServer(handle)))
    if is_found:
        assert client.get("/0").json() == {"ok": True}
    else:
        with pytest.raises(WrongHost, match="redirects more than 3 times"):
            client.get("/0")


def with_body(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_gzip_bomb_stops_at_the_limit(servers: ExitStack) -> None:
    """1 MB of gzip members unpacks to 1 GB; the limit counts every member."""
    member = gzip.compress(bytes(1 << 20))
    bomb = with_body(member * 1000, b"Content-Encoding: gzip")
    server = servers.enter_context(RawServer(answer_with(bomb)))
    with pytest.raises(UnexpectedBody, match="sent more than 5,000,000 bytes, the limit"):
        client_of(server, max_bytes=5_000_000).get("/rows")


def test_endless_body_stops_at_the_default_limit(servers: ExitStack) -> None:
    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b" " * 1_000_000)

    server = servers.enter_context(RawServer(flood))
    with pytest.raises(UnexpectedBody, match="sent more than 64,000,000 bytes"):
        client_of(server, total_s=300).get("/rows")
    assert server.closed_by_client.wait(DISCONNECT_S)


BROKEN = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9\r\n",
    "non-numeric status": b"HTTP/1.1 abc\r\n\r\n",
    "long header": HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": HEAD + b"X: a\r\n" * 200 + b"\r\n",
    "two lengths": HEAD + b"Content-Length: 3, 4\r\n\r\nabc",
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "truncated body": HEAD + b"Content-Length: 9\r\n\r\n[1",
    "invalid gzip": with_body(b"\x1f\x8bnot gzip", b"Content-Encoding: gzip"),
    "truncated gzip": with_body(gzip.compress(b"[1, 2]")[:-6], b"Content-Encoding: gzip"),
    "unknown encoding": with_body(b"[1]", b"Content-Encoding: br\x1b[31m"),
    "HTML": with_body(b"\n<!DOCTYPE html><h1>Down</h1>"),
    "control characters": b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\n\r\n"
    b'{"message": "\\u001b[2Jaway \\u202e \\ud800", "code": "\\u0000"}',
    "nested reason": b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n" + b"[" * 100_000,
    "bad Retry-After": b"HTTP/1.1 503 No\r\nDate: Fri, 31 Dec 9999 23:59:59 -2300\r\n"
    b"Retry-After: Mon, 99999999999999999999 Jan 2024 00:00:00 GMT\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_answer_raises_a_one_line_error(servers: ExitStack, case: str) -> None:
    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(BROKEN[case])

    server = servers.enter_context(RawServer(handle))
    with pytest.raises(HttpError) as caught:
        client_of(server).get("/rows")
    text = str(caught.value)
    assert text.startswith(f"{server.host}/rows ")
    assert text.isprintable()
    assert len(text) < 500
    text.encode()


@pytest.mark.parametrize(
    "body", [b"[" * 1000, b"[" * 200_000, b"", b"[1", b"\xff", b"<a/>", b"9" * 5000]
)
def test_json_of_invalid_body_raises_a_one_line_error(servers: ExitStack, body: bytes) -> None:
    server = servers.enter_context(RawServer(answer_with(with_body(body))))
    response = client_of(server).get("/rows")
    with pytest.raises(UnexpectedBody, match=f"{server.host}/rows sent a body that is not JSON"):
        response.json()


@pytest.mark.parametrize(
    ("date", "is_valid"),
    [
        (timedelta(), True),
        (timedelta(hours=23), True),
        (timedelta(hours=-23), True),
        (timedelta(hours=25), False),
        (timedelta(hours=-25), False),
        (timedelta(days=2000), False),
        ("yesterday", False),
        ("", False),
        ("Fri, 31 Dec 9999 23:59:59 -2300", False),
        ("Mon, 99999999999999999999 Jan 2024 00:00:00 GMT", False),
        ("Mon, 01 Jan 0999 00:00:00 GMT", False),
    ],
)
def test_date_that_is_invalid_or_a_day_off_is_refused(
    servers: ExitStack, date: timedelta | str, *, is_valid: bool
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    text = date if isinstance(date, str) else f"{now + date:%a, %d %b %Y %H:%M:%S} GMT"
    answer = with_body(b"[]", b"Date: " + text.encode())
    server = servers.enter_context(RawServer(answer_with(answer)))
    response = client_of(server).get("/rows")
    if is_valid:
        assert isinstance(date, timedelta)
        assert response.date == now + date
    else:
        with pytest.raises(UnexpectedBody, match=f"^{server.host}/rows s"):
            _ = response.date


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_date_in_without_zone_is_utc(servers: ExitStack) -> None:
    answer = with_body(b"[]", b"Last-Modified: Tue, 04 Mar 2003 10:00:00 -0000")
    server = servers.enter_context(RawServer(answer_with(answer)))
    moment = client_of(server).get("/rows").date_in("last-modified")
    assert moment == datetime(2003, 3, 4, 10, tzinfo=UTC)

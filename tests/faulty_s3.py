"""An HTTP proxy in front of S3 that fails on demand.

    with faulty_s3(s3_url) as proxy:
        store = open_store(proxy.url, bucket)
        proxy.refuse_from(3)               # refuse the third change and every later call
        proxy.drop_reply("PUT /b/k")       # S3 stores the object, but the client gets no reply
        proxy.before(other.publish, "_delta_log/")   # another writer commits first
        proxy.clear()                      # remove every fault
        proxy.changes                      # [Call("PUT", "/b/k", ""), ...] in order

A `match` is part of "METHOD /bucket/key?query" or a function of the `Call`.
The proxy forwards each request and reply byte for byte, with the Host header that was signed.
"""

from __future__ import annotations

import math
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from tests.http.messages import headers_of, read_answer, read_body, read_head

CHANGING = frozenset({"PUT", "POST", "DELETE", "COPY"})
UPSTREAM_TIMEOUT_S = 60
S3_CODES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


@dataclass(frozen=True)
class Call:
    method: str  # a PUT with a copy source is a COPY
    path: str  # "/bucket/key", percent-decoded
    query: str

    @property
    def changes(self) -> bool:
        return self.method in CHANGING

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")


Match = str | Callable[[Call], bool]
Hook = Callable[[], object]


def any_change(call: Call) -> bool:
    return call.changes


def _matcher(match: Match) -> Callable[[Call], bool]:
    if callable(match):
        return match
    return lambda call: match in str(call)


@dataclass
class _Fault:
    """A fault in the matching calls `nth` to `nth + times - 1` after it is added."""

    kind: Literal["refuse", "before", "after", "drop"]
    matches: Callable[[Call], bool]
    nth: int = 1
    times: float = math.inf
    status: int | None = None
    hook: Hook = lambda: None
    seen: int = 0

    def hits(self, call: Call) -> bool:
        if not self.matches(call):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class FaultyS3:
    def __init__(self, url: str, upstream: tuple[str, int]) -> None:
        self.url = url
        self.upstream = upstream
        self.calls: list[Call] = []
        self.errors: list[BaseException] = []
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()

    @property
    def changes(self) -> list[Call]:
        return [call for call in self.calls if call.changes]

    def fail(
        self,
        match: Match = any_change,
        *,
        nth: int = 1,
        times: float = math.inf,
        status: int | None = 503,
    ) -> None:
        """Refuse matching calls before S3 sees them; without a status, close the connection."""
        self._add(_Fault("refuse", _matcher(match), nth, times, status))

    def refuse_from(self, nth: int, match: Match = any_change, *, status: int | None = 403) -> None:
        """Refuse the nth matching call and every later call, reads too, as if the caller had died.

        The status is 403, which no S3 client retries.
        """
        matches, seen = _matcher(match), 0

        def too_late(call: Call) -> bool:
            nonlocal seen
            seen += matches(call)
            return seen >= nth

        self._add(_Fault("refuse", too_late, status=status))

    def drop_reply(self, match: Match = any_change, *, nth: int = 1, times: float = 1) -> None:
        """Let S3 execute the call, then close the connection without a reply."""
        self._add(_Fault("drop", _matcher(match), nth, times))

    def before(self, hook: Hook, match: Match = any_change, *, nth: int = 1) -> None:
        """Run the hook once, before a matching call reaches S3."""
        self._add(_Fault("before", _matcher(match), nth, times=1, hook=hook))

    def after(self, hook: Hook, match: Match = any_change, *, nth: int = 1) -> None:
        """Run the hook once, after S3 executes a matching call and before the client knows."""
        self._add(_Fault("after", _matcher(match), nth, times=1, hook=hook))

    def clear(self) -> None:
        """Remove every fault and forget the recorded calls."""
        with self._lock:
            self._faults.clear()
            self.calls.clear()

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _record(self, call: Call) -> list[_Fault]:
        with self._lock:
            self.calls.append(call)
            return [fault for fault in self._faults if fault.hits(call)]


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while head := read_head(self.rfile):
            headers = headers_of(head)
            if headers.get("expect", "").lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = read_body(self.rfile, headers)
            if not self._answer(head, headers, body):
                return

    def _answer(self, head: bytes, headers: dict[str, str], body: bytes) -> bool:
        """Answer one request; return whether the connection stays open."""
        proxy, call = self.server.proxy, _call(head, headers)
        faults = proxy._record(call)
        for fault in faults:
            if fault.kind == "before":
                fault.hook()
        refused = next((fault for fault in faults if fault.kind == "refuse"), None)
        if refused is not None:
            if refused.status is None:
                return False
            self.wfile.write(_refusal(refused.status, call))
            return True
        answer, reusable = _forward(proxy.upstream, call, head + body)
        for fault in faults:
            if fault.kind == "after":
                fault.hook()
        if any(fault.kind == "drop" for fault in faults):
            return False
        self.wfile.write(answer)
        return reusable and headers.get("connection", "").lower() != "close"


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.proxy = FaultyS3(f"http://127.0.0.1:{self.server_address[1]}", upstream)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # signature of the base class
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.proxy.errors.append(error)

    def end_connections(self) -> None:
        """Wake the threads that wait for another request on a kept-alive connection."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


def _call(head: bytes, headers: dict[str, str]) -> Call:
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ", 2)
    path, _, query = target.partition("?")
    if method == "PUT" and "x-amz-copy-source" in headers:
        method = "COPY"
    return Call(method, unquote(path), query)


def _forward(upstream: tuple[str, int], call: Call, request: bytes) -> tuple[bytes, bool]:
    """Use a new connection: S3 may close an idle one just as it is reused."""
    try:
        with socket.create_connection(upstream, UPSTREAM_TIMEOUT_S) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                return read_answer(stream, call.method)
    except OSError:
        return _refusal(HTTPStatus.BAD_GATEWAY, call), True


def _refusal(status: int, call: Call) -> bytes:
    code = S3_CODES.get(status, HTTPStatus(status).phrase)
    body = b"" if call.method == "HEAD" else _error_document(code)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _error_document(code: str) -> bytes:
    message = "refused on purpose by tests/faulty_s3.py"
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode("ascii")


@contextmanager
def faulty_s3(upstream_url: str) -> Iterator[FaultyS3]:
    """Run a proxy for this S3; leaving the block raises the first error of a hook."""
    server = _Server(_address(upstream_url))
    with _serving(server):
        yield server.proxy


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


@contextmanager
def _serving(server: _Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="faulty-s3")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.end_connections()
        server.server_close()
    if server.proxy.errors:
        raise server.proxy.errors[0]

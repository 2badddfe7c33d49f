"""What stands before every request: the key, the size of the body, and one line in the log."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from time import perf_counter, time
from typing import Any, NoReturn

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 1_000_000
BODY_WITHIN_S = 30.0  # for each piece of it
OPEN_TO_ALL = "/healthz"
LONGEST_PATH = 200
WRITE_AFTER_S = 0.2
NO_KEY = "this needs the right key of the service in the header X-API-Key"
NOT_HERE = "without a key the service answers on this machine only: set VIN_API_KEY and start again"
NOT_OUR_NAME = (
    "without a key the service answers to the names localhost, 127.0.0.1 and [::1] only, so that "
    "no web page can reach it under its own: set VIN_API_KEY and start again"
)
TOO_LARGE = "the body is over 1 MB; ask for fewer VINs at a time"
TOO_SLOW = "the body did not come to its end; send it again"
ENDING = "the service is ending; ask again"
OURS = "something is wrong with the service itself, not with the question; its log says what"

log = logging.getLogger("headwaters.vin")


class Requests(list[str]):
    """A log message that is JSON lines already."""

    def __str__(self) -> str:
        return "\n".join(self)


class JsonLines(logging.Formatter):
    """One JSON object a line, a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, Requests):
            return str(record.msg)
        line = {
            "time": _at(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class RequestLog:
    """One JSON line a request. Those of a moment are written together: one by one they would cost
    more than the lookups do.
    """

    def __init__(self) -> None:
        self._lines = Requests()

    def add(self, **fields: Any) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(WRITE_AFTER_S, self.write)
        self._lines.append(json.dumps({"time": _at(time()), **fields}))

    def write(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, Requests()
            log.info(lines)


def _at(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds")


class Guard:
    """Lets a request through, or says in one line why not.

    The log line is written when the response has ended, which for a download is long after it
    began; one that was cut short says so.
    """

    def __init__(self, app: ASGIApp, api_key: str | None = None) -> None:
        self._app = app
        self._key = api_key.encode() if api_key else None
        self._log = RequestLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            self._log.write()  # the service has ended
            return
        began = perf_counter()
        exchange = _Exchange(receive, send)
        try:
            if refusal := self._refusal(scope):
                await exchange.refuse(*refusal)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except _Refused:
            pass
        except asyncio.CancelledError:
            # The service ends before the answer is there.
            if exchange.status is None:
                await exchange.refuse(503, ENDING)
            raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"][:LONGEST_PATH])
            if exchange.status is None:
                await exchange.refuse(500, OURS)
        finally:
            self._log.add(**_line(scope, exchange, began))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if self._key is None:
            if scope.get("server") and _is_beyond_this_machine(scope["server"][0]):
                return 403, NOT_HERE
            if not _is_this_machine(headers.get(b"host", b"localhost")):
                return 403, NOT_OUR_NAME
        elif scope["path"] != OPEN_TO_ALL and not hmac.compare_digest(
            headers.get(b"x-api-key", b""), self._key
        ):
            return 401, NO_KEY
        if int(headers.get(b"content-length", 0)) > MOST_BODY_BYTES:
            return 413, TOO_LARGE
        return None


class _Refused(Exception):
    """The body turned out too large, or without end, while it was read; the answer is sent."""


class _Exchange:
    """A request and its answer on their way through, and how far they got."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.status: int | None = None
        self.cache: bytes | None = None
        self.ended = False
        self._receive = receive
        self._send = send
        self._taken_bytes = 0
        self._has_body = False
        self._is_refused = False

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout(None if self._has_body else BODY_WITHIN_S):
                message = await self._receive()
        except TimeoutError:
            await self._refuse_body(408, TOO_SLOW)
        self._taken_bytes += len(message.get("body", b""))
        self._has_body = not message.get("more_body", False)
        if self._taken_bytes > MOST_BODY_BYTES:
            await self._refuse_body(413, TOO_LARGE)
        return message

    async def _refuse_body(self, status: int, detail: str) -> NoReturn:
        if self.status is None:
            await self.refuse(status, detail)
        raise _Refused

    async def send(self, message: Message) -> None:
        if self._is_refused:  # a framework that turns our exception into an answer of its own
            return
        await self._pass(message)

    async def refuse(self, status: int, detail: str) -> None:
        self._is_refused = True
        body = json.dumps({"detail": detail}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        if status == 401:  # noqa: PLR2004 - RFC 9110 wants it of a 401
            headers.append((b"www-authenticate", b'ApiKey realm="headwaters"'))
        await self._pass({"type": "http.response.start", "status": status, "headers": headers})
        await self._pass({"type": "http.response.body", "body": body})

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.cache = next((v for k, v in message.get("headers", ()) if k == b"x-cache"), None)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended = True


def _line(scope: Scope, exchange: _Exchange, began: float) -> dict[str, Any]:
    line = {
        "method": scope["method"],
        "path": scope["path"][:LONGEST_PATH],
        "status": exchange.status,
        "ms": round((perf_counter() - began) * 1000, 2),
    }
    if exchange.cache is not None:
        line["cache"] = exchange.cache.decode("latin-1")
    if not exchange.ended:
        line["cut"] = True
    return line


@lru_cache(maxsize=64)
def _is_this_machine(host: bytes) -> bool:
    """Whether a Host header names it. A page of another name that resolves to it is a trap."""
    name = re.sub(r":\d*$", "", host.decode("latin-1")).lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _is_beyond_this_machine(host: str) -> bool:
    """A name or the path of a Unix socket is not beyond it; only an address can be."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return False

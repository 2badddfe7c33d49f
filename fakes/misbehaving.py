"""Misbehave on request: what every fake does wrong when its control says so."""

from __future__ import annotations

import asyncio
import zlib
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fakes.faults import ANSWERS, Asked, Fault, World

HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
TITLES = {"html": "Down for maintenance", "500": "Internal Server Error"}
MESSAGES = {"202": "Come back later", "400": "Bad request", "429": "Too many requests"}
CODES = {"202": "accepted", "400": "query.compiler.malformed", "429": "too_many_requests"}
MODIFIED = ("Last-Modified", "X-SODA2-Truth-Last-Modified")
BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Filler: "
PIECE = 1 << 20


class Misbehaving:
    """Wraps all fakes: records each request, marks each answer as made up, applies faults."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"].startswith("/_control"):
            return await self.app(scope, receive, self._marked(send, []))

        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        asked = Asked(scope["method"], scope["path"], dict(query))
        faults = self.world.arrive(asked)
        send = self._marked(send, faults)
        scope.setdefault("state", {}).update(asked=asked, faults=faults)
        for fault in faults:
            if fault.kind == "slow":
                await asyncio.sleep(fault.options.get("seconds", 1))
        answer = next((fault for fault in faults if fault.kind in ANSWERS), None)
        if answer is None:
            return await self.app(scope, receive, send)
        if answer.kind == "cut":
            return await self._cut(answer, scope, receive, send)
        if answer.kind in ("refused", "slow_head", "endless_continue", "endless_redirect"):
            return await _without_uvicorn(answer, scope, receive)
        return await _instead(answer)(scope, receive, send)

    def _marked(self, send: Send, faults: list[Fault]) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Date"] = format_datetime(self.world.now, usegmt=True)
                headers["X-Made-Up"] = f"seed={self.world.seed}"
                for fault in faults:
                    _spoil_headers(headers, fault)
            await send(message)

        return marked

    async def _cut(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """End the body half way; quietly, with a length that agrees, or by hanging up."""
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.app(scope, receive, collect)
        half = bytes(body[: len(body) // 2])
        quiet = fault.options.get("quiet", False)
        MutableHeaders(scope=start)["Content-Length"] = str(len(half if quiet else body))
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": not quiet})
        if not quiet:
            scope["state"]["transport"].close()
            await _disconnected(receive)


def _spoil_headers(headers: MutableHeaders, fault: Fault) -> None:
    if fault.kind == "stale":
        headers["X-SODA2-Data-Out-Of-Date"] = "true"
    if fault.kind == "no_headers":
        del headers["X-SODA2-Fields"], headers["X-SODA2-Types"]
    if fault.kind == "last_modified":
        for name in MODIFIED:
            if name in headers:
                moment = parsedate_to_datetime(headers[name]) + timedelta(**fault.options)
                headers[name] = format_datetime(moment, usegmt=True)
    if fault.kind == "header":
        name, value = fault.options["name"], fault.options.get("value")
        del headers[name]
        if value is not None:
            headers[name] = value


def _instead(fault: Fault) -> Response:
    kind, message = fault.kind, fault.options.get("message")
    if kind == "gzip_bomb":
        packed = _bomb(fault.options.get("megabytes", 1_000))
        return Response(packed, 200, {"Content-Encoding": "gzip"}, "application/json")
    if kind in MESSAGES or message is not None:
        seconds = fault.options.get("retry_after")
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        body = {"code": CODES.get(kind, "internal_error"), "error": kind != "202"}
        return JSONResponse(body | {"message": message or MESSAGES[kind]}, int(kind), headers)
    title = TITLES.get(kind, "Service Unavailable")
    return HTMLResponse(HTML.format(title), 200 if kind == "html" else int(kind))


@lru_cache(maxsize=2)
def _bomb(megabytes: int) -> bytes:
    """A list with a great deal of space in it, gzipped to a thousandth."""
    space = b" " * PIECE
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    opening = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a piece is packed the same each time.
    piece = packer.compress(space) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(b"[")
    for _ in range(megabytes):
        crc = zlib.crc32(space, crc)
    crc, length = zlib.crc32(b"]", crc), megabytes * PIECE + 2
    trailer = crc.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little")
    head = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
    return head + opening + piece * megabytes + packer.compress(b"]") + packer.flush() + trailer


async def _without_uvicorn(fault: Fault, scope: Scope, receive: Receive) -> None:
    """Write bytes that no HTTP library would, until the client has gone."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if fault.kind == "refused":
        transport.close()
        return await _disconnected(receive)
    here = scope["path"].encode() + b"?" + scope["query_string"]
    first, then, pause_s = {
        "slow_head": (BEGINNING, b"x", fault.options.get("seconds", 0.05)),
        "endless_continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        "endless_redirect": (
            b"HTTP/1.1 302 Found\r\nLocation: " + here + b"\r\n\r\n",
            bytes(64_000),
            0.001,
        ),
    }[fault.kind]
    pieces = [first[at : at + 1] for at in range(len(first))]
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        while not gone.done():
            if transport.get_write_buffer_size() < PIECE:
                transport.write(pieces.pop(0) if pieces else then)
            await asyncio.wait([gone], timeout=pause_s)
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

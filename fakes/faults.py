"""Misbehave on request: what every local API does wrong when its control says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fakes.control import ANSWERS, Asked, Control, Fault

HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Misbehaving:
    """Wraps all APIs: records each request, marks each answer as made up, applies faults."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self.app = app
        self.control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        send = self._marked(send)
        if scope["path"].startswith("/_control"):
            return await self.app(scope, receive, send)

        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        asked = Asked(scope["method"], scope["path"], dict(query))
        faults = self.control.arrive(asked)
        scope.setdefault("state", {}).update(asked=asked, faults=faults)
        for fault in faults:
            if fault.kind == "slow":
                await asyncio.sleep(fault.options.get("seconds", 1))
        answer = next((fault for fault in faults if fault.kind in ANSWERS), None)
        if answer is None:
            return await self.app(scope, receive, send)
        if answer.kind == "refused":
            return await _hang_up(scope, receive)
        if answer.kind == "cut":
            return await self._cut(answer, scope, receive, send)
        return await _instead(answer)(scope, receive, send)

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                now = self.control.date or datetime.now(UTC)
                headers["Date"] = format_datetime(now.astimezone(UTC), usegmt=True)
                headers["X-Made-Up"] = f"seed={self.control.seed}"
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
            await _hang_up(scope, receive)


def _instead(fault: Fault) -> Response:
    if fault.kind == "429":
        seconds = fault.options.get("retry_after")
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        body = {"code": "too_many_requests", "error": True, "message": "Too many requests"}
        return JSONResponse(body, 429, headers)
    if fault.kind == "202":
        body = {"code": "accepted", "error": False, "message": "Come back later"}
        return JSONResponse(body, 202)
    titles = {"html": "Down for maintenance", "500": "Internal Server Error"}
    title = titles.get(fault.kind, "Service Unavailable")
    return HTMLResponse(HTML.format(title), 200 if fault.kind == "html" else int(fault.kind))


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["state"]["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass

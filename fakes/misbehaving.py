"""Misbehave on request: what every fake does wrong when its control says so."""

from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fakes.faults import ANSWERS, Asked, Fault, World

HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
ANSWERED = {
    "202": JSONResponse({"code": "accepted", "error": False, "message": "Come back later"}, 202),
    "429": JSONResponse(
        {"code": "too_many_requests", "error": True, "message": "Too many requests"}, 429
    ),
    "500": HTMLResponse(HTML.format("Internal Server Error"), 500),
    "503": HTMLResponse(HTML.format("Service Unavailable"), 503),
    "html": HTMLResponse(HTML.format("Down for maintenance"), 200),
}


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
        scope.setdefault("state", {}).update(faults=faults)
        answer = next((fault for fault in faults if fault.kind in ANSWERS), None)
        if answer is None:
            return await self.app(scope, receive, send)
        if answer.kind == "refused":
            return await _hang_up(scope, receive)
        if answer.kind == "cut":
            return await self._cut(answer, scope, receive, send)
        return await ANSWERED[answer.kind](scope, receive, send)

    def _marked(self, send: Send, faults: list[Fault]) -> Send:
        kinds = {fault.kind for fault in faults}

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Not the list of headers of an answer that is given again.
                message["headers"] = list(message["headers"])
                headers = MutableHeaders(scope=message)
                headers["Date"] = format_datetime(self.world.now, usegmt=True)
                headers["X-Made-Up"] = f"seed={self.world.seed}"
                if "stale" in kinds:
                    headers["X-SODA2-Data-Out-Of-Date"] = "true"
                if "no_headers" in kinds:
                    del headers["X-SODA2-Fields"], headers["X-SODA2-Types"]
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


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["state"]["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass

"""The VIN service as one application, and the guard in front of it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.http.client import HttpClient
from include.lake.store import Store
from include.vin_service import page, routes
from include.vin_service.cache import Cache
from include.vin_service.lake_facts import LakeFacts
from include.vin_service.lookups import Lookups
from include.vin_service.recalls import Recalls
from include.vin_service.settings import Settings
from include.vin_service.upstream import Upstream

MAX_ANSWER_BYTES = 20_000_000  # fifty VINs, or hundreds of recalls, are about a megabyte
MAX_BODY_BYTES = 1_000_000
REFUSED_BODY_TIMEOUT_S = 2.0  # a client that still sends its body can then read the refusal
OPEN_TO_ALL = "/healthz"
NO_KEY = "the header X-API-Key must have the key of the service"
OTHER_HOST = (
    "without a key the service answers to the names localhost, 127.0.0.1 and [::1] only, so that "
    "no web page can reach it under its own: set VIN_API_KEY and start again"
)
TOO_LARGE = "the body is over 1 MB; ask for fewer VINs at a time"
ABOUT = """Which vehicle a VIN is, from NHTSA's vPIC, kept in a cache; and the recalls of its model.

A 404 is about the VIN: it is malformed, or vPIC does not know it. A 503 is about us or vPIC: ask
again after `Retry-After`."""


def create_app(settings: Settings, lake: Store | None = None) -> FastAPI:
    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        cache = Cache(settings.vin_db)
        vpic = _upstream("vPIC", str(settings.vpic_url), settings)
        nhtsa = _upstream("NHTSA", str(settings.recalls_api_url), settings)
        recalls = Recalls(nhtsa, LakeFacts(lake) if lake else None)
        ttls_s = (settings.vin_found_ttl_s, settings.vin_not_found_ttl_s)
        app.state.lookups = Lookups(cache, vpic, *ttls_s)
        app.state.recalls = recalls
        app.state.exports = asyncio.Semaphore(routes.EXPORTS_AT_ONCE)
        app.state.sample_vins = settings.vin_samples.replace(",", " ").split()
        yield
        for part in (vpic, nhtsa, recalls, cache):
            part.close()

    app = FastAPIOffline(
        redoc_url=None,
        title="Headwaters VIN service",
        version="1",
        description=ABOUT,
        lifespan=opened,
    )
    app.include_router(routes.router)
    app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    app.add_exception_handler(RequestValidationError, _invalid)
    key = settings.vin_api_key.get_secret_value() if settings.vin_api_key else None
    app.add_middleware(Guard, key=key)
    document = app.openapi()
    if key:
        scheme = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
        document["components"]["securitySchemes"] = {"key": scheme}
        document["security"] = [{"key": []}]
    for route in app.routes:  # after the document, where each would be an operation of its own
        if isinstance(route, Route) and route.methods and "GET" in route.methods:
            route.methods.add("HEAD")
    return app


def _upstream(name: str, url: str, settings: Settings) -> Upstream:
    timeout_s = settings.vin_upstream_timeout_s
    client = HttpClient(
        url,
        attempts=3,
        connect_timeout_s=timeout_s,
        read_timeout_s=timeout_s,
        total_s=2 * timeout_s,
        max_bytes=MAX_ANSWER_BYTES,
    )
    return Upstream(name, client, settings.vin_upstream_calls, settings.vin_upstream_per_minute)


async def _invalid(_: Request, error: Exception) -> Response:
    """Without the input, which may be large, and may not be text that can be sent back."""
    problems = error.errors()[:10] if isinstance(error, RequestValidationError) else []
    shown = [{name: problem[name] for name in ("loc", "msg", "type")} for problem in problems]
    return JSONResponse({"detail": shown}, 422)


class Guard:
    """Lets a request through, or refuses it and closes the connection."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self._app = app
        self._key = key.encode() if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if refusal := self._refusal(scope["path"], Headers(scope=scope)):
            with suppress(TimeoutError):
                async with asyncio.timeout(REFUSED_BODY_TIMEOUT_S):
                    while (await receive()).get("more_body"):
                        pass
            headers = {**(refusal.headers or {}), "Connection": "close"}
            response = JSONResponse({"detail": refusal.detail}, refusal.status_code, headers)
            return await response(scope, receive, send)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413, TOO_LARGE, {"Connection": "close"})
            return message

        return await self._app(scope, receive_limited, send)

    def _refusal(self, path: str, headers: Headers) -> HTTPException | None:
        if self._key is None:
            if not _is_this_machine(headers.get("host", "localhost")):
                return HTTPException(403, OTHER_HOST)
        elif path != OPEN_TO_ALL:
            given = headers.get("x-api-key", "").encode("latin-1")
            if not hmac.compare_digest(given, self._key):
                return HTTPException(401, NO_KEY, {"WWW-Authenticate": "ApiKey"})
        if int(headers.get("content-length", 0)) > MAX_BODY_BYTES:
            return HTTPException(413, TOO_LARGE)
        return None


@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    """Whether a Host header names it; a browser sends the name of the page that it shows."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False

"""The VIN service as one application, and what happens to a request before it."""

import asyncio
import hmac
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, HTTPException, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.lake.store import Store
from include.vin_service import page, routes
from include.vin_service.cache import Cache
from include.vin_service.lookups import Lookups
from include.vin_service.recalls import Recalls
from include.vin_service.settings import Settings
from include.vin_service.upstream import Upstream

MAX_BODY_BYTES = 1_000_000
REFUSED_BODY_TIMEOUT_S = 2.0  # a client that still sends its body can then read the refusal
MAX_HITS = 20_000  # about a kilobyte each
LOOKUP = "/lookup/"
OPEN_TO_ALL = "/healthz"
# What the Host header may say: a browser sends the name of the page that it shows.
THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
OTHER_HOST = (
    "without a key the service answers to the names localhost, 127.0.0.1 and [::1] only, so that "
    "no web page can reach it under its own host name: set VIN_API_KEY and start again"
)
NO_KEY = "the header X-API-Key must have the key of the service"
TOO_LARGE = "the body is over 1 MB; ask for fewer VINs at a time"
ABOUT = """Which vehicle a VIN is, from NHTSA's vPIC, kept in a cache; and the recalls of its model.

A 404 is about the VIN: it is malformed, or vPIC does not know it. A 503 is about us or vPIC: ask
again after `Retry-After`."""


def create_app(settings: Settings, lake: Store | None = None) -> FastAPI:
    """Raises PermanentError if the cache cannot be opened."""
    cache = Cache(settings.vin_db)
    vpic = Upstream("vPIC", str(settings.vpic_url), settings)
    nhtsa = Upstream("NHTSA", str(settings.recalls_api_url), settings)
    recalls = Recalls(nhtsa, lake)
    hits = Hits()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for part in (vpic, nhtsa, recalls, cache):
            part.close()

    key = settings.vin_api_key.get_secret_value() if settings.vin_api_key else ""
    # The guard checks the key, before a body is read; this only documents it in OpenAPI.
    documented = Security(APIKeyHeader(name="X-API-Key", auto_error=False))
    app = FastAPIOffline(
        redoc_url=None,
        title="Headwaters VIN service",
        version="1",
        description=ABOUT,
        lifespan=lifespan,
        dependencies=[documented] if key else [],
    )
    app.state.lookups = Lookups(cache, vpic, settings)
    app.state.recalls = recalls
    app.state.hits = hits
    app.state.exports = asyncio.Semaphore(routes.EXPORTS_AT_ONCE)
    app.state.sample_vins = settings.vin_samples.replace(",", " ").split()
    app.include_router(routes.router)
    app.include_router(page.router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard, key=key, hits=hits)
    return app


async def _invalid(_: Request, error: Exception) -> Response:
    """Leaves out the input, which may be large, or text that cannot be sent back."""
    problems = error.errors()[:10] if isinstance(error, RequestValidationError) else []
    shown = [{name: problem[name] for name in ("loc", "msg", "type")} for problem in problems]
    return JSONResponse({"detail": shown}, 422)


class Hits:
    """Cached lookups as they were last answered: to send one again costs little.

    Use it from one event loop, in the one process that writes the cache.
    """

    def __init__(self) -> None:
        self._by_vin: dict[str, tuple[Response, float]] = {}

    def keep(self, vin: str, response: Response, fresh_until: float) -> None:
        if len(self._by_vin) >= MAX_HITS:
            del self._by_vin[next(iter(self._by_vin))]
        self._by_vin[vin] = response, fresh_until

    def forget(self, vin: str) -> None:
        self._by_vin.pop(vin, None)

    def find(self, method: str, path: str) -> Response | None:
        if method != "GET" or not path.startswith(LOOKUP) or not path.isascii():
            return None
        response, fresh_until = self._by_vin.get(path[len(LOOKUP) :].upper(), (None, 0))
        return response if time.time() < fresh_until else None


class Guard:
    """Refuses a request and closes the connection, repeats a cached answer, or lets it through."""

    def __init__(self, app: ASGIApp, key: str, hits: Hits) -> None:
        self._app = app
        self._hits = hits
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if refusal := self._refusal(scope["path"], Headers(scope=scope)):
            with suppress(TimeoutError):
                async with asyncio.timeout(REFUSED_BODY_TIMEOUT_S):
                    while (await receive()).get("more_body"):
                        pass
            return await refusal(scope, receive, send)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server sends the answer without its body
        if hit := self._hits.find(scope["method"], scope["path"]):
            return await hit(scope, receive, send)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413, TOO_LARGE, {"Connection": "close"})
            return message

        return await self._app(scope, receive_limited, send)

    def _refusal(self, path: str, headers: Headers) -> Response | None:
        if not self._key and not THIS_MACHINE.fullmatch(headers.get("host", "localhost")):
            return _refused(403, OTHER_HOST)
        if self._key and path != OPEN_TO_ALL:
            given = headers.get("x-api-key", "").encode("latin-1")
            if not hmac.compare_digest(given, self._key):
                return _refused(401, NO_KEY, {"WWW-Authenticate": "ApiKey"})
        if int(headers.get("content-length", 0)) > MAX_BODY_BYTES:
            return _refused(413, TOO_LARGE)
        return None


def _refused(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status, {"Connection": "close"} | (headers or {}))

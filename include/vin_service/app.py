"""The VIN service as one application: everything is opened here, and closed when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline

from include.vin_service import front, routes
from include.vin_service.cache import Cache, CacheTrouble
from include.vin_service.flights import Flights
from include.vin_service.guard import Guard
from include.vin_service.lake_facts import LakeFacts
from include.vin_service.lookups import ASK_AGAIN_S, Lookups, Trouble
from include.vin_service.model_recalls import ModelRecalls
from include.vin_service.recalls import Recalls
from include.vin_service.settings import Settings
from include.vin_service.upstream import Upstream
from include.vin_service.vin import NotAVin
from include.vin_service.vpic import Vpic

log = logging.getLogger("headwaters.vin")
EXPORTS_AT_ONCE = 2
ABOUT = """Which vehicle a VIN is, from NHTSA's vPIC, kept in a cache; and the recalls of its model.

A 404 is about the VIN: it is malformed, or vPIC does not know it. A 503 is about us or vPIC: ask
again after `Retry-After`."""


def from_environment() -> FastAPI:
    return create_app(Settings.from_environment())


def create_app(settings: Settings) -> FastAPI:
    """The service; its cache is open and its upstreams are there while it is served."""

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        cache = Cache.open(settings.db)
        flights = Flights(settings.db.with_name(f"{settings.db.name}.flights"))
        limits = {"calls_at_once": settings.calls_at_once, "per_minute": settings.calls_per_minute}
        vpic = Upstream(
            "vpic", partial(Vpic, settings.vpic_url, timeout_s=settings.timeout_s), **limits
        )
        nhtsa = Upstream(
            "nhtsa",
            partial(ModelRecalls, settings.recalls_api_url, timeout_s=settings.timeout_s),
            **limits,
        )
        app.state.lookups = Lookups(
            cache,
            vpic,
            flights,
            found_ttl_s=settings.found_ttl_s,
            not_found_ttl_s=settings.not_found_ttl_s,
        )
        app.state.recalls = Recalls(nhtsa, LakeFacts(settings.lake) if settings.lake else None)
        app.state.exports = asyncio.Semaphore(EXPORTS_AT_ONCE)
        try:
            yield
        finally:
            vpic.close()
            nhtsa.close()
            app.state.recalls.close()
            flights.close()
            cache.close()

    app = FastAPIOffline(
        redoc_url=None,
        title="Headwaters VIN service",
        version="1",
        description=ABOUT,
        lifespan=opened,
    )
    app.include_router(routes.router)
    app.include_router(front.router)
    app.add_exception_handler(NotAVin, _not_a_vin)
    app.add_exception_handler(Trouble, _trouble)
    app.add_exception_handler(CacheTrouble, _no_cache)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard, api_key=settings.api_key)
    if settings.api_key:
        document = app.openapi()
        document["components"]["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
        }
        document["security"] = [{"key": []}]
    return app


async def _not_a_vin(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 404)


async def _trouble(_: Request, error: Exception) -> JSONResponse:
    wait_s = error.retry_after_s if isinstance(error, Trouble) else ASK_AGAIN_S
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(wait_s)})


async def _no_cache(_: Request, error: Exception) -> JSONResponse:
    """The log alone says which file it is."""
    log.error("%s", error)
    detail = "the cache cannot be used now; the log of the service says why"
    return JSONResponse({"detail": detail}, 503, {"Retry-After": "30"})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Without the input, which may be large, and may be no text that can be sent back."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = [
        {"loc": list(problem["loc"])[:4], "msg": problem["msg"], "type": problem["type"]}
        for problem in problems[:10]
    ]
    return JSONResponse({"detail": told}, 422)

"""All local APIs as one application."""

from __future__ import annotations

from fastapi import FastAPI

from fakes import (
    control_routes,
    ecb,
    krakenflex,
    model_recalls,
    open_library,
    recalls,
    shop,
    vpic,
)
from fakes.control import Control
from fakes.faults import Misbehaving


def create_app(*, rows: int = 30_000, seed: int = 1, day: int = 1) -> FastAPI:
    """The replicas over made-up data; `app.state.control` is the handle to change it all."""
    app = FastAPI(title="Headwaters local APIs", docs_url=None, redoc_url=None)
    app.state.control = Control(rows=rows, seed=seed, day=day)
    app.include_router(control_routes.router)
    for api in (recalls, vpic, model_recalls, krakenflex, shop, ecb, open_library):
        app.include_router(api.router)
    app.add_middleware(Misbehaving, control=app.state.control)
    return app

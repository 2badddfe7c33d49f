"""All fakes as one application."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from fakes import control, ecb, krakenflex, model_recalls, open_library, recalls, shop, vpic
from fakes.control import Control
from fakes.misbehaving import Misbehaving


def create_app(*, rows: int = 30_000, seed: int = 1, day: int = 1) -> FastAPI:
    """The fakes over made-up data; `app.state.control` is the handle to change it all."""
    app = FastAPI(title="Headwaters fakes", docs_url=None, redoc_url=None)
    app.state.control = Control(rows=rows, seed=seed, day=day)
    for api in (control, recalls, vpic, model_recalls, krakenflex, shop, ecb, open_library):
        app.include_router(api.router)
    app.add_exception_handler(HTTPException, _refusal)
    app.add_middleware(Misbehaving, world=app.state.control)
    return app


async def _refusal(_: Request, error: Exception) -> Response:
    """A text is a message in JSON, unless it is a page; anything else is the body."""
    status, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
    if isinstance(detail, str) and detail.startswith("<"):
        return HTMLResponse(detail, status)
    return JSONResponse({"message": detail} if isinstance(detail, str) else detail, status)

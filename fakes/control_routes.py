"""The control over HTTP, for when the server is another process."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fakes.control import Control
from fakes.made_up_plan import LAST

router = APIRouter(prefix="/_control")


class Setting(BaseModel):
    """What to change; what is left out stays. `reset` comes first, `fault` last."""

    model_config = ConfigDict(extra="forbid")

    reset: bool = False
    rows: int | None = Field(None, ge=0)
    seed: int | None = Field(None, ge=0)
    day: int | None = Field(None, ge=1, le=LAST)
    date: datetime | None = None
    valid_tokens: set[str] | None = None
    fault: dict[str, Any] | None = None


@router.get("")
def show(request: Request) -> dict[str, Any]:
    control: Control = request.app.state.control
    return {
        "rows": control.rows,
        "seed": control.seed,
        "day": control.day,
        "date": control.date,
        "valid_tokens": sorted(control.valid_tokens),
        "faults": control.faults,
        "requests": [asked._asdict() for asked in control.requests],
    }


@router.post("")
def change(request: Request, setting: Annotated[Setting, Body()]) -> JSONResponse:
    control: Control = request.app.state.control
    if setting.reset:
        control.reset()
    for name, value in setting.model_dump(exclude={"reset", "fault"}).items():
        if value is not None:
            setattr(control, name, value)
    if setting.fault is not None:
        try:
            control.fault(**setting.fault)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": True, "message": str(error)}, 400)
    return JSONResponse({"rows": control.rows, "seed": control.seed, "day": control.day})

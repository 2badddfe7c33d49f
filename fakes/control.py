"""The control of the fakes, in process as `app.state.control` and over HTTP as `/_control`."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fakes.ecb import EcbDials
from fakes.faults import World
from fakes.krakenflex import Krakenflex, KrakenflexDials
from fakes.made_up_days import LAST
from fakes.model_recalls import sample_vins
from fakes.open_library import OpenLibrary, OpenLibraryDials
from fakes.shop import Shop, ShopDials

router = APIRouter(prefix="/_control")


class Control(World):
    """What all fakes share, and what each has of its own: its memory and its dials."""

    def reset(self) -> None:
        super().reset()
        self.shop = Shop(self.seed)
        self.ecb = EcbDials()
        self.krakenflex = Krakenflex()
        self.open_library = OpenLibrary()

    def dials(self) -> dict[str, BaseModel]:
        return {
            "shop": self.shop.dials,
            "ecb": self.ecb,
            "krakenflex": self.krakenflex.dials,
            "open_library": self.open_library.dials,
        }


class Setting(BaseModel):
    """What to change; what is left out stays. `reset` comes first, `fault` last."""

    model_config = ConfigDict(extra="forbid")

    reset: bool = False
    rows: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    day: int = Field(1, ge=1, le=LAST)
    date: datetime | None = None
    shop: ShopDials = ShopDials()
    ecb: EcbDials = EcbDials()
    krakenflex: KrakenflexDials = KrakenflexDials()
    open_library: OpenLibraryDials = OpenLibraryDials()
    fault: dict[str, Any] | None = None


@router.get("")
def show(request: Request) -> dict[str, Any]:
    control: Control = request.app.state.control
    shown = ("rows", "seed", "day", "date", "faults")
    return {
        **{name: getattr(control, name) for name in shown},
        **control.dials(),
        "requests": [asked._asdict() for asked in control.requests],
        "outages_accepted": control.krakenflex.accepted,
        "outages_refused": control.krakenflex.refused,
    }


@router.get("/sample_vins")
def samples(request: Request) -> list[str]:
    """VINs that decode clean and whose models have recalls."""
    control: Control = request.app.state.control
    return sample_vins(control.rows, control.seed, control.day)


@router.post("")
def change(request: Request, setting: Setting) -> JSONResponse:
    control: Control = request.app.state.control
    if setting.reset:
        control.reset()
    dials = control.dials()
    for name in setting.model_fields_set - {"reset", "fault"}:
        given = getattr(setting, name)
        if name not in dials:
            setattr(control, name, given)
            continue
        for dial in given.model_fields_set:
            setattr(dials[name], dial, getattr(given, dial))
    if setting.fault is not None:
        try:
            control.fault(**setting.fault)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": True, "message": str(error)}, 400)
    return JSONResponse({"rows": control.rows, "seed": control.seed, "day": control.day})

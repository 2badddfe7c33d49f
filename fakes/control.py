"""The control of the fakes: all of it in process as `app.state.control`, the day as `/_control`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from fakes.ecb import EcbDials
from fakes.faults import World
from fakes.krakenflex import Krakenflex
from fakes.made_up_days import LAST
from fakes.open_library import OpenLibrary
from fakes.shop import Shop

router = APIRouter(prefix="/_control")


class Control(World):
    """What all fakes share, and what each has of its own: its memory and its dials."""

    def reset(self) -> None:
        super().reset()
        self.shop = Shop()
        self.ecb = EcbDials()
        self.krakenflex = Krakenflex()
        self.open_library = OpenLibrary()


@router.get("")
def show(request: Request) -> dict[str, Any]:
    control: Control = request.app.state.control
    return {"day": control.day, "requests": [asked._asdict() for asked in control.requests]}


@router.post("")
def go_to_day(
    request: Request, day: Annotated[int, Body(embed=True, ge=1, le=LAST)]
) -> dict[str, int]:
    request.app.state.control.day = day
    return {"day": day}

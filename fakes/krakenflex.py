"""The outages API of KrakenFlex; it accepts what is posted only when it is exactly right."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from fakes.control import Control
from fakes.krakenflex_state import KrakenflexDials
from fakes.made_up_outages import SINCE, Outage, Site, outages, sites

_SINCE = datetime.fromisoformat(SINCE)
Answering = Callable[[Request], Coroutine[Any, Any, Response]]


class _Guarded(APIRoute):
    """Fails now and then, and lets nobody in without a key."""

    def get_route_handler(self) -> Answering:
        answer = super().get_route_handler()

        async def checked(request: Request) -> Response:
            state = _control(request).krakenflex
            state.calls += 1
            if state.dials.fails_every and state.calls % state.dials.fails_every == 0:
                return _error(500, "Internal Server Error")
            if request.headers.get("x-api-key") not in state.dials.keys:
                return _error(403, "Forbidden")
            return await answer(request)

        return checked


router = APIRouter()
guarded = APIRouter(prefix="/interview-tests-mock-api/v1", route_class=_Guarded)


@router.post("/_control/krakenflex")
def turn(request: Request, dials: KrakenflexDials) -> KrakenflexDials:
    """Change the dials that are named; the others stay."""
    state = _control(request).krakenflex
    state.dials = state.dials.model_copy(update=dials.model_dump(exclude_unset=True))
    return state.dials


@router.get("/_control/krakenflex")
def what_was_posted(request: Request) -> dict[str, Any]:
    state = _control(request).krakenflex
    return {"accepted": state.accepted, "refused": state.refused}


# On the event loop, one after the other: what is counted needs no lock.
@guarded.get("/outages")
async def all_outages(request: Request) -> Response:
    control = _control(request)
    state = control.krakenflex
    state.reads += 1
    state.read_day = control.day
    return JSONResponse(outages(control.seed, control.day, state.reads, odd=state.dials.odd_sites))


@guarded.get("/site-info/{site_id}")
async def site_info(request: Request, site_id: str) -> Response:
    control = _control(request)
    site = _site(control, site_id, control.day)
    if site is None:
        return _error(404, "Site not found")
    devices = [device._asdict() for device in site.devices]
    return JSONResponse({"id": site.id, "name": site.name, "devices": devices})


@guarded.post("/site-outages/{site_id}")
async def site_outages(request: Request, site_id: str) -> Response:
    control = _control(request)
    state = control.krakenflex
    # Who read before midnight is right about that day.
    site = _site(control, site_id, state.read_day or control.day)
    if site is None:
        return _error(404, "Site not found")
    try:
        payload = json.loads(await request.body())
    except ValueError:
        return _error(400, "Bad Request")
    right = is_right(payload, site)
    (state.accepted if right else state.refused).setdefault(site_id, []).append(payload)
    return JSONResponse({}) if right else _error(400, "Bad Request")


router.include_router(guarded)


class _Wanted(NamedTuple):
    """An outage as it may be posted; what is odd may as well be left out."""

    rows: list[dict[str, str | None]]
    is_odd: bool


def is_right(posted: object, site: Site) -> bool:
    """Whether these are the outages of the site that count, complete and in order.

    What the real API wants of odd ones is not known: with them or without is right.
    """
    if not isinstance(posted, list):
        return False
    at = 0
    for wanted in _wanted(site):
        if at < len(posted) and posted[at] in wanted.rows:
            at += 1
        elif not wanted.is_odd:
            return False
    return at == len(posted)


def _wanted(site: Site) -> list[_Wanted]:
    found: list[_Wanted] = []
    seen: list[Outage] = []
    for outage in site.outages:
        names = {device.name: None for device in site.devices if device.id == outage["id"]}
        begin, end = _instant(outage.get("begin")), _instant(outage.get("end"))
        if not names or (begin and begin < _SINCE):
            continue
        is_odd = begin is None or end is None or end < begin or outage in seen
        seen.append(outage)
        rows = [outage | {"name": name} for name in names]
        if "end" not in outage:
            rows += [row | {"end": None} for row in rows]
        found.append(_Wanted(rows, is_odd))
    return found


def _instant(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


def _site(control: Control, site_id: str, day: int) -> Site | None:
    return sites(control.seed, day, odd=control.krakenflex.dials.odd_sites).get(site_id)


def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


def _error(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)

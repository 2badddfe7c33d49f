"""The outages API of KrakenFlex; it accepts what is posted only when it is exactly right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from fakes.faults import World
from fakes.made_up_outages import SINCE, Outage, Site, outages, sites

_SINCE = datetime.fromisoformat(SINCE)
KEY = "local-key"


@dataclass(slots=True)
class Krakenflex:
    """What was posted stands by site, in the order in which it came."""

    fails_every: int | None = None  # 3: every third call, of any kind, is answered with 500
    odd_sites: bool = False  # whether there are also the sites that show an oddity each
    accepted: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[str, list[Any]] = field(default_factory=dict)
    calls: int = 0
    reads: int = 0  # of all outages
    read_day: int | None = None  # the day whose outages were read last


# All on the event loop, one after the other: what is counted needs no lock.
async def _guard(request: Request) -> None:
    """Fail now and then, and let no call in without a key."""
    state: Krakenflex = request.app.state.control.krakenflex
    state.calls += 1
    if state.fails_every and state.calls % state.fails_every == 0:
        raise HTTPException(500, "Internal Server Error")
    if request.headers.get("x-api-key") != KEY:
        raise HTTPException(403, "Forbidden")


router = APIRouter(prefix="/interview-tests-mock-api/v1", dependencies=[Depends(_guard)])


@router.get("/outages")
async def all_outages(request: Request) -> Response:
    world: World = request.app.state.control
    state: Krakenflex = request.app.state.control.krakenflex
    state.reads += 1
    state.read_day = world.day
    return JSONResponse(outages(world.seed, world.day, state.reads, odd=state.odd_sites))


@router.get("/site-info/{site_id}")
async def site_info(request: Request, site_id: str) -> Response:
    site = _site(request, site_id, request.app.state.control.day)
    devices = [device._asdict() for device in site.devices]
    return JSONResponse({"id": site.id, "name": site.name, "devices": devices})


@router.post("/site-outages/{site_id}")
async def site_outages(request: Request, site_id: str) -> Response:
    state: Krakenflex = request.app.state.control.krakenflex
    # A client that read before midnight is right about that day.
    site = _site(request, site_id, state.read_day or request.app.state.control.day)
    try:
        payload = json.loads(await request.body())
    except ValueError:
        raise HTTPException(400, "Bad Request") from None
    right = is_right(payload, site)
    (state.accepted if right else state.refused).setdefault(site_id, []).append(payload)
    if not right:
        raise HTTPException(400, "Bad Request")
    return JSONResponse({})


def _site(request: Request, site_id: str, day: int) -> Site:
    control = request.app.state.control
    known = sites(control.seed, day, odd=control.krakenflex.odd_sites)
    if site_id not in known:
        raise HTTPException(404, "Site not found")
    return known[site_id]


def is_right(posted: object, site: Site) -> bool:
    """Whether these are the outages of the site that count, complete and in order.

    What the real API wants of odd ones is not known: with them or without is right.
    """
    if not isinstance(posted, list):
        return False
    at = 0
    for rows, is_odd in _wanted(site):
        if at < len(posted) and posted[at] in rows:
            at += 1
        elif not is_odd:
            return False
    return at == len(posted)


def _wanted(site: Site) -> Iterator[tuple[list[dict[str, str | None]], bool]]:
    """Each outage as it may be posted, and whether it is odd."""
    seen: list[Outage] = []
    for outage in site.outages:
        names = {device.name: None for device in site.devices if device.id == outage["id"]}
        begin, end = _instant(outage.get("begin")), _instant(outage.get("end"))
        if not names or (begin and begin < _SINCE):
            continue
        is_odd = begin is None or end is None or end < begin or outage in seen
        seen.append(outage)
        rows = [outage | {"name": name} for name in names]
        yield (rows if "end" in outage else [*rows, *(r | {"end": None} for r in rows)]), is_odd


def _instant(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None

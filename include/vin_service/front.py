"""The route of the page: each line that was asked becomes a card, with its recalls."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from include.vin_service import page
from include.vin_service.cache import CacheTrouble
from include.vin_service.decoding import Vehicle
from include.vin_service.lookups import Answer, Lookups, Outcome, Trouble
from include.vin_service.recalls import Recalls, rows_of
from include.vin_service.routes import made_up, outcomes
from include.vin_service.vin import NotAVin

router = APIRouter()


@router.get("/", include_in_schema=False)
async def front(request: Request, vins: str = "") -> HTMLResponse:
    lookups: Lookups = request.app.state.lookups
    lines = page.lines_of(vins)
    found = await outcomes(lookups, lines)
    cards = await asyncio.gather(
        *(_card(line, found[line], lookups, request.app.state.recalls) for line in lines)
    )
    headers = made_up(lookups)
    html = page.render(vins, cards, await _count(lookups), headers.get("X-Made-Up"))
    return HTMLResponse(html, headers=page.HEADERS | headers)


async def _card(
    asked: str, outcome: Outcome | NotAVin, lookups: Lookups, recalls: Recalls
) -> page.Card:
    if isinstance(outcome, Trouble):
        return page.Card(asked, 503, str(outcome))
    if not isinstance(outcome, Answer):
        return page.Card(asked, 404, str(outcome))
    if not isinstance(outcome.known, Vehicle):
        return page.Card(asked, 404, outcome.known.detail)
    card = page.Card(asked, 200, vehicle=outcome.known, state=outcome.state)
    try:
        known = await recalls.of(outcome.known, lookups.source())
    except Trouble as trouble:
        return card._replace(recalls_detail=str(trouble))
    return card._replace(recalls=rows_of(known), lake=known.lake)


async def _count(lookups: Lookups) -> int | None:
    try:
        return await asyncio.to_thread(lookups.cache.count)
    except CacheTrouble:
        return None

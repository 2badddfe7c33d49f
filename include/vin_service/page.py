"""The page at `/`: VINs in, vehicles and their recalls out, as plain HTML without a script."""

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.vin_service.lookups import Answer, Lookups, Outcome
from include.vin_service.recalls import NOTE
from include.vin_service.routes import made_up, one_of_many
from include.vin_service.upstream import UpstreamUnavailable

MAX_VINS = 50
STYLE = Path(__file__).parents[1] / "style.css"  # the look of the site too
HEADERS = {
    # Nothing runs, and nothing is fetched from another host.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# A card is what `POST /lookup` answers for a VIN, and its recalls; None: NHTSA was not asked.
EMPTY_CARD = dict.fromkeys(("vehicle", "detail", "recalls", "recalls_detail", "lake_note"))
router = APIRouter()


@router.get("/", include_in_schema=False)
async def show_page(request: Request, vins: str = "") -> HTMLResponse:
    lookups: Lookups = request.app.state.lookups
    lines = list(dict.fromkeys(line.strip() for line in vins.splitlines() if line.strip()))
    found = await lookups.lookup_many(lines[:MAX_VINS])
    cards = await asyncio.gather(*(_card(request, line, found[line]) for line in lines[:MAX_VINS]))
    headers = made_up(lookups)
    html = PAGE.render(
        asked=vins,
        cards=cards,
        left_out=len(lines) - len(cards),
        samples=[] if lookups.source == "official" else request.app.state.sample_vins,
        made_up=headers.get("X-Made-Up"),
    )
    return HTMLResponse(html, headers=HEADERS | headers)


@router.get("/static/style.css", include_in_schema=False)
async def style() -> FileResponse:
    return FileResponse(STYLE, media_type="text/css")


async def _card(request: Request, asked: str, outcome: Outcome) -> dict[str, Any]:
    state, card = request.app.state, EMPTY_CARD | one_of_many(asked, outcome)
    if not (isinstance(outcome, Answer) and outcome.verdict.is_vehicle):
        return card
    try:
        found = await state.recalls.of(outcome.verdict, state.lookups.source)
    except UpstreamUnavailable as error:
        return card | {"recalls_detail": error.detail}
    recalls = sorted(found["recalls"], key=_urgency, reverse=True)
    return card | {"recalls": recalls, "lake_note": found["lake_note"]}


def _urgency(recall: Mapping[str, Any]) -> tuple[bool, bool, str]:
    return is_park_it(recall), is_loud(recall), recall["report_received_date"] or ""


def is_park_it(recall: Mapping[str, Any]) -> bool:
    """NHTSA says so today, or said so in the data of the lake: the louder one counts."""
    return bool(recall["park_it"] or (recall["lake"] or {}).get("do_not_drive"))


def is_loud(recall: Mapping[str, Any]) -> bool:
    return is_park_it(recall) or bool(recall["park_outside"])


def day(text: str) -> str:
    """`2025-11-14T08:00:00Z` as Americans write it."""
    found = date.fromisoformat(text[:10])
    return f"{found:%B} {found.day}, {found.year}"


def sentence(text: str) -> str:
    """An error as a sentence; names such as vPIC keep their small letter."""
    first, space, rest = text.partition(" ")
    first = first.capitalize() if first.islower() else first
    return f"{first}{space}{rest}".rstrip(".") + "."


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters |= {"day": day, "sentence": sentence}
environment.tests |= {"loud": is_loud, "park_it": is_park_it}
environment.globals |= {"max_vins": MAX_VINS, "note": NOTE}
PAGE = environment.get_template("page.html")

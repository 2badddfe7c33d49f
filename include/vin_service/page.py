"""The page at `/`: VINs in, vehicles and their recalls out, as plain HTML without a script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from include.vin_service.lookups import Answer, Lookups
from include.vin_service.recalls import NOTE, Recalls
from include.vin_service.routes import made_up, one_of_many
from include.vin_service.upstream import UpstreamUnavailable
from include.vin_service.vpic import Vehicle

MAX_VINS = 50
# Nothing runs, and nothing is fetched from another host.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
NO_VEHICLE = dict.fromkeys(("vehicle", "detail", "recalls", "recalls_detail", "lake"))
router = APIRouter()


@router.get("/", include_in_schema=False)
async def show_page(request: Request, vins: str = "") -> HTMLResponse:
    lookups: Lookups = request.app.state.lookups
    lines = list(dict.fromkeys(line.strip() for line in vins.splitlines() if line.strip()))
    found = await lookups.lookup_many(lines[:MAX_VINS])

    async def card(asked: str) -> dict[str, Any]:
        outcome = found[asked]
        shown = NO_VEHICLE | one_of_many(asked, outcome)
        if isinstance(outcome, Answer) and isinstance(outcome.known, Vehicle):
            shown |= await _recalls(request.app.state.recalls, outcome.known, lookups.source)
        return shown

    cards = await asyncio.gather(*(card(asked) for asked in found))
    headers = made_up(lookups)
    samples = [] if lookups.source == "official" else request.app.state.sample_vins
    html = render(vins, cards, len(lines) - len(cards), samples, headers.get("X-Made-Up"))
    return HTMLResponse(html, headers=HEADERS | headers)


async def _recalls(recalls: Recalls, vehicle: Vehicle, source: str | None) -> dict[str, Any]:
    """None instead of a list: NHTSA could not be asked."""
    try:
        found = await recalls.of(vehicle, source)
    except UpstreamUnavailable as error:
        return {"recalls_detail": error.detail}
    # What forbids to drive or to park first, then the newest.
    rows = sorted(
        found["recalls"],
        key=lambda row: (is_park_it(row), is_loud(row), row["report_received_date"] or ""),
        reverse=True,
    )
    return {"recalls": rows, "lake": found["lake"]}


def render(
    asked: str,
    cards: Sequence[Mapping[str, Any]],
    left_out: int = 0,
    samples: Sequence[str] = (),
    made_up: str | None = None,
) -> str:
    """The page; a card is what `POST /lookup` answers for a VIN, with its recalls."""
    page: str = PAGE.render(
        asked=asked,
        cards=cards,
        left_out=left_out,
        samples=samples,
        made_up=made_up,
        max_vins=MAX_VINS,
        note=NOTE,
    )
    return page


def is_park_it(recall: Mapping[str, Any]) -> bool:
    """NHTSA says so today, or said so in the data of the lake: the louder one counts."""
    return bool(recall["park_it"] or (recall["lake"] or {}).get("do_not_drive"))


def is_loud(recall: Mapping[str, Any]) -> bool:
    return is_park_it(recall) or bool(recall["park_outside"])


def day(text: object) -> str:
    """`2025-11-14T08:00:00Z` as Americans write it; anything else stays."""
    try:
        found = date.fromisoformat(str(text)[:10])
    except ValueError:
        return str(text)
    return f"{found:%B} {found.day}, {found.year}"


def sentence(text: str) -> str:
    """An error as a sentence; names such as vPIC keep their small letter."""
    first, _, rest = text.partition(" ")
    begun = (first.capitalize() if first.islower() else first) + (f" {rest}" if rest else "")
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def _page() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"day": day, "sentence": sentence}
    environment.tests |= {"loud": is_loud, "park_it": is_park_it}
    return environment.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


PAGE = _page()

"""The exchange rates of the European Central Bank's data portal, as CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from fakes.faults import World
from fakes.made_up_rates import CURRENCIES, rates

FRANKFURT, PUBLISHED_AT = ZoneInfo("Europe/Berlin"), time(16)
COLUMNS = (
    *("KEY", "FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX", "TIME_PERIOD"),
    "OBS_VALUE",
)
MEDIA_TYPE = "application/vnd.sdmx.data+csv;version=1.0.0"
router = APIRouter()


@dataclass(slots=True)
class EcbDials:
    # How a range without observations is answered: 404, 200 without a body, 200 with a header.
    nothing_found: Literal["404", "empty", "header"] = "404"
    # What stands in the place of the rates of a day: "" or "NaN", or anything.
    instead: dict[date, str] = field(default_factory=dict)
    # Working days on which nothing was published.
    unpublished: set[date] = field(default_factory=set)


@router.get("/service/data/{flow}/{key}")
def rates_of(request: Request, flow: str, key: str) -> Response:
    """All currencies, or those that the key names; in `csvdata` with `detail=dataonly` alone."""
    dials: EcbDials = request.app.state.control.ecb
    params = request.query_params
    if params.get("format") != "csvdata" or params.get("detail") != "dataonly":
        raise _problem(406, "This fake speaks csvdata only: add format=csvdata&detail=dataonly.")
    try:
        frequency, codes, *others = key.split(".")
        first = date.fromisoformat(params.get("startPeriod", "1999-01-01"))
        last = date.fromisoformat(params.get("endPeriod", "9999-12-31"))
        newest = int(params.get("lastNObservations", 0))
    except ValueError:
        raise _problem(400, "The key has five parts; a period is like 2023-02-09.") from None
    known = flow == "EXR" and [frequency, *others] == ["D", "EUR", "SP00", "A"]
    asked = sorted({*codes.split("+")} & CURRENCIES.keys() if codes else CURRENCIES)
    found = []
    for code in asked if known else ():
        found += list(_rows(request.app.state.control, dials, code, first, last))[-newest:]
    if not found and (not known or not asked or dials.nothing_found == "404"):
        raise _problem(404, "No results found.")
    text = io.StringIO()
    if found or dials.nothing_found == "header":
        csv.writer(text, lineterminator="\r\n").writerows([COLUMNS, *found])
    headers = {"Content-Disposition": "attachment;filename=data.csv"}
    return Response(text.getvalue().encode(), headers=headers, media_type=MEDIA_TYPE)


def _rows(
    world: World, dials: EcbDials, code: str, first: date, last: date
) -> Iterator[tuple[str, ...]]:
    last = min(last, last_published(world.now.astimezone(FRANKFURT)))
    for day, value in rates(world.seed, code).items():
        if first <= day <= last and day not in dials.unpublished:
            observed = f"{day}", dials.instead.get(day, value)
            yield f"EXR.D.{code}.EUR.SP00.A", "D", code, "EUR", "SP00", "A", *observed


def last_published(now: datetime) -> date:
    """Rates of a day are there from four in the afternoon on."""
    today = now.date()
    return today if now.time() >= PUBLISHED_AT else today - timedelta(days=1)


def _problem(status: int, detail: str) -> HTTPException:
    return HTTPException(status, {"status": status, "detail": detail})

"""The exchange rates of the European Central Bank's data portal, as CSV."""

from __future__ import annotations

import calendar
import csv
import io
import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fakes.control import Control
from fakes.ecb_dials import EcbDials
from fakes.made_up_rates import CURRENCIES, rates

FRANKFURT, PUBLISHED_AT = ZoneInfo("Europe/Berlin"), time(16)
FLOWS = {"EXR", "ECB,EXR", "ECB,EXR,1.0"}
DATA_ONLY = (
    *("KEY", "FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX", "TIME_PERIOD"),
    "OBS_VALUE",
)
FULL = (
    *DATA_ONLY,
    *("OBS_STATUS", "OBS_CONF", "OBS_PRE_BREAK", "OBS_COM", "TIME_FORMAT", "BREAKS"),
    *("COLLECTION", "COMPILING_ORG", "DISS_ORG", "DOM_SER_IDS", "PUBL_ECB", "PUBL_MU"),
    *("PUBL_PUBLIC", "UNIT_INDEX_BASE", "COMPILATION", "COVERAGE", "DECIMALS", "NAT_TITLE"),
    *("SOURCE_AGENCY", "SOURCE_PUB", "TITLE", "TITLE_COMPL", "UNIT", "UNIT_MULT"),
)
MEDIA_TYPE = "application/vnd.sdmx.data+csv;version=1.0.0"
# A day, a month or a year.
PERIOD = re.compile(r"([12]\d{3})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
router = APIRouter()

Observation = tuple[str, date, str]


class Refused(Exception):
    """What a parameter says cannot be answered."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@router.post("/_control/ecb")
def turn(request: Request, dials: EcbDials) -> EcbDials:
    """Change the dials that are named; the others stay."""
    control: Control = request.app.state.control
    control.ecb = control.ecb.model_copy(update=dials.model_dump(exclude_unset=True))
    return control.ecb


@router.get("/service/data/{flow}/{key}")
def data(request: Request, flow: str, key: str) -> Response:
    control: Control = request.app.state.control
    try:
        detail = _detail(request)
        codes = _codes(key) if flow in FLOWS else []
        found = [
            (code, day, value) for code in codes for day, value in _series(request, control, code)
        ]
    except Refused as refused:
        return _problem(request, refused.status, str(refused))
    if not found and (not codes or control.ecb.nothing_found == "404"):
        return _problem(request, 404, "No results found.")
    is_empty = not found and control.ecb.nothing_found == "empty"
    body = "" if is_empty else _csv(found, full=detail == "full")
    headers = {"Content-Disposition": "attachment;filename=data.csv"}
    return Response(body.encode(), headers=headers, media_type=MEDIA_TYPE)


def _detail(request: Request) -> str:
    """How much of each observation is asked for, once it is clear that CSV is."""
    asked = request.query_params.get("format") or request.headers.get("Accept", "")
    if "csv" not in asked:
        raise Refused(406, "This local API speaks csvdata only: ask with format=csvdata.")
    detail = request.query_params.get("detail", "full")
    if detail in ("serieskeysonly", "nodata"):
        raise Refused(501, f"detail={detail} is not implemented.")
    if detail not in ("full", "dataonly"):
        raise Refused(400, f"detail={detail} is not known.")
    return detail


def _codes(key: str) -> list[str]:
    """The currencies that a key asks for; a part without a word means all, `+` means or."""
    parts = [set(filter(None, part.split("+"))) for part in key.split(".")]
    if len(parts) != 5:  # noqa: PLR2004 - the dimensions of this dataflow
        raise Refused(400, f"The key {key} does not have five dimensions.")
    frequency, codes, *others = parts
    only = zip((frequency, *others), ("D", "EUR", "SP00", "A"), strict=True)
    if not all(not asked or there in asked for asked, there in only):
        return []
    return sorted(codes & CURRENCIES.keys() if codes else CURRENCIES)


def _series(request: Request, control: Control, code: str) -> list[tuple[date, str]]:
    params = request.query_params
    first = _period(params.get("startPeriod"), date.min)
    last = _period(params.get("endPeriod"), date.max, ends=True)
    published = last_published(control.now.astimezone(FRANKFURT))
    found = [
        (day, control.ecb.instead.get(day, value))
        for day, value in rates(control.seed, code).items()
        if first <= day <= min(last, published) and day not in control.ecb.unpublished
    ]
    head, tail = (_count(params.get(f"{end}NObservations")) for end in ("first", "last"))
    return (found[:head] if head else found)[-tail if tail else 0 :]


def last_published(now: datetime) -> date:
    """Rates of a day are there from four in the afternoon on."""
    today = now.date()
    return today if now.time() >= PUBLISHED_AT else today - timedelta(days=1)


def _period(text: str | None, unsaid: date, *, ends: bool = False) -> date:
    """The first day of what is said, or the last."""
    if text is None:
        return unsaid
    parts = PERIOD.fullmatch(text)
    year, month, day = (int(part or 0) for part in parts.groups()) if parts else (0, 1, 1)
    month = month or (12 if ends else 1)
    try:
        return date(year, month, day or (calendar.monthrange(year, month)[1] if ends else 1))
    except ValueError:
        raise Refused(400, f"{text} is not a period such as 2023-02-09.") from None


def _count(text: str | None) -> int | None:
    if text is not None and not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise Refused(400, f"{text} is not a number of observations.")
    return int(text) if text else None


def _csv(found: list[Observation], *, full: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(FULL if full else DATA_ONLY)
    more = {code: _attributes(code) if full else () for code in {code for code, _, _ in found}}
    writer.writerows(
        (f"EXR.D.{code}.EUR.SP00.A", "D", code, "EUR", "SP00", "A", day, value, *more[code])
        for code, day, value in found
    )
    return text.getvalue()


def _attributes(code: str) -> tuple[str, ...]:
    """What stands behind the value in all 32 columns; most of it is empty."""
    name, decimals = CURRENCIES[code].name, CURRENCIES[code].decimals
    said = {
        "OBS_STATUS": "A",
        "OBS_CONF": "F",
        "TIME_FORMAT": "P1D",
        "COLLECTION": "A",
        "UNIT_INDEX_BASE": "99Q1=100" if code == "USD" else "",
        "DECIMALS": str(decimals),
        "SOURCE_AGENCY": "4F0",
        "TITLE": f"{name}/Euro ECB reference exchange rate",
        "TITLE_COMPL": f"ECB reference exchange rate, {name}/Euro, 2.15 pm (C.E.T.)",
        "UNIT": code,
        "UNIT_MULT": "0",
    }
    return tuple(said.get(column, "") for column in FULL[len(DATA_ONLY) :])


def _problem(request: Request, status: int, detail: str) -> Response:
    titles = {400: "Bad Request", 404: "Not Found", 406: "Not Acceptable", 501: "Not Implemented"}
    where = request.url.path
    body = {"type": where, "title": titles[status], "status": status, "detail": detail}
    return JSONResponse(body | {"instance": where}, status)

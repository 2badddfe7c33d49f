"""The European Central Bank in its own words: US dollars for one euro, a rate a working day."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal

from include.errors import PermanentError
from include.first.rest import Answer, NotFound, RestClient, UnexpectedBody
from include.shoe_prices.contract import RATE_DIGITS
from include.shoe_prices.shop import answered_at

OFFICIAL_HOST = "data-api.ecb.europa.eu"
PATH = "/service/data/EXR/D.USD.EUR.SP00.A"
CURRENCY = "USD"
FIRST_DAY = date(1999, 1, 4)
# A day without a value may stand among them; the longest gap of the calendar is five days.
LAST_FEW = 10
NOTHING = ("", "NaN")
VALUE = re.compile(rf"\d{{1,9}}(\.\d{{1,{RATE_DIGITS}}})?", re.ASCII)
NO_CONTENT = re.compile(rb"no results found", re.IGNORECASE)


class NoRate(PermanentError):
    """The ECB published no rate in the days that were asked for."""


class Ecb:
    """The API at one host."""

    def __init__(self, host: str, *, attempts: int = 5, total_s: float = 600) -> None:
        self._client = RestClient(
            host.rstrip("/").removesuffix("/service"), attempts=attempts, total_s=total_s
        )

    def up_to(self, day: date) -> Answer:
        """The last few observations on or before a day."""
        return self._ask({"endPeriod": day.isoformat(), "lastNObservations": str(LAST_FEW)})

    def between(self, first: date, last: date) -> Answer:
        """Every observation from the first day to the last, both included."""
        return self._ask({"startPeriod": first.isoformat(), "endPeriod": last.isoformat()})

    def _ask(self, period: dict[str, str]) -> Answer:
        params = {**period, "format": "csvdata", "detail": "dataonly"}
        return self._client.get(PATH, params=params, accept=[404], check=_check)


def rates_in(answer: bytes) -> dict[date, Decimal]:
    """Each day that has a rate, in order; a day whose value is blank has none."""
    try:
        text = answer.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnexpectedBody("the ECB answered with what is no text; try again later") from None
    if not text.strip() or NO_CONTENT.search(answer):
        return {}
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"CURRENCY", "TIME_PERIOD", "OBS_VALUE"} - set(rows.fieldnames or ())
    if missing:
        raise UnexpectedBody(
            f"the ECB answered without the columns {', '.join(sorted(missing))}; "
            "check the host, or try again later"
        )
    rates: dict[date, Decimal] = {}
    for row in rows:
        if row["CURRENCY"] != CURRENCY or row["OBS_VALUE"] in NOTHING:
            continue
        day, value = _observation(row["TIME_PERIOD"], row["OBS_VALUE"])
        if rates.setdefault(day, value) != value:
            raise UnexpectedBody(f"the ECB gave two rates of {day}, {rates[day]} and {value}")
    return dict(sorted(rates.items()))


def _observation(period: str | None, value: str | None) -> tuple[date, Decimal]:
    try:
        day = date.fromisoformat(period or "")
    except ValueError:
        raise UnexpectedBody(f"the ECB gave {period!r:.60} where a day should be") from None
    if not VALUE.fullmatch(value or "") or not Decimal(value or "0"):
        raise UnexpectedBody(f"the ECB gave {value!r:.60} for {day}, which is no rate")
    return day, Decimal(value or "0")


def _check(answer: Answer) -> None:
    if answer.status_code == 404 and not NO_CONTENT.search(answer.content):  # noqa: PLR2004
        raise NotFound(
            f"{answer.where} does not exist; check the host of the connection `ecb_api`, which is "
            f"{OFFICIAL_HOST}"
        )
    answered_at(answer)
    rates_in(answer.content)

"""The European Central Bank's rates: US dollars for one euro, one rate per working day."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NamedTuple

from include.errors import PermanentError
from include.http.client import HttpClient, Response
from include.http.errors import NotFound, UnexpectedBody
from include.shoe_prices.contract import RATE

OFFICIAL_HOST = "data-api.ecb.europa.eu"
PATH = "/service/data/EXR/D.USD.EUR.SP00.A"
COLUMNS = {"CURRENCY", "TIME_PERIOD", "OBS_VALUE"}
FIRST_DAY = date(1999, 1, 4)  # of the euro
LAST_OBSERVATIONS = "10"  # some of them may be blank
VALUE = re.compile(rf"\d{{1,9}}(\.\d{{1,{RATE.scale}}})?", re.ASCII)
NO_RESULTS = re.compile(rb"no results found", re.IGNORECASE)


class Days(NamedTuple):
    """A range of days, or without a first day the last rate up to one day."""

    first: date | None
    last: date


def asked_days(
    run_day: str,
    rate_date: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
) -> Days:
    if bool(start_date) != bool(end_date) or (start_date and rate_date):
        raise PermanentError(
            "set `rate_date` alone for one day, or `start_date` and `end_date` together for a range"
        )
    last = date.fromisoformat(end_date or rate_date or run_day)
    first = date.fromisoformat(start_date) if start_date else None
    if first and first > last:
        raise PermanentError(f"`start_date` {first} is after `end_date` {last}; swap them")
    return Days(first, last)


def choose_rates(days: Days, rates: Mapping[date, Decimal], today: date) -> dict[date, Decimal]:
    """All rates of a range; of one day the last rate published on or before it."""
    first, last = days.first or FIRST_DAY, days.last
    if last > today:
        raise PermanentError(
            f"{last} is in the future (the ECB has {today}); ask for a day up to today"
        )
    found = {day: rate for day, rate in rates.items() if first <= day <= last}
    if not found:
        when = f"from {first} to {last}" if days.first else f"on or before {last}"
        raise PermanentError(
            f"the ECB published no rate {when}; nothing was published. It publishes on working "
            f"days since {FIRST_DAY}, at about 16:00 in Frankfurt: ask for other days"
        )
    return found if days.first else dict([max(found.items())])


class Ecb:
    """Needs no key. The host may have its path."""

    def __init__(self, host: str, **limits: Any) -> None:
        self._client = HttpClient(host.rstrip("/").removesuffix("/service"), **limits)

    def rates(self, days: Days) -> Response:
        """Every rate of a range, or the latest few up to a day."""
        params = {"endPeriod": days.last.isoformat(), "format": "csvdata", "detail": "dataonly"}
        if days.first:
            params["startPeriod"] = days.first.isoformat()
        else:
            params["lastNObservations"] = LAST_OBSERVATIONS
        return self._client.get(
            PATH, params=params, ok_statuses={HTTPStatus.NOT_FOUND}, check=_check_rates
        )


def rates_in(answer: bytes) -> dict[date, Decimal]:
    """Each day that has a rate, in order; a day with a blank value has none."""
    text = answer.decode("utf-8-sig", "replace")
    if not text.strip() or NO_RESULTS.search(answer):
        return {}
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := COLUMNS - set(rows.fieldnames or ()):
        raise UnexpectedBody(
            f"the ECB answered without the columns {', '.join(sorted(missing))}; "
            "check the host, or try again later"
        )
    rates: dict[date, Decimal] = {}
    for row in rows:
        if row["CURRENCY"] != "USD" or row["OBS_VALUE"] in {"", "NaN"}:
            continue
        day, rate = _observation(row["TIME_PERIOD"] or "", row["OBS_VALUE"] or "")
        if rates.setdefault(day, rate) != rate:
            raise UnexpectedBody(f"the ECB gave two rates for {day}, {rates[day]} and {rate}")
    return dict(sorted(rates.items()))


def _observation(period: str, value: str) -> tuple[date, Decimal]:
    try:
        day = date.fromisoformat(period)
    except ValueError:
        raise UnexpectedBody(f"the ECB gave {period!r:.60} instead of a day") from None
    if not VALUE.fullmatch(value) or not Decimal(value):
        raise UnexpectedBody(f"the ECB gave {value!r:.60} for {day}, which is not a rate")
    return day, Decimal(value)


def _check_rates(response: Response) -> None:
    if response.status == HTTPStatus.NOT_FOUND and not NO_RESULTS.search(response.content):
        raise NotFound(
            f"{response.where} does not exist; check the host of the connection `ecb_api`, "
            f"which is {OFFICIAL_HOST}"
        )
    rates_in(response.content)

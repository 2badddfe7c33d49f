"""Made-up reference rates of the euro: a seeded walk a currency, on the days that have rates.

Real are the currencies, the days on which the old ones ended, the calendar (today's, for all
years) and two rates: the US dollar of 2023-02-09 and 2023-02-10, which many examples quote.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple

FIRST_DAY, LAST_YEAR = date(1999, 1, 4), 2040
PUBLISHED = {
    ("USD", date(2023, 2, 9)): "1.0771",
    ("USD", date(2023, 2, 10)): "1.069",
}
_STEP, _PULL = 0.005, 0.004  # of a day: how far a rate goes, and how much of it comes back


class Currency(NamedTuple):
    """One series; `centre` is what its made-up rates stay around."""

    name: str
    centre: float
    decimals: int
    first: date = FIRST_DAY
    last: date = date.max


_2005, _2008 = date(2005, 4, 1), date(2008, 1, 2)
CURRENCIES = {
    "AUD": Currency("Australian dollar", 1.6, 4),
    "BGN": Currency("Bulgarian lev", 1.95, 4, date(2000, 7, 19), date(2025, 12, 31)),
    "BRL": Currency("Brazilian real", 5.5, 4, _2008),
    "CAD": Currency("Canadian dollar", 1.5, 4),
    "CHF": Currency("Swiss franc", 1.0, 4),
    "CNY": Currency("Chinese yuan renminbi", 7.7, 4, _2005),
    "CYP": Currency("Cyprus pound", 0.58, 5, last=date(2007, 12, 31)),
    "CZK": Currency("Czech koruna", 25, 3),
    "DKK": Currency("Danish krone", 7.45, 4),
    "EEK": Currency("Estonian kroon", 15.6, 4, last=date(2010, 12, 31)),
    "GBP": Currency("UK pound sterling", 0.86, 5),
    "GRD": Currency("Greek drachma", 330, 2, last=date(2000, 12, 29)),
    "HKD": Currency("Hong Kong dollar", 8.5, 4),
    "HRK": Currency("Croatian kuna", 7.5, 4, _2005, date(2022, 12, 30)),
    "HUF": Currency("Hungarian forint", 380, 2),
    "IDR": Currency("Indonesian rupiah", 16500, 2, _2005),
    "ILS": Currency("Israeli shekel", 3.9, 4, date(2011, 1, 3)),
    "INR": Currency("Indian rupee", 90, 4, date(2009, 1, 2)),
    "ISK": Currency("Iceland krona", 145, 1),
    "JPY": Currency("Japanese yen", 140, 2),
    "KRW": Currency("Korean won", 1400, 2),
    "LTL": Currency("Lithuanian litas", 3.45, 4, last=date(2014, 12, 31)),
    "LVL": Currency("Latvian lats", 0.7, 4, last=date(2013, 12, 31)),
    "MTL": Currency("Maltese lira", 0.43, 4, last=date(2007, 12, 31)),
    "MXN": Currency("Mexican peso", 20, 4, _2008),
    "MYR": Currency("Malaysian ringgit", 4.8, 4, _2005),
    "NOK": Currency("Norwegian krone", 11, 4),
    "NZD": Currency("New Zealand dollar", 1.75, 4),
    "PHP": Currency("Philippine peso", 60, 3, _2005),
    "PLN": Currency("Polish zloty", 4.4, 4),
    "RON": Currency("Romanian leu", 4.9, 4, date(2005, 7, 1)),
    "RUB": Currency("Russian rouble", 80, 4, _2005, date(2022, 3, 1)),
    "SEK": Currency("Swedish krona", 11, 4),
    "SGD": Currency("Singapore dollar", 1.45, 4),
    "SIT": Currency("Slovenian tolar", 239, 2, last=date(2006, 12, 29)),
    "SKK": Currency("Slovak koruna", 38, 3, last=date(2008, 12, 31)),
    "THB": Currency("Thai baht", 38, 3, _2005),
    "TRY": Currency("Turkish lira", 20, 4, date(2005, 1, 3)),
    "USD": Currency("US dollar", 1.1, 4),
    "ZAR": Currency("South African rand", 19, 4),
}


@cache
def easter(year: int) -> date:
    """Easter Sunday, by the Gregorian computus of Meeus."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    moon = (
        19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15
    ) % 30
    to_sunday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    late = (golden + 11 * moon + 22 * to_sunday) // 451
    month, day = divmod(moon + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def has_rates(day: date) -> bool:
    """Not on weekends, and not when the payment system TARGET is closed."""
    if day.weekday() >= 5 or (day.month, day.day) in {(1, 1), (5, 1), (12, 25), (12, 26)}:  # noqa: PLR2004
        return False
    return (day - easter(day.year)).days not in (-2, 1)


@lru_cache(maxsize=400)
def rates(seed: int, code: str) -> dict[date, str]:
    """Units of the currency per euro on every day of its series, as the ECB writes numbers."""
    currency = CURRENCIES[code]
    chance = Random(f"rates {seed} {code}")
    away, walked = 0.0, {}
    for day in _days():
        walked[day] = away
        away += chance.gauss(0, _STEP) - _PULL * away
    # Let the walk pass through what is known, so that it does not jump there.
    known = {day: float(rate) for (of, day), rate in PUBLISHED.items() if of == code}
    shift = 0.0
    if known:
        day = min(known)
        shift = math.log(known[day] / currency.centre) - walked[day]
    return {
        day: PUBLISHED.get((code, day))
        or _written(currency.centre * math.exp(away + shift), currency.decimals)
        for day, away in walked.items()
        if currency.first <= day <= currency.last
    }


@cache
def _days() -> tuple[date, ...]:
    every = (date(LAST_YEAR, 12, 31) - FIRST_DAY).days + 1
    days = (FIRST_DAY + timedelta(days=n) for n in range(every))
    return tuple(day for day in days if has_rates(day))


def _written(rate: float, decimals: int) -> str:
    """Without the zeros at its end."""
    return f"{rate:.{decimals}f}".rstrip("0").rstrip(".")

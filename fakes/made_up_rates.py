"""Made-up reference rates of the euro: a seeded walk a currency, on the days that have rates.

Real are the currencies, the days on which the old ones ended, the calendar (today's, for all
years) and two rates: the US dollar of 2023-02-09 and 2023-02-10, which many examples quote.
"""

import math
from calendar import SATURDAY
from datetime import date, timedelta
from functools import cache, lru_cache
from random import Random

from fakes.made_up_words import words_of

FIRST_DAY, LAST_YEAR = date(1999, 1, 4), 2040
PUBLISHED = {"USD": {date(2023, 2, 9): "1.0771", date(2023, 2, 10): "1.069"}}
_STEP, _PULL = 0.005, 0.004  # of a day: how far a rate goes, and how much of it comes back
CURRENCIES = words_of("rates")["currencies"]
CLOSED = {"01-01", "05-01", "12-25", "12-26"}
EASTER = {
    sunday + timedelta(days=n) for sunday in words_of("rates")["easter"] for n in (-2, 1)
}  # Good Fridays and Easter Mondays


def has_rates(day: date) -> bool:
    """Not on weekends, and not when the payment system TARGET is closed."""
    return day.weekday() < SATURDAY and f"{day:%m-%d}" not in CLOSED and day not in EASTER


@lru_cache(maxsize=400)
def rates(seed: int, code: str) -> dict[date, str]:
    """Units of the currency per euro on every day of its series, as the ECB writes numbers."""
    currency, published = CURRENCIES[code], PUBLISHED.get(code, {})
    chance = Random(f"rates {seed} {code}")
    away, walked = 0.0, {}
    for day in _days():
        walked[day] = away
        away += chance.gauss(0, _STEP) - _PULL * away
    # Let the walk pass through what is known, so that it does not jump there.
    shift = 0.0
    if published:
        day = min(published)
        shift = math.log(float(published[day]) / currency["center"]) - walked[day]
    found = {}
    for day, away in walked.items():
        if currency.get("first", FIRST_DAY) <= day <= currency.get("last", date.max):
            rate = f"{currency['center'] * math.exp(away + shift):.{currency['decimals']}f}"
            found[day] = published.get(day) or rate.rstrip("0").rstrip(".")
    return found


@cache
def _days() -> tuple[date, ...]:
    every = (date(LAST_YEAR, 12, 31) - FIRST_DAY).days + 1
    days = (FIRST_DAY + timedelta(days=n) for n in range(every))
    return tuple(day for day in days if has_rates(day))

"""Recalls of one report year, made up from (rows, seed, year) alone: no year needs another.

The shape is the real dataset's: rows per year, nulls, lengths, odd spellings. Whole columns are
made at once, so that 30,000 rows take about a second and 3,000,000 come year by year.
"""

import calendar
from datetime import date
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fakes import made_up_words as words
from fakes.made_up_ids import LAST_YEAR, TYPE_OF_LETTER, ids_of, letters_of, rows_by_year

LAST_DAY = date(2026, 6, 26)  # the newest report of day 1
_LARGEST = (2014, 32_000_000)
_MIXING_PRIME = 15_485_863  # spreads the names over all rows, each at least once
_OLD = 2000  # before it a text is often missing, after it hardly ever
_MISSING_IN_OLD = {"defect": 0.22, "consequence": 0.42, "corrective": 0.22}
_CAPITALS_BEFORE = 1995
_UNREPORTED, _DONE, _NOT_BEGUN = 0.45, 0.06, 0.03  # shares of rows
_RATED_SINCE = 2009
_MONTHS = pa.array(calendar.month_name[1:])

Chance: TypeAlias = np.random.Generator
Numbers: TypeAlias = np.ndarray[Any, Any]
Strings: TypeAlias = pa.Array


def recalls_of(rows: int, seed: int, year: int) -> pa.Table:
    """The rows of one report year on day 1, by date: the columns as text, a row number last."""
    counts = rows_by_year(rows)
    n = counts.get(year, 0)
    chance = np.random.default_rng([seed, year])
    numbers = np.arange(n) + sum(m for y, m in counts.items() if y < year)
    dates = _dates(chance, year, n)
    letters = letters_of(chance, n)
    return make_rows(chance, rows, seed, numbers, dates, letters, ids_of(counts, year, letters))


def make_rows(
    chance: Chance,
    rows: int,
    seed: int,
    numbers: Numbers,
    dates: Numbers,
    letters: Numbers,
    ids: list[str],
) -> pa.Table:
    """Everything else about recalls whose dates and ids are given."""
    n = len(ids)
    year = int(str(dates[0])[:4]) if n else LAST_YEAR
    names = _manufacturers(chance, numbers + seed, max(rows, words.NAMES))
    part, failing = _pick(chance, "parts", n), _pick(chance, "failings", n)
    own_number = _own_numbers(chance, n)
    defect = _defects(chance, names, part, failing, year)
    consequence = _join("The ", part, " ", failing, ", ", _pick(chance, "harms", n), ".")
    corrective = _correctives(chance, names, part, dates)
    if year < _CAPITALS_BEFORE:
        defect, consequence, corrective = map(pc.utf8_upper, (defect, consequence, corrective))
    columns = {
        "report_received_date": _join(pa.array(np.datetime_as_string(dates)), "T00:00:00.000"),
        "nhtsa_id": pa.array(ids, pa.string()),
        "recall_link": _join("https://www.nhtsa.gov/recalls?nhtsaId=", pa.array(ids, pa.string())),
        "manufacturer": names,
        "subject": pc.replace_substring(
            _join(pc.utf8_title(part), " ", pc.utf8_title(failing)), "'S ", "'s "
        ),
        "component": _without(_pick(chance, "components", n, falling=1.5), chance, 0.01),
        "mfr_campaign_number": own_number,
        "recall_type": pa.array([TYPE_OF_LETTER[letter] for letter in letters], pa.string()),
        "potentially_affected": _without(_affected(chance, numbers, dates), chance, 0.001),
        "defect_summary": _sometimes_null(defect, chance, "defect", year),
        "consequence_summary": _sometimes_null(consequence, chance, "consequence", year),
        "corrective_action": _sometimes_null(corrective, chance, "corrective", year),
        "fire_risk_when_parked": _flags(chance, n, 0.01),
        "do_not_drive": _flags(chance, n, 0.006),
        "completion_rate": _completion(chance, n, year),
        "number": pa.array(numbers, pa.int64()),
    }
    return pa.table(columns)


def _dates(chance: Chance, year: int, n: int) -> Numbers:
    first = np.datetime64(f"{year}-01-01")
    end = np.datetime64(LAST_DAY) if year == LAST_YEAR else np.datetime64(f"{year}-12-31")
    days = int((end - first).astype(int)) + 1
    return first + np.sort((chance.random(n) * days).astype(int))


def _manufacturers(chance: Chance, numbers: Numbers, rows: int) -> Strings:
    weights = 1 / (np.arange(words.NAMES) + 4)
    usual = np.searchsorted(np.cumsum(weights / weights.sum()), chance.random(len(numbers)))
    slots = numbers * _MIXING_PRIME % rows
    places = np.where(slots < words.NAMES, slots, usual.clip(max=words.NAMES - 1))
    return _vocabulary(words.manufacturers).take(pa.array(places))


def _own_numbers(chance: Chance, n: int) -> Strings:
    prefixes = ("", "N", "R", "SC-", "22S", "CB-", "TSB ")
    reported = _join(_pick(chance, prefixes, n), _digits(chance, n, 10, 99_999))
    return pc.if_else(pa.array(chance.random(n) < _UNREPORTED), "NR (Not Reported)", reported)


def _affected(chance: Chance, numbers: Numbers, dates: Numbers) -> Strings:
    spread = np.sqrt(-2 * np.log(1 - chance.random(len(numbers))))
    spread *= np.cos(2 * np.pi * chance.random(len(numbers)))
    units = np.exp(7.2 + 2.3 * spread).clip(1, 5_000_000).astype("int64")
    year, largest = _LARGEST
    if len(dates) and dates[0].astype("datetime64[Y]") == np.datetime64(str(year)):
        units[len(units) // 2] = largest
    return pa.array(units).cast(pa.string())


def _completion(chance: Chance, n: int, year: int) -> Strings:
    if year < _RATED_SINCE:
        return pa.nulls(n, pa.string())
    rates = np.round(100 * chance.random(n) ** 0.6, 2)
    whole = chance.random(n)
    rates = np.where(whole < _DONE, 100, np.where(whole > 1 - _NOT_BEGUN, 0, rates))
    text = pc.replace_substring_regex(pa.array(rates).cast(pa.string()), r"\.0$", "")
    return _without(text, chance, 0.2)


def _defects(chance: Chance, names: Strings, part: Strings, failing: Strings, year: int) -> Strings:
    n = len(names)
    in_unicode = year >= words.UNICODE_SINCE
    odd, odd_share = ("unicode", 0.15) if in_unicode else ("lost_quotes", 0.02)
    recalled = (names, " is recalling certain ", _digits(chance, n, year - 5, year), f"-{year} ")
    vehicles = (_pick(chance, "models", n), " vehicles, VIN range ")
    vins = (_digits(chance, n, 100_000, 999_999), " to ", _digits(chance, n, 100_000, 999_999))
    why = (".  The ", part, " ", failing, " ", _pick(chance, "reasons", n), ".")
    more = (
        _sometimes(_pick(chance, "html", n), chance, 0.02),
        _sometimes(_pick(chance, odd, n), chance, odd_share),
        _sometimes(_pick(chance, words.sentences, n), chance, 0.35),
        _sometimes(_pick(chance, words.paragraphs, n, falling=3), chance, 0.12),
    )
    return _join(*recalled, *vehicles, *vins, *why, *more)


def _correctives(chance: Chance, names: Strings, part: Strings, dates: Numbers) -> Strings:
    n = len(names)
    mailed = dates + (20 + chance.random(n) * 90).astype(int)
    months = mailed.astype("datetime64[M]")
    month = _MONTHS.take(pa.array(months.astype(int) % 12))
    day = pa.array((mailed - months).astype(int) + 1).cast(pa.string())
    year = pa.array(mailed.astype("datetime64[Y]").astype(int) + 1970).cast(pa.string())
    remedy = (names, " will ", _pick(chance, "remedies", n), " the ", part)
    began = (", free of charge.  The recall began on ", month, " ", day, ", ", year, ".")
    hotline = _join("Owners may call " + words.HOTLINE, _digits(chance, n, 10, 99), ".")
    return _join(*remedy, *began, _sometimes(hotline, chance, 0.5))


def _flags(chance: Chance, n: int, yes: float) -> Strings:
    return pc.if_else(pa.array(chance.random(n) < yes), "Yes", "No")


def _sometimes_null(texts: Strings, chance: Chance, name: str, year: int) -> Strings:
    return _without(texts, chance, _MISSING_IN_OLD[name] if year < _OLD else 0.02)


def _without(texts: Strings, chance: Chance, share: float) -> Strings:
    return pc.if_else(pa.array(chance.random(len(texts)) < share), None, texts)


def _sometimes(texts: Strings, chance: Chance, share: float) -> Strings:
    follows = pa.array(chance.random(len(texts)) < share)
    return pc.if_else(follows, _join("  ", texts), "")


def _digits(chance: Chance, n: int, low: int, high: int) -> Strings:
    return pa.array((low + chance.random(n) * (high - low + 1)).astype("int64")).cast(pa.string())


def _pick(chance: Chance, vocabulary: Any, n: int, falling: float = 1) -> Strings:
    """One word a row; `falling` above 1 makes the first ones more frequent."""
    choices = _vocabulary(vocabulary)
    return choices.take(pa.array((chance.random(n) ** falling * len(choices)).astype("int64")))


@cache
def _vocabulary(source: Any) -> Strings:
    """By the name of a list in the words of recalls, from a function, or as they are."""
    if isinstance(source, str):
        source = words.RECALLS[source]
    return pa.array(source() if callable(source) else source, pa.string())


def _join(*pieces: Any) -> Strings:
    return pc.binary_join_element_wise(*pieces, "")

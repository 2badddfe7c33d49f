"""VINs that the fake vPIC knows, and one for each way in which it does not know a VIN.

A VIN says all by itself, as real ones do: characters 1 to 3 the make, 4 the model, 5 the body
class, 6 the engine, 7 whether the year is before 2010, 8 the series, 9 the check digit, 10 the
year, 11 the plant, and a number.
"""

from __future__ import annotations

import hashlib
import random
from string import ascii_uppercase, digits
from typing import NamedTuple

from fakes.made_up_words import words_of

ALPHABET = "".join(c for c in digits + ascii_uppercase if c not in "IOQ")
YEARS = "ABCDEFGHJKLMNPRSTVWXY123456789"  # 1980 is A, and 2010 again
FIRST_CYCLE, SECOND_CYCLE = 1980, 2010
FIRST_YEAR, LAST_YEAR = 1985, 2026
ENGINES = {"2": "2.0", "3": "3.0", "4": "1.4", "5": "2.5", "6": "3.6"}
USUAL_SERIES = "ABCDEFGH"
# Series of which the manufacturer has not filed everything.
GAPS = {
    "V": ("BodyClass", ""),
    "W": ("Make", ""),
    "X": ("Model", ""),
    "Y": ("ModelYear", ""),
    "Z": ("Model", "Not Applicable"),
}
EXEMPT = "9"  # numbers that begin so were built with a wrong check digit, and vPIC knows it
MOST = 900_000
CHECK_DIGIT_AT = 8
STAND_INS = (0, 0, 0, 1, 1, 1, 2, 3, 5, 8)  # recalls of one of so many models of a year
_SPREADING_PRIME = 611_953
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = dict(
    zip(ALPHABET, (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)


class Make(NamedTuple):
    """One manufacturer code (the first three characters of a VIN) and what it builds."""

    code: str
    name: str  # empty: the manufacturer has filed none, as some foreign ones
    manufacturer: str
    vehicle_type: str
    models: list[str]
    bodies: list[str]
    city: str
    country: str
    has_check_digit: bool = True  # only North America has one


MAKES = {make["code"]: Make(**make) for make in words_of("vpic")["makes"]}
NAMED = tuple(make for make in MAKES.values() if make.name)


def check_digit(vin: str) -> str:
    """What the ninth character of these 17 should be."""
    total = sum(_VALUES[c] * weight for c, weight in zip(vin, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def vins(seed: int, n: int) -> list[str]:
    """So many distinct VINs that decode clean; more of the same seed begin with the same."""
    if n > MOST:
        raise ValueError(f"there are {MOST:,} made-up VINs of a seed, not {n:,}")
    chance = random.Random(f"vins {seed}")
    return [
        _vin(
            chance.choice(NAMED),
            chance,
            chance.randint(FIRST_YEAR, LAST_YEAR),
            number=f"{(number + seed) * _SPREADING_PRIME % MOST:06d}",
        )
        for number in range(n)
    ]


def examples(seed: int) -> dict[str, str]:
    """A VIN for each kind of answer, by what is to be seen; the codes are vPIC's."""
    chance = random.Random(f"examples {seed}")
    sedan, abroad, nameless = NAMED[0], MAKES["YZB"], MAKES["VFK"]
    found = _vin(sedan, chance, 2019)
    return {
        "found": found,
        "found, before 2010": _vin(sedan, chance, 1994),
        "found, a motorcycle": _vin(MAKES["4PM"], chance, 2021),
        "found, no check digit abroad": _with_wrong_digit(_vin(abroad, chance, 2015)),
        "0 with a check digit exception": _with_wrong_digit(
            _vin(sedan, chance, 2017, number=EXEMPT + "12345")
        ),
        "0 without a make": _vin(sedan, chance, 2018, series="W"),
        "0 without a model": _vin(sedan, chance, 2018, series="X"),
        "0 without a year": _vin(sedan, chance, 2018, series="Y"),
        "0 without a body class": _vin(sedan, chance, 2018, series="V"),
        "0 whose model is not applicable": _vin(sedan, chance, 2018, series="Z"),
        "1": _with_wrong_digit(_vin(sedan, chance, 2020)),
        "1, 4": _with_wrong_digit(_vin(sedan, chance, 2020, engine="Z")),
        "1,4,14,400": found[:11] + "O" + found[12:],
        "1,7": _with_wrong_digit(_with_check_digit("1ZZ" + found[3:])),
        "1,11": _with_wrong_digit(_vin(sedan, chance, 2020, year="U")),
        "5,14": _vin(sedan, chance, 2020, body="Z"),
        "6": found[:13],
        "7": _with_check_digit("LZZ" + found[3:]),
        "8 with a make": _vin(sedan, chance, 2020, model="Z"),
        "8 without a make": _vin(nameless, chance, 2016),
        "11": _vin(sedan, chance, 2020, year="U"),
        "14": _vin(sedan, chance, 2020, engine="Z"),
        # In a source of few rows, where recalls of any maker stand in.
        "no recalls": _recalled(seed, 0, chance),
        "one recall": _recalled(seed, 1, chance),
        "eight recalls": _recalled(seed, 8, chance),
    }


def number_of(text: str) -> int:
    """A number that is always the same for a text, and looks like chance."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def how_many_stand_in(seed: int, make: str, model: str, year: int) -> int:
    return STAND_INS[number_of(f"{seed}/{make}/{model}/{year}".casefold()) % len(STAND_INS)]


def _recalled(seed: int, times: int, chance: random.Random) -> str:
    """A VIN whose model of its year has so many recalls."""
    make = NAMED[0]
    return next(
        _vin(make, chance, year, model=letter)
        for year in range(2020, FIRST_YEAR, -1)
        for letter, model in zip(ascii_uppercase, make.models, strict=False)
        if how_many_stand_in(seed, make.name, model, year) == times
    )


def vin_of(make: Make, model: str, year: int, number: int) -> str:
    """A VIN of this model that decodes clean."""
    letter = ascii_uppercase[make.models.index(model)]
    return _vin(make, random.Random(number), year, model=letter, number=f"{number:06d}")


def _vin(
    make: Make,
    chance: random.Random,
    model_year: int,
    *,
    model: str = "",
    body: str = "",
    engine: str = "",
    series: str = "",
    year: str = "",
    number: str = "",
) -> str:
    """A VIN of that make and year; what is not given is left to chance."""
    before = model_year < SECOND_CYCLE
    return _with_check_digit(
        make.code
        + (model or chance.choice(ascii_uppercase[: len(make.models)]))
        + (body or chance.choice(ascii_uppercase[: len(make.bodies)]))
        + (engine or chance.choice(list(ENGINES)))
        + chance.choice("12345" if before else "ABCDE")
        + (series or chance.choice(USUAL_SERIES))
        + "0"
        + (year or YEARS[(model_year - FIRST_CYCLE) % len(YEARS)])
        + chance.choice("ABCDEFGH")
        + (number or f"{chance.randrange(MOST):06d}")
    )


def _with_check_digit(vin: str) -> str:
    return vin[:CHECK_DIGIT_AT] + check_digit(vin) + vin[CHECK_DIGIT_AT + 1 :]


def _with_wrong_digit(vin: str) -> str:
    wrong = "8" if vin[CHECK_DIGIT_AT] != "8" else "3"
    return vin[:CHECK_DIGIT_AT] + wrong + vin[CHECK_DIGIT_AT + 1 :]

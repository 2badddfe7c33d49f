"""VINs that the fake vPIC knows, and examples of others.

A VIN says all by itself, as real ones do: characters 1 to 3 the make, 4 the model, 5 the body
class, 6 the engine, 7 whether the year is before 2010, 8 the series, 9 the check digit, 10 the
year, 11 the plant, and a number.
"""

import hashlib
import random
from string import ascii_uppercase, digits
from typing import NamedTuple

from fakes.made_up_words import words_of

ALPHABET = "".join(c for c in digits + ascii_uppercase if c not in "IOQ")
YEARS = "ABCDEFGHJKLMNPRSTVWXY123456789"  # 1980 is A, and 2010 again
FIRST_CYCLE, SECOND_CYCLE = 1980, 2010
MODEL_YEARS = (1985, 2026)
MAX_VINS = 900_000
LENGTH, CHECK_DIGIT_AT = 17, 8
SPREADING_PRIME = 611_953
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = dict(
    zip(ALPHABET, (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)


class Make(NamedTuple):
    """One manufacturer code (the first three characters of a VIN) and what it builds."""

    code: str
    name: str
    manufacturer: str
    models: list[str]
    bodies: list[str]


MAKES = {make["code"]: Make(**make) for make in words_of("vpic")["makes"]}
EXAMPLES: dict[str, str] = words_of("vpic")["examples"]  # by what is to be seen


def check_digit(vin: str) -> str:
    """What the ninth character of these 17 should be."""
    total = sum(_VALUES[c] * weight for c, weight in zip(vin, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def vins(seed: int, count: int) -> list[str]:
    """Distinct VINs that decode clean; a longer list of the same seed begins with the same."""
    chance = random.Random(f"vins {seed}")
    found = []
    for n in range(count):
        make, year = chance.choice(list(MAKES.values())), chance.randint(*MODEL_YEARS)
        found.append(_vin(make, chance, year, (n + seed) * SPREADING_PRIME % MAX_VINS))
    return found


def number_of(text: str) -> int:
    """A number that is always the same for a text, and looks like chance."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def vin_of(make: Make, model: str, year: int, number: int) -> str:
    """A VIN of this model that decodes clean."""
    letter = ascii_uppercase[make.models.index(model)]
    return _vin(make, random.Random(number), year, number, letter)


def _vin(make: Make, chance: random.Random, year: int, number: int, model: str = "") -> str:
    """A VIN of that make and year; what is not given is left to chance."""
    vin = (
        make.code
        + (model or chance.choice(ascii_uppercase[: len(make.models)]))
        + chance.choice(ascii_uppercase[: len(make.bodies)])
        + chance.choice("23456")
        + chance.choice("12345" if year < SECOND_CYCLE else "ABCDE")
        + chance.choice("ABCDEFGH")
        + "0"
        + YEARS[(year - FIRST_CYCLE) % len(YEARS)]
        + chance.choice("ABCDEFGH")
        + f"{number:06d}"
    )
    return vin[:CHECK_DIGIT_AT] + check_digit(vin) + vin[CHECK_DIGIT_AT + 1 :]


def vehicle_of(vin: str) -> dict[str, str]:
    """What a VIN of a known make says, in vPIC's names; what its make does not build is empty."""
    make, year = MAKES[vin[:3]], YEARS.find(vin[9])
    first = FIRST_CYCLE if vin[6].isdigit() else SECOND_CYCLE
    return {
        "Make": make.name,
        "Model": dict(zip(ascii_uppercase, make.models, strict=False)).get(vin[3], ""),
        "ModelYear": str(first + year) if year >= 0 else "",
        "BodyClass": dict(zip(ascii_uppercase, make.bodies, strict=False)).get(vin[4], ""),
    }

"""What a VIN is: 17 characters, of which three letters are never one."""

from __future__ import annotations

import re
from string import ascii_letters, digits

LENGTH = 17
LETTERS = frozenset(ascii_letters + digits) - frozenset("IOQioq")
VIN = re.compile(r"[A-HJ-NPR-Za-hj-npr-z0-9]{17}", re.ASCII)
# ISO 3779 has no check digit; North America's is the ninth character.
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
CHECK_DIGIT_AT = 8
VALUES = {str(n): n for n in range(10)} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
MOST_SHOWN = 5


class NotAVin(ValueError):
    """What was asked for is no VIN; the text says why."""


def checked(text: str) -> str:
    """The VIN in upper case; NotAVin says what is wrong with it."""
    if VIN.fullmatch(text):
        return text.upper()
    if len(text) != LENGTH:
        raise NotAVin(
            f"a VIN has {LENGTH} characters, and this has {len(text):,}; look at it again"
        )
    foreign = list(dict.fromkeys(character for character in text if character not in LETTERS))
    shown = ", ".join(ascii(character) for character in foreign[:MOST_SHOWN])
    raise NotAVin(
        f"no VIN has {shown}; it is made of the letters A to Z without I, O and Q, and of digits"
    )


def check_digit_holds(vin: str) -> bool:
    """Whether the ninth character is what the others add up to; real cars exist without that."""
    total = sum(VALUES[character] * weight for character, weight in zip(vin, WEIGHTS, strict=True))
    return vin[CHECK_DIGIT_AT] == "0123456789X"[total % 11]

"""What vPIC says of a VIN, and what we make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

CLEAN, CHECK_DIGIT = 0, 1
CODES = re.compile(r"\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*)*", re.ASCII)
# What vPIC's codes mean, in words of our own: its texts change, the numbers stay.
# https://vpic.nhtsa.dot.gov/api/vehicles/GetVehicleVariableValuesList/error%20code?format=json
MEANINGS = {
    0: "decoded without an error",
    1: "the check digit is wrong",
    2: "one character is wrong",
    3: "one character is wrong, if the check digit is right",
    4: "one character is wrong, and several would fit",
    5: "a few characters are wrong",
    6: "the VIN is incomplete",
    7: "the manufacturer is not registered in the USA",
    8: "there are no details of it",
    9: "it is a glider, which is no motor vehicle",
    10: "it is an off-road vehicle, which has no VIN",
    11: "the tenth character is no model year",
    12: "the model year is another one",
    14: "some characters say nothing that the manufacturer has explained",
    400: "it has characters that no VIN has",
}
LONGEST_VALUE = 200
MOST_CODES = 20
UNFILLED = {"", "not applicable"}


class Illegible(ValueError):
    """What came is no answer about a VIN, and says nothing about it."""


class Vehicle(NamedTuple):
    """A VIN that vPIC knows: the codes are exactly 0 or exactly 1, and the car has a name."""

    vin: str
    make: str
    model: str
    model_year: str
    body_class: str
    check_digit_wrong: bool = False


class Unknown(NamedTuple):
    """A VIN that vPIC does not know; the sentence says what it answered."""

    vin: str
    detail: str


def verdict(vin: str, result: Mapping[str, Any]) -> Vehicle | Unknown:
    """Judge by the codes and by what is filled, never by vPIC's texts; Illegible has neither."""
    codes = _codes(result.get("ErrorCode"))
    make, model, model_year = (_filled(result, key) for key in ("Make", "Model", "ModelYear"))
    why = _explained(codes)
    if codes in ({CLEAN}, {CHECK_DIGIT}):
        if make and model and model_year:
            wrong = codes == {CHECK_DIGIT}
            return Vehicle(vin, make, model, model_year, _filled(result, "BodyClass"), wrong)
        name = {"make": make, "model": model, "model year": model_year}
        unfilled = " and no ".join(what for what, value in name.items() if not value)
        why = f"it names no {unfilled} ({why})"
    suggested = _filled(result, "SuggestedVIN")
    hint = f". It suggests {suggested}" if suggested not in {"", vin} else ""
    return Unknown(vin, f"vPIC does not know this VIN: {why}{hint}")


def _codes(text: object) -> set[int]:
    if not isinstance(text, str) or not CODES.fullmatch(text):
        raise Illegible("no list of codes")
    codes = {int(code) for code in text.split(",")}
    if len(codes) > MOST_CODES:
        raise Illegible(f"{len(codes):,} codes")
    return codes


def _filled(result: Mapping[str, Any], key: str) -> str:
    """A value as vPIC has it, empty where it says nothing."""
    value = result.get(key)
    if not isinstance(value, str | None):
        raise Illegible(f"{key} is no text")
    text = (value or "").strip()
    if len(text) > LONGEST_VALUE:
        raise Illegible(f"{key} is {len(text):,} characters long")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Illegible(f"{key} holds half a character") from None
    return "" if text.casefold() in UNFILLED else text


def _explained(codes: set[int]) -> str:
    return "; ".join(
        f"code {code}, {MEANINGS.get(code, 'whose meaning we do not know')}"
        for code in sorted(codes)
    )

"""What a VIN is, and what vPIC, NHTSA's decoder, says about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import HTTPException

from include.http.client import HttpClient, Response
from include.vin_service.upstream import UnreadableAnswer

LENGTH = 17
VIN = re.compile(r"[A-HJ-NPR-Za-hj-npr-z0-9]{17}", re.ASCII)
FOREIGN = re.compile(r"[^A-HJ-NPR-Za-hj-npr-z0-9]", re.ASCII)
MAX_SHOWN = 5
BATCH = 50  # vPIC decodes no more in one call
CLEAN, CHECK_DIGIT = 0, 1
CODES = re.compile(r"\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*){0,19}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_VALUE = 200
UNFILLED = {"", "not applicable"}
# vPIC's own texts drift, the numbers stay.
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
    8: "there are no details about it",
    9: "it is a glider, which is not a motor vehicle",
    10: "it is an off-road vehicle, which has no VIN",
    11: "the tenth character is not a model year",
    12: "the model year is a different one",
    14: "the manufacturer has not explained some of the characters",
    400: "it has characters that a VIN cannot have",
}


class NotAVin(HTTPException):
    """The text cannot be a VIN; the detail says why."""


class Vehicle(NamedTuple):
    """A VIN that vPIC knows: its code is exactly 0 or exactly 1, and the car has a name."""

    vin: str
    make: str
    model: str
    model_year: str
    body_class: str
    check_digit_wrong: bool = False


class Unknown(NamedTuple):
    """A VIN that vPIC does not know, and the reason."""

    vin: str
    detail: str


class Decoded(NamedTuple):
    """An answer for each VIN; one that vPIC left out or answered unreadably is missing."""

    answers: dict[str, Vehicle | Unknown]
    source: str


def normalize_vin(text: str) -> str:
    """The VIN in upper case."""
    if VIN.fullmatch(text):
        return text.upper()
    if len(text) != LENGTH:
        raise NotAVin(
            404,
            f"a VIN has {LENGTH} characters, and this has {len(text):,}; check it for a typing error",
        )
    foreign = list(dict.fromkeys(FOREIGN.findall(text)))
    shown = ", ".join(ascii(character) for character in foreign[:MAX_SHOWN])
    raise NotAVin(
        404, f"a VIN cannot contain {shown}; it has digits and the letters A to Z but I, O and Q"
    )


def decode(client: HttpClient, vins: Sequence[str]) -> Decoded:
    """Ask vPIC about up to a batch of VINs, each as `normalize_vin` gives it."""
    check = partial(_answers, vins=vins)
    if len(vins) == 1:
        path = f"/vehicles/DecodeVinValues/{vins[0]}"
        response = client.get(path, params={"format": "json"}, check=check)
    else:
        response = client.request(
            "POST",
            "/vehicles/DecodeVINValuesBatch/",
            form={"DATA": ";".join(vins), "format": "json"},
            repeatable=True,
            check=check,
        )
    return Decoded(check(response), response.publisher)


def _answers(response: Response, vins: Sequence[str]) -> dict[str, Vehicle | Unknown]:
    """Match by the VIN in each result: vPIC may reorder them, and leave some out."""
    body = response.json()
    results = body.get("Results") if isinstance(body, dict) else None
    answers = {}
    for result in results if isinstance(results, list) else []:
        vin = result.get("VIN") if isinstance(result, dict) else None
        vin = vin.strip().upper() if isinstance(vin, str) else ""
        if vin in vins and (answer := _verdict(vin, result)):
            answers[vin] = answer
    if not answers:
        raise UnreadableAnswer(
            f"{response.where} sent JSON that decodes none of the {len(vins)} VINs; "
            "check the host, or try again later"
        )
    return answers


def _verdict(vin: str, result: Mapping[str, Any]) -> Vehicle | Unknown | None:
    """Judge by the codes and by what is filled, never by vPIC's texts; None for neither."""
    listed = result.get("ErrorCode")
    named = ("Make", "Model", "ModelYear", "BodyClass", "SuggestedVIN")
    values = [_value(result.get(name)) for name in named]
    if not (isinstance(listed, str) and CODES.fullmatch(listed)) or None in values:
        return None
    codes = {int(code) for code in listed.split(",")}
    make, model, model_year, body_class, suggested = (value or "" for value in values)
    reason = "; ".join(
        f"code {code}, {MEANINGS.get(code, 'whose meaning is not known here')}"
        for code in sorted(codes)
    )
    if codes in ({CLEAN}, {CHECK_DIGIT}):
        if make and model and model_year:
            return Vehicle(vin, make, model, model_year, body_class, codes == {CHECK_DIGIT})
        fields = {"make": make, "model": model, "model year": model_year}
        missing = " and no ".join(name for name, value in fields.items() if not value)
        reason = f"it names no {missing} ({reason})"
    hint = f". It suggests {suggested}" if suggested not in {"", vin} else ""
    return Unknown(vin, f"vPIC does not know this VIN: {reason}{hint}")


def _value(value: object) -> str | None:
    """A value as vPIC has it, empty if it gives none; None for one that is not a short text."""
    if not isinstance(value, str | None):
        return None
    text = CONTROL.sub(" ", value or "").strip()
    # JSON can hold half a character, which no answer can carry.
    if len(text) > MAX_VALUE or any("\ud800" <= character <= "\udfff" for character in text):
        return None
    return "" if text.casefold() in UNFILLED else text

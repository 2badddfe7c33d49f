"""What a VIN is, and what vPIC, NHTSA's decoder, says about it."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import HTTPException

from include.http.client import HttpClient, Response
from include.vin_service.upstream import UnreadableAnswer

VIN = re.compile(r"[A-HJ-NPR-Za-hj-npr-z0-9]{17}")
FOREIGN = re.compile(r"[^A-HJ-NPR-Za-hj-npr-z0-9]")
LENGTH = 17
BATCH = 50  # vPIC decodes no more in one call
CLEAN, CHECK_DIGIT = {0}, {1}
# Control characters, and lone surrogates, which JSON can hold and an answer cannot.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Verdict(NamedTuple):
    """What vPIC says about a VIN: a vehicle, or in `detail` why it does not know one.

    It is a vehicle when the code is exactly 0 or exactly 1, and make, model and year are filled.
    """

    vin: str
    detail: str = ""
    make: str = ""
    model: str = ""
    model_year: str = ""
    body_class: str = ""
    check_digit_wrong: bool = False

    @property
    def is_vehicle(self) -> bool:
        return not self.detail


def normalize_vin(text: str) -> str:
    """The VIN in upper case; a 404 that says what is wrong with a text that cannot be one."""
    if VIN.fullmatch(text):
        return text.upper()
    if len(text) != LENGTH:
        raise HTTPException(
            404,
            f"a VIN has {LENGTH} characters, and this has {len(text):,}; look for a typing error",
        )
    foreign = list(dict.fromkeys(FOREIGN.findall(text)))
    shown = ", ".join(ascii(character) for character in foreign[:5])
    raise HTTPException(
        404, f"a VIN cannot contain {shown}; it has digits and the letters A to Z except I, O and Q"
    )


def decode(client: HttpClient, vins: Sequence[str]) -> tuple[dict[str, Verdict], str]:
    """Ask vPIC about up to a batch of VINs; its verdicts, by VIN, and whose data they are.

    A VIN that vPIC left out or answered unreadably has no verdict.
    """
    check = partial(_verdicts, vins=vins)
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
    return check(response), response.publisher


def _verdicts(response: Response, vins: Sequence[str]) -> dict[str, Verdict]:
    """Match by the VIN in each result: vPIC may reorder them, and leave some out."""
    body = response.json()
    results = body.get("Results") if isinstance(body, dict) else []
    results = results if isinstance(results, list) else []
    read = [_verdict(result) for result in results if isinstance(result, dict)]
    verdicts = {verdict.vin: verdict for verdict in read if verdict and verdict.vin in vins}
    if not verdicts:
        what = f"sent JSON that decodes none of the {len(vins)} VINs"
        raise UnreadableAnswer(str(response.unexpected(what)))
    return verdicts


def _verdict(result: dict[str, Any]) -> Verdict | None:
    """Judge by the codes and by what is filled: vPIC's texts drift. None: it is unreadable."""
    names = ("VIN", "ErrorCode", "ErrorText", "Make", "Model", "ModelYear", "BodyClass")
    values = [result.get(name) or "" for name in (*names, "SuggestedVIN")]
    if not all(isinstance(value, str) for value in values):
        return None
    vin, listed, reason, make, model, model_year, body_class, suggested = map(_text, values)
    vin = vin.upper()
    try:
        codes = {int(code) for code in listed.split(",")}
    except ValueError:
        return None
    reason = reason or f"code {listed}"
    if codes in (CLEAN, CHECK_DIGIT):
        if make and model and model_year:
            return Verdict(vin, "", make, model, model_year, body_class, codes == CHECK_DIGIT)
        fields = {"make": make, "model": model, "model year": model_year}
        missing = " and no ".join(name for name, value in fields.items() if not value)
        reason = f"it names no {missing} ({reason})"
    hint = f". It suggests {suggested}" if suggested not in {"", vin} else ""
    return Verdict(vin, f"vPIC does not know this VIN: {reason}{hint}")


def _text(value: str) -> str:
    text = UNPRINTABLE.sub(" ", value).strip()
    return "" if text.casefold() == "not applicable" else text

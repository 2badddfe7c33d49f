"""vPIC, NHTSA's decoder of VINs, as far as its flat answers go. A bad VIN is answered with 200."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import JSONResponse

from fakes.made_up_vins import ALPHABET, CHECK_DIGIT_AT, LENGTH, MAKES, check_digit, vehicle_of

MAX_VINS = 50
CLEAN, WRONG_DIGIT, INCOMPLETE, UNREGISTERED, NO_DETAIL, INVALID = 0, 1, 6, 7, 8, 400
TEXTS = {
    CLEAN: "VIN decoded clean. Check Digit (9th position) is correct",
    WRONG_DIGIT: "Check Digit (9th position) does not calculate properly",
    INCOMPLETE: "Incomplete VIN",
    UNREGISTERED: "Manufacturer is not registered with NHTSA for sale or importation in the U.S.",
    NO_DETAIL: "No detailed data available currently",
    INVALID: "Invalid Characters Present",
}
router = APIRouter(prefix="/api/vehicles")


@router.get("/DecodeVinValues/{vin}")
async def one(vin: str) -> JSONResponse:
    return _answer([vin])


@router.post("/DecodeVINValuesBatch/")
async def batch(data: Annotated[str, Form(alias="DATA")]) -> JSONResponse:
    vins = [entry for entry in data.split(";") if entry.strip()]
    return _answer(vins) if 0 < len(vins) <= MAX_VINS else _answer([], 400)


def _answer(vins: list[str], status: int = 200) -> JSONResponse:
    body = {"Count": len(vins), "Message": "", "Results": [decode(vin) for vin in vins]}
    return JSONResponse(body, status)


def decode(asked: str) -> dict[str, str]:
    """Everything from the characters of the VIN, and nothing is an error."""
    vin, vehicle = asked.strip().upper(), dict[str, str]()
    if len(vin) != LENGTH:
        codes = [INCOMPLETE]
    elif set(vin) - set(ALPHABET):
        codes = [INVALID]
    elif vin[:3] not in MAKES:
        codes = [UNREGISTERED]
    else:
        vehicle = vehicle_of(vin)
        codes = [WRONG_DIGIT] if vin[CHECK_DIGIT_AT] != check_digit(vin) else []
        codes += [] if all(vehicle.values()) else [NO_DETAIL]
    codes = codes or [CLEAN]
    texts = "; ".join(f"{code} - {TEXTS[code]}" for code in codes)
    found = {"VIN": vin, "ErrorCode": ",".join(map(str, codes)), "ErrorText": texts}
    return found | {"SuggestedVIN": ""} | vehicle

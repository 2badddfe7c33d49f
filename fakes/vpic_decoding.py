"""What the local vPIC says of a VIN: everything from its characters, and nothing is an error."""

from __future__ import annotations

from string import ascii_uppercase
from typing import NamedTuple

from fakes.made_up_makes import MAKES, Make
from fakes.made_up_vins import (
    ALPHABET,
    CHECK_DIGIT_AT,
    ENGINES,
    EXEMPT,
    FIRST_CYCLE,
    GAPS,
    SECOND_CYCLE,
    YEARS,
    check_digit,
)
from fakes.vpic_keys import (
    CLEAN,
    CORRECTED,
    ERRORS,
    EXCEPTION,
    INCOMPLETE,
    INVALID,
    KEYS,
    NO_DETAIL,
    NOT_APPLICABLE,
    TEXTS,
    UNKNOWN,
    UNREGISTERED,
    WRONG_DIGIT,
    WRONG_YEAR,
)

LENGTH = 17
MODEL, BODY, ENGINE, BEFORE_2010, SERIES, YEAR, NUMBER = 3, 4, 5, 6, 7, 9, 11
NORTH_AMERICA = tuple("12345")


class Found(NamedTuple):
    """vPIC's codes, and at which places of the VIN it stumbled."""

    codes: tuple[int, ...]
    places: tuple[int, ...] = ()


def decode(asked: str, year_hint: str = "") -> dict[str, str]:
    """All keys of vPIC's answer; the hint tells years apart that one character stands for."""
    vin = asked.strip().upper()
    make = MAKES.get(vin[:3])
    found = _found(vin, make)
    result = dict.fromkeys(KEYS, "") | {"VIN": vin, "VehicleDescriptor": _descriptor(vin)}
    if make is not None:
        result |= dict.fromkeys(NOT_APPLICABLE, "Not Applicable")
        result |= _vehicle(vin, make, year_hint, detailed=NO_DETAIL not in found.codes)
    return result | _verdict(vin, found)


def _found(vin: str, make: Make | None) -> Found:
    foreign = tuple(at for at, c in enumerate(vin) if c not in ALPHABET and c != "*")
    codes = {INVALID} if foreign or len(vin) > LENGTH else set()
    if len(vin) < LENGTH or "*" in vin:
        codes.add(INCOMPLETE)
    elif codes or _digit_is_wrong(vin, make):
        codes.add(WRONG_DIGIT)
    if make is None:
        return Found(tuple(sorted(codes | {UNREGISTERED})), foreign)
    if INCOMPLETE in codes:
        return Found(tuple(sorted(codes)), foreign)
    if INVALID in codes:
        return Found(tuple(sorted(codes | {CORRECTED, UNKNOWN})), foreign)
    places: tuple[int, ...] = ()
    if not make.name or not _listed(vin[MODEL], make.models):
        codes.add(NO_DETAIL)
    elif not _listed(vin[BODY], make.bodies):
        codes |= {ERRORS, UNKNOWN}
        places = (BODY,)
    elif vin[ENGINE] not in ENGINES:
        codes.add(CORRECTED if WRONG_DIGIT in codes else UNKNOWN)
        places = (ENGINE,)
    if vin[YEAR] not in YEARS:
        codes.add(WRONG_YEAR)
    return Found(tuple(sorted(codes)) or (CLEAN,), places)


def _digit_is_wrong(vin: str, make: Make | None) -> bool:
    has_one = vin.startswith(NORTH_AMERICA) if make is None else make.has_check_digit
    exempt = make is not None and vin[NUMBER] == EXEMPT
    return has_one and not exempt and vin[CHECK_DIGIT_AT] != check_digit(vin)


def _verdict(vin: str, found: Found) -> dict[str, str]:
    codes = found.codes
    # Some lists are written with spaces: nobody knows which, so here is one.
    separator = ", " if codes == (WRONG_DIGIT, CORRECTED) else ","
    texts = TEXTS
    if codes == (CLEAN,) and vin[NUMBER] == EXEMPT and vin[CHECK_DIGIT_AT] != check_digit(vin):
        texts = {CLEAN: EXCEPTION}
    suggested = "".join("!" if at in found.places else c for at, c in enumerate(vin))
    odd = ", ".join(f"{at + 1}:{vin[at]}" for at in found.places)
    return {
        "ErrorCode": separator.join(map(str, codes)),
        "ErrorText": "; ".join(f"{code} - {texts[code]}" for code in codes),
        "AdditionalErrorText": f"Invalid character(s): {odd}" if odd and INVALID in codes else "",
        "SuggestedVIN": suggested if found.places and UNREGISTERED not in codes else "",
    }


def _vehicle(vin: str, make: Make, year_hint: str, *, detailed: bool) -> dict[str, str]:
    """What a VIN says as far as it goes, with what its manufacturer has not filed left out."""
    said = vin.ljust(LENGTH, "*")
    number = str(list(MAKES).index(make.code) + 9_001)
    known = {
        "Make": make.name,
        "MakeID": number if make.name else "",
        "Manufacturer": make.manufacturer.upper(),
        "ManufacturerId": number,
        "ModelYear": _year(said, year_hint),
        "PlantCountry": make.country,
        "VehicleType": make.vehicle_type,
    }
    if detailed:
        known |= {
            "Model": _named(said[MODEL], make.models),
            "BodyClass": _named(said[BODY], make.bodies),
            "DisplacementL": ENGINES.get(said[ENGINE], ""),
            "FuelTypePrimary": "Gasoline" if said[ENGINE] in ENGINES else "",
            "PlantCity": make.city,
            "Series": said[SERIES].replace("*", ""),
        }
        if said[SERIES] in GAPS:
            known |= [GAPS[said[SERIES]]]
    return known


def _year(vin: str, hint: str) -> str:
    if vin[YEAR] not in YEARS:
        return ""
    place = YEARS.index(vin[YEAR])
    cycles = (FIRST_CYCLE + place, SECOND_CYCLE + place)
    if hint.strip() in map(str, cycles):
        return hint.strip()
    return str(cycles[0] if vin[BEFORE_2010].isdigit() else cycles[1])


def _listed(letter: str, names: tuple[str, ...]) -> bool:
    return letter in ascii_uppercase[: len(names)]


def _named(letter: str, names: tuple[str, ...]) -> str:
    return names[ascii_uppercase.index(letter)] if _listed(letter, names) else ""


def _descriptor(vin: str) -> str:
    return (
        f"{vin[:CHECK_DIGIT_AT]}*{vin[CHECK_DIGIT_AT + 1 : NUMBER]}" if len(vin) >= LENGTH else ""
    )

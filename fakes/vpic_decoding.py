"""What the fake vPIC says of a VIN: everything from its characters, and nothing is an error."""

from string import ascii_uppercase

from fakes.made_up_vins import (
    ALPHABET,
    CHECK_DIGIT_AT,
    ENGINES,
    EXEMPT,
    FIRST_CYCLE,
    GAPS,
    MAKES,
    SECOND_CYCLE,
    YEARS,
    Make,
    check_digit,
)
from fakes.made_up_words import words_of

WORDS = words_of("vpic")
KEYS = tuple(WORDS["keys"].split())
TEXTS = {int(code): text for code, text in WORDS["errors"].items()}
CLEAN, WRONG_DIGIT, CORRECTED, ERRORS, INCOMPLETE = 0, 1, 4, 5, 6
UNREGISTERED, NO_DETAIL, WRONG_YEAR, UNKNOWN, INVALID = 7, 8, 11, 14, 400
LENGTH = 17
MODEL, BODY, ENGINE, BEFORE_2010, SERIES, YEAR, NUMBER = 3, 4, 5, 6, 7, 9, 11
NORTH_AMERICA = tuple("12345")


def decode(asked: str) -> dict[str, str]:
    """All keys of vPIC's answer."""
    vin = asked.strip().upper()
    make = MAKES.get(vin[:3])
    codes, places = _codes(vin, make)
    result = dict.fromkeys(KEYS, "") | {"VIN": vin, "VehicleDescriptor": _descriptor(vin)}
    if make is not None:
        result |= dict.fromkeys(WORDS["not_applicable"], "Not Applicable")
        result |= _vehicle(vin, make, detailed=NO_DETAIL not in codes)
    return result | _verdict(vin, codes, places)


def _codes(vin: str, make: Make | None) -> tuple[list[int], list[int]]:
    """The codes of vPIC, and at which places of the VIN it stumbled."""
    places = [at for at, c in enumerate(vin) if c not in ALPHABET and c != "*"]
    codes = {INVALID} if places or len(vin) > LENGTH else set()
    if len(vin) < LENGTH or "*" in vin:
        codes.add(INCOMPLETE)
    elif codes or _digit_is_wrong(vin, make):
        codes.add(WRONG_DIGIT)
    if make is None:
        codes.add(UNREGISTERED)
    elif INVALID in codes and INCOMPLETE not in codes:
        codes |= {CORRECTED, UNKNOWN}
    elif INCOMPLETE not in codes:
        if not make.name or not _listed(vin[MODEL], make.models):
            codes.add(NO_DETAIL)
        elif not _listed(vin[BODY], make.bodies):
            codes |= {ERRORS, UNKNOWN}
            places = [BODY]
        elif vin[ENGINE] not in ENGINES:
            codes.add(CORRECTED if WRONG_DIGIT in codes else UNKNOWN)
            places = [ENGINE]
        if vin[YEAR] not in YEARS:
            codes.add(WRONG_YEAR)
    return sorted(codes) or [CLEAN], places


def _digit_is_wrong(vin: str, make: Make | None) -> bool:
    has_one = vin.startswith(NORTH_AMERICA) if make is None else make.has_check_digit
    exempt = make is not None and vin[NUMBER] == EXEMPT
    return has_one and not exempt and vin[CHECK_DIGIT_AT] != check_digit(vin)


def _verdict(vin: str, codes: list[int], places: list[int]) -> dict[str, str]:
    # The real one writes some lists with spaces; which is not known, so here it is this one.
    separator = ", " if codes == [WRONG_DIGIT, CORRECTED] else ","
    texts = TEXTS
    if codes == [CLEAN] and vin[NUMBER] == EXEMPT and vin[CHECK_DIGIT_AT] != check_digit(vin):
        texts = {CLEAN: WORDS["exception"]}
    suggested = "".join("!" if at in places else c for at, c in enumerate(vin))
    odd = ", ".join(f"{at + 1}:{vin[at]}" for at in places)
    return {
        "ErrorCode": separator.join(map(str, codes)),
        "ErrorText": "; ".join(f"{code} - {texts[code]}" for code in codes),
        "AdditionalErrorText": f"Invalid character(s): {odd}" if odd and INVALID in codes else "",
        "SuggestedVIN": suggested if places and UNREGISTERED not in codes else "",
    }


def _vehicle(vin: str, make: Make, *, detailed: bool) -> dict[str, str]:
    """What a VIN says as far as it goes, with what its manufacturer has not filed left out."""
    said = vin.ljust(LENGTH, "*")
    number = str(list(MAKES).index(make.code) + 9_001)
    known = {
        "Make": make.name,
        "MakeID": number if make.name else "",
        "Manufacturer": make.manufacturer.upper(),
        "ManufacturerId": number,
        "ModelYear": _year(said),
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


def _year(vin: str) -> str:
    if vin[YEAR] not in YEARS:
        return ""
    first = FIRST_CYCLE if vin[BEFORE_2010].isdigit() else SECOND_CYCLE
    return str(first + YEARS.index(vin[YEAR]))


def _listed(letter: str, names: list[str]) -> bool:
    return letter in ascii_uppercase[: len(names)]


def _named(letter: str, names: list[str]) -> str:
    return names[ascii_uppercase.index(letter)] if _listed(letter, names) else ""


def _descriptor(vin: str) -> str:
    return (
        f"{vin[:CHECK_DIGIT_AT]}*{vin[CHECK_DIGIT_AT + 1 : NUMBER]}" if len(vin) >= LENGTH else ""
    )

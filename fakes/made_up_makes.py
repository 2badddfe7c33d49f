"""The makes whose VINs the local vPIC knows; the manufacturers also have recalls."""

from __future__ import annotations

from typing import NamedTuple

from fakes.made_up_words import MODELS

_SUV = "Sport Utility Vehicle [SUV]/Multipurpose Vehicle [MPV]"
_CAR, _MPV = "PASSENGER CAR", "MULTIPURPOSE PASSENGER VEHICLE (MPV)"


class Make(NamedTuple):
    """One manufacturer code (the first three characters of a VIN) and what it builds.

    The fourth character is the place of the model, the fifth of the body class, in letters.
    """

    code: str
    name: str  # empty: the manufacturer has filed none, as some foreign ones
    manufacturer: str
    vehicle_type: str
    models: tuple[str, ...]
    bodies: tuple[str, ...]
    city: str
    country: str
    has_check_digit: bool = True  # only North America has one


_ALL = (
    Make(
        *("1TC", "TARNCOMBE", "Tarncombe Motors Group", _CAR, MODELS[:6]),
        *(("Sedan/Saloon", "Coupe", "Hatchback/Liftback/Notchback", "Wagon"),),
        *("TARNCOMBE", "UNITED STATES (USA)"),
    ),
    Make(
        *("3SW", "OSTERWICK", "Osterwick Motor LLC", _MPV, MODELS[6:11]),
        *((_SUV, "Crossover Utility Vehicle (CUV)", "Minivan"), "PUEBLA", "MEXICO"),
    ),
    Make(
        *("5SG", "SKARGATE", "Skargate Motor Corporation", _CAR, MODELS[11:15]),
        *(("Sedan/Saloon", "Convertible/Cabriolet"), "SKARGATE", "UNITED STATES (USA)"),
    ),
    Make(
        *("2ND", "NORLDALE", "Norldale Motor Corporation", "TRUCK ", MODELS[15:19]),
        *(("Pickup", "Cargo Van", "Truck-Tractor"), "WINDSOR", "CANADA"),
    ),
    Make(
        *("1LW", "LUNDWICK", "Lundwick Bus Co., Inc.", "BUS", MODELS[19:21]),
        *(("Bus", "Bus - School Bus"), "LUNDWICK", "UNITED STATES (USA)"),
    ),
    Make(
        *("4PM", "PELLMERE", "Pellmere Motorcycle of America, Inc.", "MOTORCYCLE", MODELS[21:25]),
        *(("Motorcycle - Standard", "Motorcycle - Sport", "Motorcycle - Scooter"),),
        *("PELLMERE", "UNITED STATES (USA)"),
    ),
    Make(
        *("1BH", "BRONHOLT", "Bronholt Trailer Corporation", "TRAILER", MODELS[25:27]),
        *(("Trailer",), "BRONHOLT", "UNITED STATES (USA)"),
    ),
    Make(
        *("YZB", "ZELLBY", "Zellby Motors Corporation", _CAR, MODELS[27:]),
        *(("Sedan/Saloon", "Wagon"), "ZELLBY", "SWEDEN"),
        False,
    ),
    Make(
        "VFK", "", "Fenbeck Motor, Inc.", _CAR, MODELS[:1], ("Sedan/Saloon",), "", "FRANCE", False
    ),
)
MAKES = {make.code: make for make in _ALL}
NAMED = tuple(make for make in _ALL if make.name)


def is_made(make: str, model: str) -> bool:
    """Whether there is such a model, however its name is written."""
    return any(
        make.casefold() == one.name.casefold()
        and model.casefold() in (name.casefold() for name in one.models)
        for one in NAMED
    )

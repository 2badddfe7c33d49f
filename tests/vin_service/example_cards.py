"""Cards of every kind that the page has to show."""

from __future__ import annotations

from typing import Any

from include.vin_service.decoding import Vehicle
from include.vin_service.page import Card

ACCORD = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
BRONCO = Vehicle("1FMEE5DP9MLA00001", "FORD", "Bronco", "2021", "Sport Utility Vehicle (SUV)", True)
VAN = Vehicle("2C4RC1S75LR000001", "CHRYSLER", "Pacifica", "2020", "")
UNKNOWN = "the manufacturer of this VIN is not registered (vPIC's code 7); compare it with the car"
RETRY = "vPIC could not be asked: it answered 503 three times; try again later"


def recall(**changed: Any) -> dict[str, Any]:
    """A recall as `/recalls` has it, with some fields of the test's own."""
    return {
        "nhtsa_id": "25V788000",
        "report_received_date": "2025-11-14",
        "component": "FUEL SYSTEM, GASOLINE: DELIVERY: FUEL INJECTORS",
        "summary": "The fuel injectors may crack and leak fuel inside of the engine compartment.",
        "consequence": "A fuel leak in the presence of an ignition source may cause a fire.",
        "remedy": "Dealers will replace the injectors, free of charge.",
        "notes": "",
        "park_it": False,
        "park_outside": False,
        "over_the_air_update": False,
        "lake": None,
    } | changed


def lake(**changed: Any) -> dict[str, Any]:
    """What the lake adds, with some fields of the test's own."""
    return {
        "completion_rate": 73.4,
        "do_not_drive": False,
        "first_seen": "2026-03-02T08:15:00Z",
        "at_baseline": False,
        "changes": [],
    } | changed


CHANGE = {
    "observed_at": "2026-05-20T08:15:00Z",
    "event": "edited",
    "field": "potentially_affected",
    "old": "12000",
    "new": "18400",
}
LOUD = recall(park_it=True, park_outside=True, lake=lake(changes=[CHANGE]))
AIR_BAG = recall(
    nhtsa_id="08V593000",
    report_received_date="2008-11-07",
    component="AIR BAGS: FRONTAL",
    lake=lake(completion_rate=None, at_baseline=True),
)
EVERY_KIND = [
    Card(
        BRONCO.vin, 200, vehicle=BRONCO, state="stale", recalls=[LOUD, AIR_BAG], lake="version 12"
    ),
    Card(ACCORD.vin, 200, vehicle=ACCORD, state="hit", recalls=[]),
    Card(VAN.vin, 200, vehicle=VAN, recalls=None, recalls_detail="NHTSA answered 503"),
    Card("1ABCD82633A004352", 404, UNKNOWN),
    Card("1HGCM82633A00435Z", 503, RETRY),
]

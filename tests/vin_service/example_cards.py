"""Every kind of card that the page can show."""

from typing import Any

from include.vin_service.page import EMPTY_CARD, PAGE

CAR = {
    "vin": "1HGCM82633A004352",
    "make": "HONDA",
    "model": "Accord",
    "model_year": "2003",
    "body_class": "Coupe",
    "cached": True,
}
UNKNOWN = "vPIC does not know this VIN: 7 - Manufacturer is not registered with NHTSA"
RETRY = "vPIC could not be asked: it answered 503 three times; try again later"
NOTHING: dict[str, Any] = {
    "asked": "",
    "cards": [],
    "left_out": 0,
    "samples": [],
    "made_up": None,
}


def render(*cards: dict[str, Any], **more: Any) -> str:
    return str(PAGE.render(NOTHING | {"cards": cards} | more))


def card(**changed: Any) -> dict[str, Any]:
    """A vehicle without recalls, with the given fields changed."""
    found = {"asked": CAR["vin"], "status": 200, "vehicle": CAR, "cache": "hit"}
    return EMPTY_CARD | found | {"check_digit_wrong": False, "recalls": []} | changed


def refusal(status: int, detail: str, asked: str = "1ABCD82633A004352") -> dict[str, Any]:
    return EMPTY_CARD | {"asked": asked, "status": status, "detail": detail}


def recall(**changed: Any) -> dict[str, Any]:
    """A recall as `/recalls` returns it."""
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
    """The facts of the lake about a recall."""
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
SEVERE = recall(park_it=True, park_outside=True, lake=lake(changes=[CHANGE]))
AIR_BAG = recall(nhtsa_id="08V593000", lake=lake(completion_rate=None, at_baseline=True))
EVERY_KIND = [
    card(cache="stale", check_digit_wrong=True, recalls=[SEVERE, AIR_BAG], lake_note="version 12"),
    card(),
    card(recalls=None, recalls_detail="NHTSA could not be asked: 503"),
    refusal(404, UNKNOWN),
    refusal(503, RETRY),
]

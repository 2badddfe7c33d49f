"""The words that made-up recalls are made of: no maker, model or campaign here is real."""

from __future__ import annotations

import itertools
import random
import re
from functools import cache

NAME_LIMIT = 40  # where the publisher cuts a manufacturer's name
NAMES = 3_000
SPELLED_TWICE = 19  # groups of names that differ only by case or punctuation
WITH_SLASH = 18
# 1-800-555-01xx is kept for fiction.
HOTLINE = "1-800-555-01"

_FIRST = (
    *("Bron", "Quill", "Tarn", "Vexl", "Oster", "Plim", "Grav", "Hollo", "Jorn", "Kelv", "Lund"),
    *("Myr", "Norl", "Pell", "Rav", "Skar", "Thorn", "Ulm", "Wex", "Yarl", "Zell", "Drum", "Fen"),
)
_SECOND = ("dale", "mere", "wick", "holt", "stow", "gate", "moor", "beck", "thorpe", "combe", "by")
_TRADE = (
    *("Motor", "Motors", "Coach", "Trailer", "Truck Equipment", "Bus", "Fire Apparatus"),
    *("Recreational Vehicle Manufacturing", "Motorcycle", "Tire & Rubber", "Child Safety"),
    *("Automotive Lighting", "Wheel & Axle", "Specialty Vehicles", "Hitch Products", "Camper"),
)
_FORM = (
    *(" Company", ", Inc.", " Corporation", " LLC", ", Ltd.", " of America, Inc.", " Co., Inc."),
    *(" North America, LLC", " Group", " (U.S.A.), Inc."),
)


@cache
def manufacturers() -> list[str]:
    """3,000 names, the frequent first: 18 with a slash, 19 spelled in two ways."""
    chance = random.Random("manufacturers")
    stems = [a + b for a, b in itertools.product(_FIRST, _SECOND)]
    plain = [s + " " + t + f for s, t, f in itertools.product(stems, _TRADE, _FORM)]
    chance.shuffle(plain)
    slashed = [f"{a}/{name}" for a, name in zip(chance.sample(stems, 60), plain, strict=False)]
    names: dict[str, str] = {}
    wanted = (
        (slashed, WITH_SLASH),
        (plain[len(slashed) :], NAMES - SPELLED_TWICE),
    )
    for candidates, enough in wanted:
        for name in candidates:
            if len(names) == enough:
                break
            cut = name[:NAME_LIMIT].rstrip()
            names.setdefault(same_name(cut), cut)
    ordered = list(names.values())
    chance.shuffle(ordered)
    twins = [n for n in ordered[:400] if "/" not in n and n != n.upper()][:SPELLED_TWICE]
    respelled = [
        name.upper() if number % 2 or not re.search("[.,]", name) else re.sub("[.,]", "", name)
        for number, name in enumerate(twins)
    ]
    return ordered[:300] + respelled + ordered[300:]


def same_name(name: str) -> str:
    """What is left of a name without case and punctuation."""
    return re.sub("[^a-z0-9]", "", name.casefold())


COMPONENTS = (
    *("AIR BAGS", "BACK OVER PREVENTION", "CHILD SEAT", "COMMUNICATION", "ELECTRICAL SYSTEM"),
    *("ELECTRONIC STABILITY CONTROL (ESC)", "ENGINE", "ENGINE AND ENGINE COOLING", "EQUIPMENT"),
    *("EQUIPMENT ADAPTIVE/MOBILITY", "EQUIPMENT:OTHER:LABELS", "EXTERIOR LIGHTING"),
    *("FORWARD COLLISION AVOIDANCE", "FUEL SYSTEM, DIESEL", "FUEL SYSTEM, GASOLINE"),
    *("FUEL SYSTEM, OTHER", "FUEL/PROPULSION SYSTEM", "HYBRID PROPULSION SYSTEM"),
    *("INTERIOR LIGHTING", "INTERIOR SYSTEMS", "LANE DEPARTURE", "LATCHES/LOCKS/LINKAGES"),
    *("OTHER/I AM NOT SURE", "PARKING BRAKE", "POWER TRAIN", "SEAT BELTS", "SEATS"),
    *("SERVICE BRAKES", "SERVICE BRAKES, AIR", "SERVICE BRAKES, ELECTRIC"),
    *("SERVICE BRAKES, HYDRAULIC", "STEERING", "STRUCTURE", "SUSPENSION", "TIRES"),
    *("TRACTION CONTROL SYSTEM", "TRAILER HITCHES", "VEHICLE SPEED CONTROL", "VISIBILITY"),
    "WHEELS",
)
MODELS = (
    *("Kestrel", "Plover", "Sandpiper 300", "Wren", "Heron XL", "Curlew", "Lapwing GT", "Dunlin"),
    *("Bittern 4500", "Avocet", "Siskin", "Fieldfare", "Whimbrel", "Garganey", "Merlin-X"),
    *("Turnstone 35", "Ptarmigan", "Godwit", "Nightjar", "Corncrake", "Gannet 12", "Shearwater"),
    *("Dipper", "Redstart", "Chough LE", "Twite", "Smew", "Knot 2.0", "Ruff", "Firecrest"),
)
PARTS = (
    *("driver's frontal air bag inflator", "fuel pump relay", "rear brake hose", "tie rod end"),
    *("steering column intermediate shaft", "instrument panel display", "hood latch", "ball joint"),
    *("propane gas line", "battery junction box", "rearview camera", "seat belt retractor"),
    *("high-voltage battery cell", "windshield wiper motor", "trailer coupler", "turn signal"),
    *("left-side axle shaft", "parking brake actuator", "tread belt", "folding step", "seat frame"),
    *("second-row seat belt buckle", "throttle return spring", "wheel hub", "power take-off shaft"),
)
FAILINGS = (
    *("may rupture", "may crack", "can short circuit", "may not latch properly", "may detach"),
    *("may corrode and leak", "was installed with the wrong fasteners", "may overheat"),
    *("may have been improperly welded", "can fail without warning", "may not illuminate"),
    *("was built out of specification", "may wear prematurely", "may chafe against the frame"),
)
REASONS = (
    *("due to a supplier's machining error", "because the torque was not verified"),
    *("when exposed to moisture over time", "as a result of a software error"),
    *("due to an incorrect heat treatment", "if the harness is routed too close to the exhaust"),
    *("because the adhesive was applied at too low a temperature", "under heavy load"),
)
HARMS = (
    *("increasing the risk of a crash", "increasing the risk of a fire", "which can cause injury"),
    *("reducing the driver's control of the vehicle", "increasing the risk of an injury"),
    *("and the occupants may not be properly restrained", "without prior warning to the driver"),
)
REMEDIES = (
    *(
        "inspect and, if necessary, replace",
        "replace",
        "repair or replace",
        "update the software of",
    ),
    *("reinforce", "adjust the clearance of", "tighten the bolts of", "install a shield around"),
)
# Odd spellings in the way that the publisher's own text has them.
LOST_QUOTES = (
    "The manufacturer?s bulletin was mailed late.",
    "Owners can reach Quillmere?s dealer line by telephone.",
    'The label says ?maximum load? instead of "maximum inflation pressure".',
)
HTML = (
    "See <A HREF=HTTP://WWW.EXAMPLE.ORG/RECALLS>WWW.EXAMPLE.ORG/RECALLS</A> for details.",
    "Owners may visit <A HREF=HTTP://WWW.EXAMPLE.ORG>HTTP://WWW.EXAMPLE.ORG</A>, or write.",
)
UNICODE_SINCE = 2025
UNICODE = (
    "The vehicle\u0092s software is affected.",
    "The sensor reads \u0093open\u0094 \u0096 although it is closed.",
    "The dealer\u2019s technicians check the connector \u2014 free of charge \u2014 at 20 \u00b0C.",
    "Owners in Qu\u00e9bec are notified in French.",
)


@cache
def sentences() -> list[str]:
    """Two thousand sentences that make a description longer."""
    chance = random.Random("sentences")
    made = []
    for _ in range(2_000):
        part, other = chance.sample(PARTS, 2)
        failing, reason, harm = (chance.choice(w) for w in (FAILINGS, REASONS, HARMS))
        number = chance.randrange(100, 99_999)
        made.append(
            chance.choice(
                (
                    f"On vehicles with the {part}, part number {number}, the {other} {failing}.",
                    f"The {part} {failing} {reason}, {harm}.",
                    f'The {part} carries the text "see page {number % 400}", which is wrong.',
                    f"About {number % 97 + 2} percent of the {other}s are affected, {harm}.",
                    f"Vehicles whose {part} was replaced under campaign {number} are included.",
                )
            )
        )
    return made


@cache
def paragraphs() -> list[str]:
    """Of 2 to 18 sentences, the short ones first."""
    chance = random.Random("paragraphs")
    lengths = sorted(chance.randint(2, 18) for _ in range(600))
    return ["  ".join(chance.sample(sentences(), length)) for length in lengths]

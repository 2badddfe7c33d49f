"""Made-up sites with their devices and outages, and one site for each oddity of such data."""

import json
import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

SINCE = "2022-01-01T00:00:00.000Z"
USUAL = "norwich-pear-tree"
TOTAL = 108  # outages in an answer, give or take UNSTEADY
UNSTEADY = 4
FIRST_DAY = datetime(2026, 6, 28, tzinfo=UTC)

Outage = dict[str, str | None]


class Device(NamedTuple):
    id: str
    name: str


class Site(NamedTuple):
    id: str
    name: str
    devices: tuple[Device, ...]
    outages: tuple[Outage, ...]  # in the order in which the API lists them


_WRITTEN = json.loads((Path(__file__).parent / "words" / "outages.json").read_text("utf-8"))
# Sites for trying what the publisher has not been seen to do, and the outages that show it.
ODD: dict[str, list[Outage]] = _WRITTEN["odd"]
# The publisher's own example. Two of the outages are of devices that the site does not have.
KINGFISHER = Site(
    "kingfisher",
    "KingFisher",
    tuple(Device(**device) for device in _WRITTEN["kingfisher"]["devices"]),
    tuple(_WRITTEN["kingfisher"]["outages"]),
)


@lru_cache(maxsize=8)
def sites(seed: int, day: int, *, odd: bool = False) -> dict[str, Site]:
    """The sites that the API knows, by their ids; the odd ones only when they are wanted."""
    empty = Site("no-outages", "No outages", _devices(seed, "no-outages"), ())
    known = (_norwich(seed, day), KINGFISHER, empty, Site("no-devices", "No devices", (), ()))
    return {site.id: site for site in (*known, *(_odd_sites(seed) if odd else ()))}


def outages(seed: int, day: int, call: int, *, odd: bool = False) -> list[Outage]:
    """What one call answers: those of known sites stay, the others are new each time."""
    chance = random.Random(f"outages {seed} {call}")
    lasting = [outage for site in sites(seed, day, odd=odd).values() for outage in site.outages]
    total = max(TOTAL, len(lasting)) + chance.randint(-UNSTEADY, UNSTEADY)
    passing = max(total - len(lasting), UNSTEADY)
    answer = [_any_outage(chance, _id(chance)) for _ in range(passing)]
    # Each goes before one of the passing ones, or at the end, and they keep their order.
    places = sorted(chance.randint(0, passing) for _ in lasting)
    for moved, (place, outage) in enumerate(zip(places, lasting, strict=True)):
        answer.insert(place + moved, outage)
    return answer


def _norwich(seed: int, day: int) -> Site:
    """Outages before, at and after the day that counts; one more each day, and one prolonged."""
    chance = random.Random(f"{USUAL} {seed}")
    devices = tuple(Device(_id(chance), f"Battery {number}") for number in range(1, 9))
    found = [_any_outage(chance, device.id) for device in devices[:6] for _ in range(3)]
    found += [
        _outage(devices[0].id, "2021-12-31T23:59:59.999Z", "2022-02-01T08:00:00.000Z"),
        _outage(devices[1].id, SINCE, "2022-01-09T16:40:12.001Z"),
        _outage(devices[2].id, "2022-01-01T00:00:00.001Z", "2022-01-03T11:20:00.500Z"),
        # Lasts into the time that counts, and began before it.
        _outage(devices[3].id, "2021-06-30T22:15:41.200Z", "2023-03-02T06:30:00.000Z"),
    ]
    chance.shuffle(found)
    if day > 1:
        found[-1] = found[-1] | {"end": _stamp(FIRST_DAY, chance)}
    for later in range(1, day):
        begin = FIRST_DAY + timedelta(days=later)
        begins, ends = _stamp(begin, chance), _stamp(begin + timedelta(days=2), chance)
        found.append(_outage(devices[later % len(devices)].id, begins, ends))
    return Site(USUAL, "Norwich Pear Tree", devices, tuple(found))


def _odd_sites(seed: int) -> Iterable[Site]:
    """Between two ordinary outages of its two devices each has what it is named for."""
    for name, odd in ODD.items():
        devices = one, other = _devices(seed, name)
        before = _outage(one.id, "2023-02-01T06:00:00.000Z", "2023-02-04T18:30:00.250Z")
        after = _outage(other.id, "2023-03-05T07:15:30.125Z", "2023-03-06T09:00:00.000Z")
        if name == "device-listed-twice":
            devices += (one,)
        if name == "device-listed-under-two-names":
            devices += (Device(one.id, f"{one.name} (renamed)"),)
        found = (before, *({"id": one.id, **times} for times in odd), after)
        yield Site(name, name.replace("-", " ").capitalize(), devices, found)


def _devices(seed: int, site: str) -> tuple[Device, ...]:
    chance = random.Random(f"devices {site} {seed}")
    return (Device(_id(chance), "Battery 1"), Device(_id(chance), "Battery 2"))


def _any_outage(chance: random.Random, device: str) -> Outage:
    begin = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(2 * 525_600))
    end = begin + timedelta(minutes=chance.randint(20, 200_000))
    return _outage(device, _stamp(begin, chance), _stamp(end, chance))


def _outage(device: str, begin: str, end: str) -> Outage:
    return {"id": device, "begin": begin, "end": end}


def _stamp(moment: datetime, chance: random.Random) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}:{chance.randrange(60):02}.{chance.randrange(1000):03}Z"


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))

"""Made-up sites with their devices and outages, and one site for each oddity of such data."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

SINCE = "2022-01-01T00:00:00.000Z"
USUAL = "norwich-pear-tree"
TOTAL = 108  # outages in an answer, give or take UNSTEADY
UNSTEADY = 4
FIRST_DAY = datetime(2026, 6, 28, tzinfo=UTC)
SHORT = "%Y-%m-%dT%H:%M:%S"

Outage = dict[str, str | None]


class Device(NamedTuple):
    id: str
    name: str


class Site(NamedTuple):
    id: str
    name: str
    devices: tuple[Device, ...]
    outages: tuple[Outage, ...]  # in the order in which the API lists them


def _outage(device: str, begin: str, end: str) -> Outage:
    return {"id": device, "begin": begin, "end": end}


_BATTERY_1 = Device("002b28fc-283c-47ec-9af2-ea287336dc1b", "Battery 1")
_BATTERY_2 = Device("086b0d53-b311-4441-aaf3-935646f03d4d", "Battery 2")
# The publisher's own example. Two of the outages are of devices that the site does not have.
KINGFISHER = Site(
    "kingfisher",
    "KingFisher",
    (_BATTERY_1, _BATTERY_2),
    (
        _outage(_BATTERY_1.id, "2021-07-26T17:09:31.036Z", "2021-08-29T00:37:42.253Z"),
        _outage(_BATTERY_1.id, "2022-05-23T12:21:27.377Z", "2022-11-13T02:16:38.905Z"),
        _outage(_BATTERY_1.id, "2022-12-04T09:59:33.628Z", "2022-12-12T22:35:13.815Z"),
        _outage(
            "04ccad00-eb8d-4045-8994-b569cb4b64c1",
            "2022-07-12T16:31:47.254Z",
            "2022-10-13T04:05:10.044Z",
        ),
        _outage(_BATTERY_2.id, "2022-07-12T16:31:47.254Z", "2022-10-13T04:05:10.044Z"),
        _outage(
            "27820d4a-1bc4-4fc1-a5f0-bcb3627e94a1",
            "2021-07-12T16:31:47.254Z",
            "2022-10-13T04:05:10.044Z",
        ),
    ),
)
_REPEATED: Outage = {"begin": "2023-08-01T00:00:00.000Z", "end": "2023-08-02T00:00:00.000Z"}
# Sites for trying what the publisher has not been seen to do, and the outages that show it.
ODD: dict[str, tuple[Outage, ...]] = {
    "device-listed-twice": (),
    "device-listed-under-two-names": (),
    "outage-without-end": (
        {"begin": "2023-02-10T00:00:00.000Z"},
        {"begin": "2023-05-01T00:00:00.000Z", "end": None},
    ),
    "end-before-begin": ({"begin": "2023-02-04T18:30:00.250Z", "end": "2023-02-01T06:00:00.000Z"},),
    "malformed-timestamps": (
        {"begin": "sometime in spring", "end": "2023-02-04T18:30:00.250Z"},
        {"begin": "2023-02-01T06:00:00.000Z", "end": "2023-02-30T00:00:00.000Z"},
        {"begin": "", "end": ""},
        {"begin": None, "end": "2023-02-04T18:30:00.250Z"},
    ),
    "outage-listed-twice": (_REPEATED, _REPEATED),
}


@lru_cache(maxsize=8)
def sites(seed: int, day: int, *, odd: bool = False) -> dict[str, Site]:
    """The sites that the API knows, by their ids; the odd ones only when they are wanted."""
    known = (_norwich(seed, day), KINGFISHER, *_empty_sites(seed))
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
        device = devices[later % len(devices)].id
        end = begin + timedelta(days=2)
        found.append(_outage(device, _stamp(begin, chance), _stamp(end, chance)))
    return Site(USUAL, "Norwich Pear Tree", devices, tuple(found))


def _empty_sites(seed: int) -> Iterable[Site]:
    yield Site("no-outages", "No outages", _devices(seed, "no-outages"), ())
    yield Site("no-devices", "No devices", (), ())


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


def _stamp(moment: datetime, chance: random.Random) -> str:
    return f"{moment.strftime(SHORT)[:-2]}{chance.randrange(60):02}.{chance.randrange(1000):03}Z"


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))

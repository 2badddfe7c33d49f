"""What is posted of a site: its outages that count, each with its device's name, in their order.

Whatever is odd about the data has a rule in RULES, and is told by it; nothing odd is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.site_outages.contract import DEVICE_FIELDS, OUTAGE_FIELDS, SITE_FIELDS

Outage = dict[str, Any]  # as the API spells it
LONGEST_TOLD = 60
# Java writes no seconds where there are none, and up to nine digits where there are.
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", flags=re.ASCII
)

RULES = {
    "no outage": "it is left out: nobody can tell whose it is",
    "no device": "it is left out: no outage can be of it",
    "device without a name": "its outages are set aside: they cannot be posted without one",
    "device listed twice": "it counts once",
    "device with two names": "the first that is listed is taken",
    "outage listed twice": "it is posted once, where it is listed first",
    "malformed begin": "the outage is set aside: nobody can tell whether it counts",
    "malformed end": "the outage is posted as it came; its `end_at` is null",
    "end that is no text": "the outage is set aside: it cannot be sent back as the text it was",
    "outage without an end": "it lasts: the outage is posted as it came; its `end_at` is null",
    "end before begin": "the outage is posted as it came",
    "unknown fields": "they stay in raw: they are neither posted nor published",
}


class Oddity(NamedTuple):
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}; {RULES[self.rule]}"


@dataclass
class Enriched:
    """The payload, and where every outage that is not in it has gone."""

    payload: list[Outage] = field(default_factory=list)
    of_others: int = 0  # of devices that the site does not have, or of nothing
    too_early: int = 0
    repeated: int = 0
    set_aside: int = 0
    oddities: list[Oddity] = field(default_factory=list)

    def tell(self, rule: str, what: str) -> None:
        self.oddities.append(Oddity(rule, what))


def enrich(listed: Iterable[Any], site: Mapping[str, Any], since: datetime) -> Enriched:
    """Pure: the same answers give the same payload, to the byte."""
    made = Enriched()
    _tell_unknown(made, "the site", SITE_FIELDS, [site])
    names = _names(made, site["devices"])
    outages = list(_outages(made, listed))
    _tell_unknown(made, "outages", OUTAGE_FIELDS, outages)
    seen: set[tuple[str | None, ...]] = set()
    for outage in outages:
        if outage["id"] not in names:
            made.of_others += 1
            continue
        name, begin, end = names[outage["id"]], instant(outage.get("begin")), outage.get("end")
        if begin is None:
            made.set_aside += 1
            made.tell("malformed begin", _told(outage))
        elif begin < since:
            made.too_early += 1
        elif name is None:
            made.set_aside += 1  # told with its device
        elif not isinstance(end, str | None):
            made.set_aside += 1
            made.tell("end that is no text", _told(outage))
        elif (fact := (outage["id"], outage["begin"], end)) in seen:
            made.repeated += 1
            made.tell("outage listed twice", _told(outage))
        else:
            seen.add(fact)
            _tell_of_end(made, outage, begin)
            made.payload.append(_named(outage, name))
    return made


def instant(given: object) -> datetime | None:
    """The moment that a text with an offset means, to the microsecond; None if it means none."""
    if not isinstance(given, str) or not INSTANT.fullmatch(given):
        return None
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _outages(made: Enriched, listed: Iterable[Any]) -> Iterator[Outage]:
    for entry in listed:
        if isinstance(entry, dict) and text(entry.get("id")):
            yield entry
        else:
            made.of_others += 1
            made.tell("no outage", _short(entry))


def _names(made: Enriched, devices: Iterable[Any]) -> dict[str, str | None]:
    """The name of each device, by its id; None where it has none."""
    names: dict[str, str | None] = {}
    known = []
    for device in devices:
        device_id = text(device.get("id")) if isinstance(device, dict) else None
        if not device_id:
            made.tell("no device", _short(device))
            continue
        known.append(device)
        name = text(device.get("name")) or None
        if device_id not in names:
            names[device_id] = name
        elif name is None or names[device_id] in {None, name}:
            names[device_id] = names[device_id] or name
            made.tell("device listed twice", _short(device))
        else:
            made.tell("device with two names", f"{_short(names[device_id])} and {_short(device)}")
    for device_id, name in names.items():
        if name is None:
            made.tell("device without a name", _short(device_id))
    _tell_unknown(made, "devices", DEVICE_FIELDS, known)
    return names


def _tell_of_end(made: Enriched, outage: Outage, begin: datetime) -> None:
    end = instant(outage.get("end"))
    if outage.get("end") is None:
        made.tell("outage without an end", _told(outage))
    elif end is None:
        made.tell("malformed end", _told(outage))
    elif end < begin:
        made.tell("end before begin", _told(outage))


def _named(outage: Outage, name: str) -> Outage:
    """As KrakenFlex wants it; an end that is not there is not made up."""
    row = {"id": outage["id"], "name": name, "begin": outage["begin"]}
    return row | {"end": outage["end"]} if "end" in outage else row


def _tell_unknown(
    made: Enriched, whose: str, known: set[str], things: Iterable[Mapping[str, Any]]
) -> None:
    if unknown := sorted({name for thing in things for name in thing} - known):
        made.tell("unknown fields", f"{whose} have {', '.join(_short(name) for name in unknown)}")


def text(given: object) -> str | None:
    """A text that can be written as UTF-8; JSON can hold halves of characters, which cannot."""
    if not isinstance(given, str):
        return None
    try:
        given.encode()
    except UnicodeEncodeError:
        return None
    return given


def _told(outage: Outage) -> str:
    """An outage in one line: its three fields, and nothing else."""
    fields = [f"{name} {_short(outage[name])}" for name in ("id", "begin", "end") if name in outage]
    return ", ".join(fields)


def _short(given: object) -> str:
    said = json.dumps(given)
    return said if len(said) <= LONGEST_TOLD else f"{said[:LONGEST_TOLD]}..."

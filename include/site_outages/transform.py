"""From the answers of KrakenFlex to the list that is posted, its rows, and quarantined outages."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.site_outages.contract import SITE_OUTAGES

Outage = dict[str, Any]  # as the API spells it
Names = Mapping[str, str | None]  # of devices, by id
MAX_SHOWN = 60


class SiteOutages(NamedTuple):
    payload: list[Outage]  # what is posted
    rows: pa.Table  # the same, as rows of the contract
    quarantined: pa.Table
    counts: dict[str, int]  # of outages that are not posted because they are not asked for
    oddities: list[str]  # what is odd and posted all the same, a sentence each


def site_outages(listed: list[Any], site: Mapping[str, Any], since: datetime) -> SiteOutages:
    """The site's outages that began at `since` or later, in the order of the list."""
    names, oddities = _device_names(site["devices"])
    kept: list[Outage] = []
    bad: list[dict[str, str]] = []
    counts = {"of_other_sites": 0, "too_early": 0}
    for place, outage in enumerate(listed, 1):
        if not isinstance(outage, dict) or not _text(outage.get("id")):
            reasons = ["it is not an outage with an id"]
        elif outage["id"] not in names:
            counts["of_other_sites"] += 1
            continue
        elif (begin := instant(outage.get("begin"))) and begin < since:
            counts["too_early"] += 1
            continue
        else:
            reasons = _reasons(outage, names)
        if reasons:
            # It is not posted, so no row of the table may stay for it: the key is of no row.
            key = f"{site['id']}/place {place} of the list"
            bad.append({"key": key, "reasons": "; ".join(reasons), "raw": json.dumps(outage)})
        else:
            kept.append(_named(outage, names))
    rows = _rows(kept, site)
    return SiteOutages(
        payload=kept,
        rows=pa.Table.from_pylist(rows, schema=SITE_OUTAGES.schema),
        quarantined=pa.Table.from_pylist(bad, schema=QUARANTINE),
        counts=counts,
        oddities=[*oddities, *_oddities(rows)],
    )


def instant(value: Any) -> datetime | None:
    """The point in time that a text with an offset means, if it means one."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def instant_of_since(since: str) -> datetime:
    found = instant(since)
    if found is None:
        raise PermanentError(
            f"`since` is {since!r}, not a point in time; write it as 2022-01-01T00:00:00.000Z"
        )
    return found


def _device_names(devices: Iterable[Any]) -> tuple[Names, list[str]]:
    """The first name of each device, and an oddity for each other one."""
    names: dict[str, str | None] = {}
    oddities = []
    for device in devices:
        if not isinstance(device, dict) or not (device_id := _text(device.get("id"))):
            oddities.append(f"{_shown(device)} is not a device with an id; it is ignored")
            continue
        name = _text(device.get("name"))
        used = names[device_id] = names.get(device_id) or name
        if name != used:
            oddities.append(f"{device_id} is also named {_shown(name)}; {_shown(used)} is used")
    return names, oddities


def _reasons(outage: Outage, names: Names) -> list[str]:
    """Why an outage of the site cannot be posted."""
    reasons = []
    if instant(outage.get("begin")) is None:
        reasons.append(f"begin: {_shown(outage.get('begin'))} is not a point in time")
    if not isinstance(outage.get("end"), str | None):
        reasons.append(f"end: {_shown(outage['end'])} is not a text")
    if names[outage["id"]] is None:
        reasons.append("name: the site gives this device no name")
    return reasons


def _named(outage: Outage, names: Names) -> Outage:
    """As KrakenFlex wants it; an end that is missing stays missing."""
    row = {"id": outage["id"], "name": names[outage["id"]], "begin": outage["begin"]}
    return row | {"end": outage["end"]} if "end" in outage else row


def _rows(payload: Iterable[Outage], site: Mapping[str, Any]) -> list[dict[str, Any]]:
    copies: Counter[str] = Counter()
    rows = []
    for position, outage in enumerate(payload, 1):
        key = f"{site['id']}/{outage['id']}/{outage['begin']}"
        copies[key] += 1
        row = {
            **outage,
            "outage_id": key if copies[key] == 1 else f"{key}#{copies[key]}",
            "site_id": site["id"],
            "site_name": _text(site.get("name")),
            "position": position,
            "end": outage.get("end"),
            "begin_at": instant(outage["begin"]),
            "end_at": instant(outage.get("end")),
        }
        rows.append(row)
    return rows


def _oddities(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        if not row["outage_id"].endswith(row["begin"]):
            yield f"{row['outage_id']} has the device and begin of another; both are posted"
        if row["end"] is not None and row["end_at"] is None:
            yield f"{row['outage_id']} ends {_shown(row['end'])}; it is posted as it came"
        if row["end_at"] and row["end_at"] < row["begin_at"]:
            yield f"{row['outage_id']} ends before it begins; it is posted as it came"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(value: object) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."

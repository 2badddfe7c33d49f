"""Post a payload at least once, with a record of it before and after.

The deliveries of a site are numbered. `pending` is written before the post and `accepted` after
it, each once and for ever. Where `accepted` is missing nobody knows whether the post arrived, so
that the next run posts again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypedDict

from include.first.keys import OutageKeys
from include.first.lake import Lake
from include.site_outages.contract import CONTRACT
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.read import Staged, refuse_other_source

log = logging.getLogger(__name__)
KEYS = OutageKeys(CONTRACT.name)
PENDING, ACCEPTED = "pending", "accepted"


class Delivery(TypedDict):
    """The newest time that outages of a site were posted, or were about to be."""

    number: int
    record: dict[str, Any]
    is_accepted: bool


class Delivered(TypedDict):
    staged: Staged
    dry_run: bool
    number: int  # of the delivery that stands; 0 when there never was one
    posted: bool  # whether this run did it
    why: str


def deliver(
    open_api: Callable[[], Krakenflex], lake: Lake, staged: Staged, *, dry_run: bool, force: bool
) -> Delivered:
    """Post the payload, unless it is what KrakenFlex last accepted of this site."""
    site_id, token = staged["read"]["site_id"], staged["read"]["token"]
    newest = newest_delivery(lake, site_id)
    refuse_other_source(newest["record"], staged["source"]["publisher"])
    is_ours = newest["record"].get("token") == token
    is_same = newest["record"].get("sha256") == staged["sha256"]
    if newest["is_accepted"] and is_same and (is_ours or not force):
        why = f"delivery {newest['number']} was accepted with the same payload"
        if is_ours:
            why = "posted by this run, and accepted"
        return _delivered(staged, newest["number"], why, dry_run=dry_run, posted=is_ours)
    if dry_run:
        return _delivered(staged, newest["number"], "it would be posted", dry_run=True)
    is_open = newest["number"] > 0 and not newest["is_accepted"]
    if is_open:
        log.warning(
            "delivery %d of read %s has no `accepted`: it may have arrived or not; posting again",
            newest["number"],
            newest["record"]["token"],
        )
    # A task that is tried again goes on with its own.
    number = newest["number"] if is_open and is_ours and is_same else newest["number"] + 1
    record = {
        "site_id": site_id,
        "sha256": staged["sha256"],
        "token": token,
        "source": staged["source"],
    }
    _write(lake, site_id, number, PENDING, record)
    answered_at = open_api().post(site_id, lake.get(staged["payload_key"]))
    _write(lake, site_id, number, ACCEPTED, {**record, "answered_at": answered_at})
    return _delivered(staged, number, "posted by this run, and accepted", posted=True)


def newest_delivery(lake: Lake, site_id: str) -> Delivery:
    steps = sorted(KEYS.delivery_of(key) for key in lake.keys(KEYS.deliveries(site_id)))
    if not steps:
        return Delivery(number=0, record={}, is_accepted=False)
    number = steps[-1][0]
    pending = json.loads(lake.get(KEYS.delivery(site_id, number, PENDING)))
    return Delivery(number=number, record=pending, is_accepted=(number, ACCEPTED) in steps)


def _write(lake: Lake, site_id: str, number: int, step: str, record: dict[str, Any]) -> None:
    lake.put(KEYS.delivery(site_id, number, step), json.dumps(record, sort_keys=True).encode())


def _delivered(
    staged: Staged, number: int, why: str, *, dry_run: bool = False, posted: bool = False
) -> Delivered:
    log.info("%s: %s", staged["read"]["site_id"], why)
    return Delivered(staged=staged, dry_run=dry_run, number=number, posted=posted, why=why)

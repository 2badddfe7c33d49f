"""Post the outages of a site at least once, with a record before and after.

The deliveries of a site are numbered. `pending` is written before the post and `accepted` after
it, each once and never overwritten. If `accepted` is missing, the post may or may not have
arrived, so the next run posts again.
"""

import json
import logging
from typing import Any, NamedTuple

from include.lake.keys import Keys
from include.lake.landing import RawPages
from include.lake.reads import refuse_other_source
from include.lake.staging import StagedBatch
from include.lake.store import Store
from include.site_outages.client import KrakenFlex
from include.site_outages.contract import SITE_OUTAGES

log = logging.getLogger(__name__)
FOLDER = Keys(SITE_OUTAGES.name).plain("deliveries")
PENDING, ACCEPTED = "pending", "accepted"
POSTED, POSTED_BEFORE, WOULD_POST = "posted", "posted before", "would post"


class Delivery(NamedTuple):
    """The newest post of a site, or attempt at one; number 0 if there was none."""

    number: int
    record: dict[str, Any]
    is_accepted: bool


def deliver(
    api: KrakenFlex,
    store: Store,
    raw: RawPages,
    batch: StagedBatch,
    *,
    dry_run: bool = False,
    force: bool = False,
) -> StagedBatch:
    """Post the outages, unless KrakenFlex accepted the same ones last.

    Returns the batch with the delivery among its facts.
    """
    read, facts = raw["read"], batch["facts"]
    site_id, sha256 = facts["site_id"], facts["payload_sha256"]
    newest = newest_delivery(store, site_id)
    refuse_other_source(SITE_OUTAGES, newest.record, read["source"])
    is_ours = newest.record.get("read_id") == read["read_id"]
    is_same = newest.record.get("sha256") == sha256
    if newest.is_accepted and is_same and (is_ours or not force):
        return _with_delivery(batch, newest.number, POSTED if is_ours else POSTED_BEFORE)
    if dry_run:
        return _with_delivery(batch, newest.number, WOULD_POST)
    is_open = newest.number > 0 and not newest.is_accepted
    if is_open:
        log.warning(
            "delivery %d of the read %s was not recorded as accepted: it may have arrived; "
            "posting again",
            newest.number,
            newest.record["read_id"],
        )
    # A task that is retried continues its own delivery.
    number = newest.number if is_open and is_ours and is_same else newest.number + 1
    record = {"sha256": sha256, "read_id": read["read_id"], "source": read["source"]}
    _write(store, site_id, number, PENDING, record)
    answered_at = api.post_outages(site_id, store.get(facts["payload_key"]))
    _write(store, site_id, number, ACCEPTED, {**record, "answered_at": answered_at})
    return _with_delivery(batch, number, POSTED)


def newest_delivery(store: Store, site_id: str) -> Delivery:
    names = sorted(key.rpartition("/")[2] for key in store.list(f"{FOLDER}/{site_id}"))
    if not names:
        return Delivery(0, {}, is_accepted=False)
    number = int(names[-1].partition("-")[0])
    is_accepted = _name(number, ACCEPTED) in names
    record = store.get(f"{FOLDER}/{site_id}/{_name(number, ACCEPTED if is_accepted else PENDING)}")
    return Delivery(number, json.loads(record), is_accepted)


def sites_delivered(store: Store) -> set[str]:
    """The sites of which KrakenFlex has accepted a list."""
    return {key.split("/")[-2] for key in store.list(FOLDER) if key.endswith(f"-{ACCEPTED}.json")}


def _name(number: int, step: str) -> str:
    return f"{number:08}-{step}.json"


def _write(store: Store, site_id: str, number: int, step: str, record: dict[str, Any]) -> None:
    body = json.dumps(record, sort_keys=True).encode()
    store.put(f"{FOLDER}/{site_id}/{_name(number, step)}", body)


def _with_delivery(batch: StagedBatch, number: int, outcome: str) -> StagedBatch:
    delivery = {"number": number, "outcome": outcome}
    return StagedBatch(**{**batch, "facts": {**batch["facts"], "delivery": delivery}})

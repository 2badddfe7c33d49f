"""The tasks of the DAG site_outages, in their order; `deliver` has a file of its own."""

import hashlib
import json
from collections.abc import Iterator

from include.data.checks import Check, examples
from include.lake.keys import Keys
from include.lake.landing import RawPages, land_answers, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import PlainFile, copy_of, empty_file, refresh_copies
from include.lake.publish import Receipt, publish_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.lake.table import Version
from include.site_outages.client import KrakenFlex
from include.site_outages.contract import SITE_OUTAGES
from include.site_outages.deliver import sites_delivered
from include.site_outages.transform import instant_of_since, site_outages


def extract(api: KrakenFlex, store: Store, site_id: str, since: str, run_id: str) -> RawPages:
    """Land the list of all outages and the site, byte for byte."""
    instant_of_since(since)  # refuses before anything is asked
    return land_answers(
        store,
        SITE_OUTAGES,
        "krakenflex",
        run_id,
        [api.outages(), api.site(site_id)],
        covers={"site_id": [site_id]},
        partitions=[site_id],
        facts={"site_id": site_id, "since": since},
    )


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Make the payload and its rows from the two answers."""
    listed, site = (json.loads(read_page(store, page)) for page in raw["pages"])
    made = site_outages(listed, site, instant_of_since(raw["facts"]["since"]))
    payload = json.dumps(made.payload).encode()
    read_id = raw["read"]["read_id"]
    payload_key = Keys(SITE_OUTAGES.name).staging(read_id, "payload.json")
    store.put(payload_key, payload)
    facts = {
        "payload_key": payload_key,
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
        "posted": len(made.payload),
        "listed": len(listed),
        **made.counts,
        "oddities": examples(made.oddities),
    }
    batch = stage(store, SITE_OUTAGES, raw, made.rows, made.quarantined, facts)
    return write_candidates(store, SITE_OUTAGES, read_id, batch)


def publish(store: Store, raw: RawPages, batch: StagedBatch, *, dry_run: bool = False) -> Receipt:
    """Commit the site's rows, then bring the plain files and the ledger up to date."""
    odd = batch["facts"]["oddities"]
    nothing_odd = Check("nothing is odd", not odd, odd or "nothing", warns=True)
    receipt = publish_read(
        store,
        SITE_OUTAGES,
        raw["read"],
        [batch],
        dry_run=dry_run,
        more_checks=lambda _: [nothing_odd],
    )
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain files and the ledger up to date; returns the files it wrote."""
    update_ledger(store, SITE_OUTAGES)
    return refresh_copies(store, SITE_OUTAGES, lambda version: _plain_files(store, version))


def site_file(site_id: str) -> str:
    return f"{site_id}.parquet"


def _plain_files(store: Store, version: Version) -> Iterator[PlainFile]:
    """One file per site; a site without outages has a file without rows."""
    for site_id, part in version.parts.items():
        yield copy_of(site_file(site_id), part)
    for site_id in sorted(sites_delivered(store) - version.parts.keys()):
        yield empty_file(site_file(site_id), SITE_OUTAGES)

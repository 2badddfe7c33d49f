"""The tasks of the DAG site_outages, in their order; `deliver` has a file of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from include.data.checks import Check, examples
from include.lake import publish as core
from include.lake.copies import PlainFile, copy_of, empty_file, refresh_copies
from include.lake.keys import Keys
from include.lake.landing import RawPages, finish_landing, land_page, read_page
from include.lake.ledger import record
from include.lake.publish import Receipt
from include.lake.reads import Moment, Source, SourceMismatch, start_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.lake.table import Version
from include.site_outages.client import KrakenFlex
from include.site_outages.contract import KRAKENFLEX, SITE_OUTAGES
from include.site_outages.deliver import deliver, sites_delivered
from include.site_outages.transform import instant_of_since, site_outages

SITE, SINCE = "norwich-pear-tree", "2022-01-01T00:00:00.000Z"


def extract(api: KrakenFlex, store: Store, site_id: str, since: str, run_id: str) -> RawPages:
    """Land the list of all outages and the site, byte for byte."""
    instant_of_since(since)  # refuses before anything is asked
    outages, site = api.outages(), api.site(site_id)
    if outages.publisher != site.publisher:
        raise SourceMismatch(
            f"the outages are {outages.publisher}, the site is {site.publisher}; nothing was "
            "posted. Start a new run"
        )
    source = Source(dataset=KRAKENFLEX, publisher=outages.publisher)
    read, _ = start_read(store, SITE_OUTAGES, source, run_id, covers={"site_id": [site_id]})
    began_at, answered_at = (f"{answer.date:%Y-%m-%dT%H:%M:%SZ}" for answer in (outages, site))
    moment = Moment(began_at=began_at, answered_at=answered_at, modified_at="")
    pages = [
        land_page(store, SITE_OUTAGES, read, "all", number, answer.gzipped)
        for number, answer in enumerate([outages, site])
    ]
    facts = {"site_id": site_id, "since": since}
    return finish_landing(
        store, SITE_OUTAGES, read, pages, moment, partitions=[site_id], facts=facts
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


def publish(
    store: Store,
    raw: RawPages,
    batch: StagedBatch,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """Commit the site's rows, then bring the plain files and the ledger up to date."""
    odd = batch["facts"]["oddities"]
    nothing_odd = Check("nothing is odd", not odd, odd or "nothing", warns=True)
    receipt = core.publish(
        store,
        SITE_OUTAGES,
        raw["read"],
        [batch],
        dry_run=dry_run,
        waive=waive,
        more_checks=lambda _: [nothing_odd],
    )
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain files and the ledger up to date; returns the files it wrote."""
    record(store, SITE_OUTAGES)
    return refresh_copies(store, SITE_OUTAGES, lambda version: _plain_files(store, version))


def run(
    api: KrakenFlex,
    store: Store,
    site_id: str = SITE,
    since: str = SINCE,
    *,
    dry_run: bool = False,
    force: bool = False,
    run_id: str = "by hand",
) -> Receipt:
    """The whole path in one process."""
    raw = extract(api, store, site_id, since, run_id)
    batch = deliver(api, store, raw, transform(store, raw), dry_run=dry_run, force=force)
    return publish(store, raw, batch, dry_run=dry_run)


def site_file(site_id: str) -> str:
    return f"{site_id}.parquet"


def _plain_files(store: Store, version: Version) -> Iterator[PlainFile]:
    """A file a site; one without outages has a file without rows."""
    for site_id, part in version.parts.items():
        yield copy_of(site_file(site_id), part)
    for site_id in sorted(sites_delivered(store) - version.parts.keys()):
        yield empty_file(site_file(site_id), SITE_OUTAGES)

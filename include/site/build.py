"""Build the site: hashed files first, then what names them; the catalog last.

A reader has the old site or the new one, and never half of both: a page carries its manifest and
names only files that no other build changes. Everything can be rebuilt from the lake.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from include.data.catalog import datasets
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import LedgerBehind, read_ledger
from include.lake.publish import PUBLISHED
from include.lake.report import is_made_up
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version
from include.site.code import code_files, code_folder, generator
from include.site.datasets import datasets_shard, passed
from include.site.feeds import write_feeds
from include.site.files import (
    FOLDER,
    MANIFEST,
    PACKAGE,
    PAGE,
    STATUS,
    StoredSite,
    inputs_hash,
    json_body,
    read_json,
    read_site,
)
from include.site.open_data import datapackage, json_ld, write_downloads
from include.site.shards import changes_shards, column_shards, lives_of, warnings, year_shard
from include.site.snapshot import Snapshot, take_snapshot
from include.site.templates import render
from include.vehicle_recalls.contract import RECALLS

FORMAT = 1
TITLE = "Vehicle recalls"
TABLE = Keys(RECALLS.name).table
Receipt = Mapping[str, Any]


class Status(msgspec.Struct):
    """The last read of all of the source."""

    read_id: str = ""
    observed_at: str = ""
    outcome: str = PUBLISHED
    version: int = 0
    checks: dict[str, int] = {}


def build_site(store: Store, receipt: Receipt | None = None) -> list[str]:
    """Bring the site up to date; returns the files that it wrote or deleted.

    `receipt` is of a read that was verified just now, changed or not.
    """
    written: list[str] = []
    while files := _build(store, receipt):
        written += files  # and look again: another run may have published or built meanwhile
    if _write_status(store, receipt or load_version(store, TABLE).receipt):
        written.append(STATUS)
    return [FOLDER + path for path in written]


def _build(store: Store, receipt: Receipt | None) -> list[str]:
    site = read_site(store)
    loaded = parallel_map(lambda name: load_version(store, Keys(name).table), datasets())
    versions = dict(zip(datasets(), loaded, strict=True))
    read_ids = [version.receipt.get("read_id") for version in versions.values()]
    made_from = inputs_hash(FORMAT, generator(), code_folder(), read_ids, site.root, site.base)
    if site.made_from == made_from and site.is_complete():
        return []
    version = versions[RECALLS.name]
    if not version.receipt:
        raise PermanentError(
            f"{store.url(TABLE)} has no version yet, so there is no site; run the pipeline first"
        )
    try:
        ledger = read_ledger(store, RECALLS, version)
    except LedgerBehind:
        if receipt is None or receipt["version"] == version.receipt_number:
            raise
        return []  # another run published since, and makes the site after its ledger
    page, manifest = _write_parts(site, take_snapshot(store, version, ledger), versions, made_from)
    if not site.is_outdated():
        site.write(PAGE, page)
        site.write(MANIFEST, manifest)
        site.finish(made_from)
    return site.written


def _write_parts(
    site: StoredSite, snapshot: Snapshot, versions: Mapping[str, Version], made_from: str
) -> tuple[bytes, bytes]:
    """Write all that the page and the manifest name; returns these two."""
    jobs: list[Callable[[], Any]] = [
        partial(write_downloads, site, snapshot),
        *(partial(_write_year, site, snapshot, year) for year in snapshot.years),
    ]
    (counts, files), *years = parallel_map(lambda job: job(), jobs)
    parallel_map(lambda file: site.write(code_folder() + file[0], file[1]), code_files().items())
    receipt = snapshot.version.receipt
    shards = {
        **column_shards(snapshot.rows),
        "warnings": warnings(snapshot),
        "datasets": datasets_shard(site, versions, counts, files),
    }
    months = changes_shards(snapshot)
    manifest = {
        "format": FORMAT,
        "made_from": made_from,
        "publisher": receipt["source"]["publisher"],
        "made_up": is_made_up(receipt),
        "version": snapshot.version.receipt_number,
        "read_id": receipt["read_id"],
        "observed_at": receipt["observed_at"],
        "first_observed_at": snapshot.first_observed_at,
        "checks": passed(receipt),
        "totals": snapshot.totals,
        "code": code_folder(),
        "shards": {
            **{name: site.write_shard(name, shard) for name, shard in shards.items()},
            "years": dict(zip(snapshot.years, years, strict=True)),
            "changes": {m: site.write_shard(f"changes-{m}", shard) for m, shard in months.items()},
        },
        "feeds": write_feeds(site, snapshot),
    }
    site.write(PACKAGE, json_body(datapackage(manifest, files, site.base)))
    described = json_ld(manifest, files, site.base)
    page = render("static/index.html.j2", title=TITLE, manifest=manifest, json_ld=described)
    return page.encode(), json_body(manifest)


def _write_year(site: StoredSite, snapshot: Snapshot, year: str) -> str:
    """Write the shard of a year, unless the last build made it from the same."""
    part = snapshot.version.parts.get(year)
    lives = lives_of(snapshot, year)
    made_from = inputs_hash(generator(), year, part and part["path"], lives)
    return site.keep(made_from) or site.write_shard(year, year_shard(snapshot, year), made_from)


def _write_status(store: Store, receipt: Receipt) -> bool:
    """Say when all of the source was last read; a partial or an older read says nothing."""
    if receipt["covers"] != {} or receipt["outdated"]:
        return False
    if read_json(store, STATUS, Status).observed_at >= receipt["observed_at"]:
        return False
    status = Status(
        receipt["read_id"],
        receipt["observed_at"],
        receipt.get("outcome", PUBLISHED),
        receipt.get("version") or load_version(store, TABLE).receipt_number,
        passed(receipt),
    )
    store.replace(FOLDER + STATUS, msgspec.json.encode(status))
    return True

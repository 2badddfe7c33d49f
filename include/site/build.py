"""Build the site: hashed files first, then what names them; `site.json` last, and it is the site.

A reader has the old site or the new one, and never half of both: a page carries its manifest and
names only files that no other build changes. Everything can be rebuilt from the lake.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.catalog import datasets
from include.data.tables import concat
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.publish import PUBLISHED
from include.lake.report import LOCAL_FOLDER, is_made_up
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version
from include.site.address import site_url
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
    content_type,
    gzipped_json,
    inputs_hash,
    read_site,
    read_status,
)
from include.site.open_data import csv_body, datapackage, json_ld, write_downloads
from include.site.page import render_page
from include.site.shards import (
    changes_shards,
    rows_shard,
    same_names,
    texts_shard,
    year_inputs,
    year_shard,
)
from include.site.snapshot import LIGHT, Snapshot, read_snapshot
from include.site.warnings import warnings
from include.vehicle_recalls.contract import RECALLS

FORMAT = 1
Receipt = Mapping[str, Any]


def build_site(store: Store, receipt: Receipt | None = None) -> list[str]:
    """Bring the site up to date; returns the files that it wrote or deleted.

    `receipt` is of a read that was verified just now, changed or not.
    """
    written: list[str] = []
    while files := _build(store):
        written += files  # and look again: another run may have published or built meanwhile
    if _write_status(store, receipt or load_version(store, Keys(RECALLS.name).table).receipt):
        written.append(STATUS)
    return [FOLDER + path for path in written]


def _build(store: Store) -> list[str]:
    names = list(datasets())
    looks: list[Callable[[], Any]] = [
        lambda: read_site(store),
        *(lambda name=name: load_version(store, Keys(name).table) for name in names),
    ]
    site, *found = parallel_map(lambda look: look(), looks)
    versions: dict[str, Version] = dict(zip(names, found, strict=True))
    if not versions[RECALLS.name].receipt:
        raise PermanentError(
            f"{store.url(Keys(RECALLS.name).table)} has no version yet, so there is no site; run "
            "the pipeline first"
        )
    base = site_url()
    root = os.environ.get(LOCAL_FOLDER) or store.url("").rstrip("/")
    made_from = _made_from(versions, root, base)
    if site.manifest.get("made_from") == made_from and site.is_whole:
        return []
    _write(site, read_snapshot(store, versions[RECALLS.name]), versions, made_from, root, base)
    return [*sorted(site.written), MANIFEST, *site.delete_left_over()]


def _made_from(versions: Mapping[str, Version], *settings: str) -> str:
    read_ids = {name: version.receipt.get("read_id") for name, version in versions.items()}
    return inputs_hash([FORMAT, generator(), code_folder(), read_ids, settings])


def _write(
    site: StoredSite,
    snapshot: Snapshot,
    versions: Mapping[str, Version],
    made_from: str,
    root: str,
    base: str,
) -> None:
    years = parallel_map(lambda year: _write_year(site, snapshot, year), snapshot.years)
    rows = concat(each.rows for each in years)
    counts, files = write_downloads(site, snapshot, rows, (each.csv for each in years))
    months = changes_shards(snapshot, rows)
    shown_rows = rows_shard(rows)
    shards = {
        "rows": shown_rows,
        "texts": texts_shard(rows),
        "warnings": warnings(snapshot, rows),
        "manufacturers": same_names(shown_rows["manufacturers"]),
        "datasets": datasets_shard(snapshot, versions, counts, files, root),
        **{f"changes-{month}": shard for month, shard in months.items()},
    }
    written = parallel_map(lambda shard: _write_shard(site, *shard), shards.items())
    paths = dict(zip(shards, written, strict=True))
    parallel_map(lambda file: site.write(code_folder() + file[0], file[1]), code_files().items())
    receipt = snapshot.version.receipt
    manifest = {
        "format": FORMAT,
        "made_from": made_from,
        "publisher": receipt["source"]["publisher"],
        "made_up": is_made_up(receipt),
        "version": snapshot.version.receipt_number,
        "read_id": receipt["read_id"],
        "observed_at": receipt["observed_at"],
        "first_observed_at": snapshot.first_observed_at,
        "checks": passed(receipt["checks"]),
        "totals": {
            "recalls": rows.num_rows,
            "affected": pc.sum(rows["potentially_affected"]).as_py() or 0,
            "do_not_drive": pc.sum(rows["do_not_drive"]).as_py() or 0,
            "park_outside": pc.sum(rows["fire_risk_when_parked"]).as_py() or 0,
        },
        "code": code_folder(),
        "shards": {
            **{name: path for name, path in paths.items() if not name.startswith("changes-")},
            "years": {each.name: each.path for each in years},
            "changes": {month: paths[f"changes-{month}"] for month in months},
        },
        "feeds": write_feeds(site, snapshot, rows, base),
        "commit": None,
    }
    package = datapackage(manifest, files, base)
    site.write(PACKAGE, json.dumps(package, indent=1, ensure_ascii=False).encode())
    site.write(PAGE, render_page(manifest, json_ld(manifest, files, base)).encode())
    site.finish(manifest, base)


class Year(NamedTuple):
    """A report year as the site has it."""

    name: str
    rows: pa.Table  # what all years are shown with
    path: str  # of its shard
    csv: bytes  # the rows whole


def _write_year(site: StoredSite, snapshot: Snapshot, name: str) -> Year:
    """Write the shard of a year, unless the last build made it from the same."""
    rows = snapshot.rows_of(name)
    inputs = inputs_hash([generator(), name, *year_inputs(snapshot, name, rows)])
    path = site.made_from(inputs)
    if path:
        site.keep(path)
    else:
        body = gzipped_json(year_shard(snapshot, name, rows))
        path = site.write_hashed(f"shards/{name}", ".json.gz", body, inputs)
    return Year(name, rows.select(LIGHT), path, csv_body(rows))


def _write_shard(site: StoredSite, name: str, shard: Any) -> str:
    return site.write_hashed(f"shards/{name}", ".json.gz", gzipped_json(shard))


def _write_status(store: Store, receipt: Receipt) -> bool:
    """Say when the source was last read; an older read than the one told of says nothing."""
    known = read_status(store)
    if known.get("observed_at", "") >= receipt["observed_at"]:
        return False
    status = {
        "read_id": receipt["read_id"],
        "observed_at": receipt["observed_at"],
        "outcome": receipt.get("outcome", PUBLISHED),
        "version": receipt.get("version")
        or load_version(store, Keys(RECALLS.name).table).receipt_number,
        "checks": passed(receipt["checks"]),
    }
    store.replace(FOLDER + STATUS, json.dumps(status).encode(), content_type(STATUS))
    return True

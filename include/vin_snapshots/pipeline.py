"""The tasks of the DAG vin_snapshots, in their order."""

from collections.abc import Mapping

from include.lake.keys import Keys
from include.lake.landing import RawPages, finish_landing, land_page, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import PlainFile, copy_of, empty_file, refresh_copies
from include.lake.publish import Receipt, publish_read
from include.lake.reads import Moment, Source, start_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.lake.table import Version, load_version
from include.vin_snapshots.client import VinService
from include.vin_snapshots.contract import SERVICE, VIN_SNAPSHOTS
from include.vin_snapshots.transform import vehicles

VEHICLES_FILE = "vehicles.parquet"


def extract(api: VinService, store: Store, run_id: str) -> RawPages:
    """Land the export byte for byte."""
    export = api.export()
    known = load_version(store, Keys(VIN_SNAPSHOTS.name).table).receipt.get("source", {})
    # An export without vehicles has no publisher; before the first vehicle there is no table.
    publisher = export.publisher or known.get("publisher", "unknown")
    source = Source(dataset=SERVICE, publisher=publisher)
    read, _ = start_read(store, VIN_SNAPSHOTS, source, run_id, covers={})
    moment = Moment(began_at=export.answered_at, answered_at=export.answered_at, modified_at="")
    page = land_page(store, VIN_SNAPSHOTS, read, "all", 0, export.gzipped)
    return finish_landing(store, VIN_SNAPSHOTS, read, [page], moment)


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Validate the vehicles and write the candidate file, if anything changed."""
    rows, quarantined = vehicles(read_page(store, raw["pages"][0]))
    batch = stage(store, VIN_SNAPSHOTS, raw, rows, quarantined)
    return write_candidates(store, VIN_SNAPSHOTS, raw["read"]["read_id"], batch)


def publish(
    store: Store,
    raw: RawPages,
    batch: StagedBatch,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """Commit the next version, then bring the plain file and the ledger up to date."""
    receipt = publish_read(store, VIN_SNAPSHOTS, raw["read"], [batch], dry_run=dry_run, waive=waive)
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain file and the ledger up to date; returns the files it wrote."""
    update_ledger(store, VIN_SNAPSHOTS)
    return refresh_copies(store, VIN_SNAPSHOTS, _plain_files)


def run(
    api: VinService,
    store: Store,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
    run_id: str = "by hand",
) -> Receipt:
    """The whole path in one process."""
    raw = extract(api, store, run_id)
    return publish(store, raw, transform(store, raw), dry_run=dry_run, waive=waive)


def _plain_files(version: Version) -> list[PlainFile]:
    copies = [copy_of(VEHICLES_FILE, part) for part in version.parts.values()]
    return copies or [empty_file(VEHICLES_FILE, VIN_SNAPSHOTS)]

"""The tasks of the DAG currency_rates, in their order."""

from collections.abc import Mapping

from include.currency_rates.client import CurrencyRates
from include.currency_rates.contract import CURRENCY_RATES
from include.currency_rates.transform import rates
from include.lake.landing import RawPages, land_answers, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import copy_of, refresh_copies
from include.lake.publish import Receipt, publish_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store


def extract(api: CurrencyRates, store: Store, run_id: str) -> RawPages:
    """Land the answer byte for byte."""
    return land_answers(store, CURRENCY_RATES, "ecb", run_id, [api.last_rates()], covers={})


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Validate the rates and write the candidate file, if anything changed."""
    valid, quarantined = rates(read_page(store, raw["pages"][0]))
    batch = stage(store, CURRENCY_RATES, raw, valid, quarantined)
    return write_candidates(store, CURRENCY_RATES, raw["read"]["read_id"], batch)


def publish(
    store: Store,
    raw: RawPages,
    batch: StagedBatch,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """Commit the next version, then bring the plain file and the ledger up to date."""
    read = raw["read"]
    receipt = publish_read(store, CURRENCY_RATES, read, [batch], dry_run=dry_run, waive=waive)
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain file and the ledger up to date; returns the files it wrote."""
    update_ledger(store, CURRENCY_RATES)
    return refresh_copies(
        store,
        CURRENCY_RATES,
        lambda version: [copy_of("rates.parquet", part) for part in version.parts.values()],
    )

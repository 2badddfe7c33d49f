"""Check everything that a dataset has in the lake against its own receipts; nothing is written.

Checked are the table's files, the log, the receipts, plain files, the ledger, and the rows again
from the raw pages. Exit code 0: everything is valid, 1: something is damaged, 2: the lake could
not be read, so nothing was verified.
"""

import argparse
from collections.abc import Iterator

from include.cli.output import Output
from include.cli.questions import current_or_refuse, versions_of
from include.cli.verify_ledger import ledger_checks
from include.cli.verify_raw import raw_checks
from include.cli.verify_table import copy_checks, table_checks
from include.data.catalog import dataset_named
from include.data.checks import Check
from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.store import Damaged, Missing, Store, StoreError

VALID, DAMAGED, NOT_VERIFIED = 0, 1, 2


def add_arguments(_: argparse.ArgumentParser) -> None:
    """It always checks everything."""


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    dataset = dataset_named(asked.dataset)
    try:
        store.list(Keys(dataset.name).folder.rstrip("/"), recursive=False)
        failed = 0
        for check in verify(store, dataset):
            output.line(f"{'OK' if check.passed else 'DAMAGED':<8} {check.name}: {check.found}")
            if check.hint and (not check.passed or check.warns):
                output.line(f"         {check.hint}")
            failed += not check.passed
    except (Damaged, Missing) as error:
        output.line(f"DAMAGED  {error}")
        failed = 1
    except (StoreError, PermanentError) as error:
        output.line(f"nothing was verified: {error}")
        return NOT_VERIFIED
    output.line()
    where = store.url(Keys(dataset.name).folder)
    if failed:
        output.line(f"NOT VALID: {failed} checks failed in {where}")
        return DAMAGED
    output.line(f"valid: {where}")
    return VALID


def verify(store: Store, dataset: Dataset) -> Iterator[Check]:
    """Every check as it is made; a failed one does not stop the others."""
    current = current_or_refuse(store, dataset)
    versions = versions_of(store, current)
    yield from table_checks(store, dataset, current, versions)
    yield from copy_checks(store, dataset, current)
    yield from ledger_checks(store, dataset, current, versions)
    yield from raw_checks(store, dataset, current, versions)

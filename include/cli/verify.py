"""Check everything that a dataset has in the lake against its own receipts; nothing is written.

It checks the table's files, the log, the receipts, the plain files and the ledger, and rebuilds
the rows from the raw pages. Exit code 0: everything is valid; 1: something is damaged; 2: the lake
could not be read, so nothing was verified.

Example: python -m include.cli verify --dataset shoe_prices
"""

import argparse
from collections.abc import Iterator, Sequence

from include.cli.questions import KnownVersion, current_or_refuse, versions_of
from include.cli.verify_table import RESTORE, plain_file_checks, table_checks
from include.data.apply_events import LedgerBroken, apply_events
from include.data.catalog import dataset_named
from include.data.checks import Check, examples
from include.data.contract import Dataset
from include.data.formatting import count
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.rebuild import rebuild_plan
from include.lake.store import Damaged, Missing, Store, StoreError
from include.lake.table import Version, load_version
from include.lake.version_diff import compared_rows


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    failed = 0
    try:
        for check in verify(store, dataset):
            print(f"{'OK' if check.passed else 'DAMAGED':<8} {check.name}: {check.found}")
            if check.hint and (not check.passed or check.warns):
                print(f"         {check.hint}")
            failed += not check.passed
    except (Damaged, Missing) as error:
        print(f"DAMAGED  {error}")
        failed += 1
    print()
    where = store.url(Keys(dataset.name).folder)
    if failed:
        print(f"NOT VALID: {count(failed, 'check')} failed in {where}")
        return 1
    print(f"valid: {where}")
    return 0


def verify(store: Store, dataset: Dataset) -> Iterator[Check]:
    """Every check as it is made; a failed one does not stop the others."""
    current = current_or_refuse(store, dataset)
    versions = versions_of(store, current)
    yield from table_checks(store, dataset, current, versions)
    yield from plain_file_checks(store, dataset, current)
    yield from ledger_checks(store, dataset, current, versions)
    yield raw_check(store, dataset, current, versions)


def ledger_checks(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Iterator[Check]:
    baseline = current.receipt["baseline"]
    if baseline is None:
        yield Check("ledger", True, "begins with the first full read")
        return
    yield _table_check(store, dataset, versions)
    since = [version for version in versions if version.number >= baseline]
    try:
        rows = compared_rows(store, dataset, since[0].receipt["parts"])
        for version in since[1:]:
            rows = apply_events(dataset, rows, read_events(store, dataset, version.receipt))
        now = compared_rows(store, dataset, current.parts)
        order = [(dataset.key, "ascending")]
        same = rows.sort_by(order).equals(now.sort_by(order))
        found = f"{count(len(since) - 1, 'version')}" if same else "it is not"
    except (Damaged, LedgerBroken) as error:
        same, found = False, str(error)
    yield Check(
        "the ledger replayed onto the baseline is the current version", same, found, RESTORE
    )


def _table_check(store: Store, dataset: Dataset, versions: Sequence[KnownVersion]) -> Check:
    """The ledger's Delta table has the events of each version exactly once."""
    ledger = load_version(store, Keys(dataset.name).ledger)
    events = [version.receipt["events"] for version in versions if version.receipt["events"]]
    expected = {each["path"]: each["rows"] for each in events}
    found = {file.path: file.rows for file in ledger.files().values()}
    differ = sorted(p for p in {*expected, *found} if expected.get(p) != found.get(p))
    return Check(
        "the ledger's table has every version once",
        not differ,
        examples(differ) or count(len(expected), "file"),
        f"run the command `refresh --dataset {dataset.name}`; {RESTORE} if it stays",
    )


def raw_check(
    store: Store, dataset: Dataset, current: Version, versions: Sequence[KnownVersion]
) -> Check:
    """Each partition by the version that last changed it, where its raw pages are still there."""
    changed_by = {
        name: version.number for version in versions for name in version.receipt["changed"]
    }
    same, skipped, differ = 0, [], []
    for number, receipt, _ in versions:
        names = [name for name in current.parts if changed_by.get(name) == number]
        if not names:
            continue
        read_id = receipt["replay_of"] or receipt["read_id"]
        if receipt["contract"] != dataset.version:
            skipped.append(f"version {number} is of contract {receipt['contract']}")
            continue
        if not store.list(Keys(dataset.name).raw_folder(read_id)):
            skipped.append(f"the raw pages of version {number} were pruned")
            continue
        try:
            again = rebuild_plan(store, dataset, receipt, number).parts
        except (PermanentError, StoreError) as error:
            differ.append(f"version {number}: {error}")
            continue
        for name in names:
            if name in again and again[name]["content"] == receipt["parts"][name]["content"]:
                same += 1
            else:
                differ.append(f"{name or 'the table'} of version {number}")
    return Check(
        "rows come out the same from the raw pages",
        not differ,
        examples(differ) or f"{count(same, 'partition')} of {len(current.parts):,}",
        "restore the raw pages from a copy" if differ else examples(skipped),
        warns=bool(skipped),
    )

"""Show one row: when it was first known, every change, and its current values.

Example: python -m include.cli history 24V436000
"""

import argparse
import textwrap
from datetime import datetime
from typing import Any

from include.cli.changes import change_lines
from include.cli.output import MAX_WIDTH, minute, width
from include.cli.questions import current_or_refuse, spellings
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.diff import PUBLISHED
from include.data.formatting import printable
from include.data.tables import is_in
from include.errors import PermanentError
from include.lake.ledger import read_ledger, receipt_at
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="such as 24V436000")


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    current = current_or_refuse(store, dataset)
    ledger = read_ledger(store, dataset, current).events
    events = ledger.filter(is_in(dataset.keys(ledger), spellings(asked.key))).to_pylist()
    now = _current_row(store, dataset, current, asked.key)
    if not events and now is None:
        raise PermanentError(
            f"{printable(asked.key)} is not in {store.url(current.table)} and never was; "
            "check the key for typing errors"
        )
    print(printable((now or events[0])[dataset.key]))
    print()
    if not events or events[0]["event"] != PUBLISHED:
        print(_beginning(store, current))
    for line in change_lines(dataset, events, MAX_WIDTH):
        _print_wrapped(line, indent=6)
    print()
    observed_at = datetime.fromisoformat(current.receipt["observed_at"])
    when = f"Now (version {current.receipt_number}, read {minute(observed_at)} UTC)"
    if now is None:
        print(f"{when} it is retracted.")
        return 0
    print(f"{when}:")
    longest = max(map(len, dataset.business_columns))
    for name in dataset.business_columns:
        _print_wrapped(f"  {name:<{longest}}  {printable(now[name])}", indent=longest + 4)
    return 0


def _current_row(
    store: Store, dataset: Dataset, current: Version, key: str
) -> dict[str, Any] | None:
    for part in current.parts.values():
        rows = read_table_file(store, dataset, part["path"])
        for row in rows.filter(is_in(dataset.keys(rows), spellings(key))).to_pylist():
            return dict(row)
    return None


def _beginning(store: Store, current: Version) -> str:
    """A row that the ledger did not publish was there from the start."""
    baseline = current.receipt["baseline"]
    if baseline is None:
        return "in the table; the ledger begins with the first full read"
    observed_at = datetime.fromisoformat(receipt_at(store, current, baseline)["observed_at"])
    when = f"version {baseline}, read {minute(observed_at)} UTC"
    return f"{when}: in the baseline, where the ledger begins"


def _print_wrapped(text: str, indent: int) -> None:
    """All of a text, on as many lines as it takes."""
    print(textwrap.fill(text, max(width(), indent + 30), subsequent_indent=" " * indent))

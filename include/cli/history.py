"""One row's history: since when it is known, every change of it, and how it is now."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from include.cli.change_lines import EVENT_WIDTH, event_lines
from include.cli.changes import changes
from include.cli.output import MAX_WIDTH, TABLE, Output, as_json, minute
from include.cli.questions import add_format, current_or_refuse, note_if_behind
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.diff import PUBLISHED
from include.data.formatting import printable
from include.data.tables import is_in
from include.errors import PermanentError
from include.lake.ledger import receipt_at
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version


class History(NamedTuple):
    key: str
    baseline: int | None  # the version that it was in from the start; None: it came later
    since: datetime | None  # when that version, or the one that published it, was read
    changes: list[dict[str, Any]]  # rows of the ledger
    now: dict[str, Any] | None  # the row; None: it is retracted
    version: int
    observed_at: datetime


def history(store: Store, dataset: Dataset, key: str) -> History:
    """Everything that the ledger and the table know of one row."""
    current = current_or_refuse(store, dataset)
    rows = [row for table in changes(store, dataset, keys=[key]) for row in table.to_pylist()]
    now = _current_row(store, dataset, current, key)
    if not rows and now is None:
        raise PermanentError(
            f"{printable(key)} is not in {store.url(current.table)} and never was; "
            "check the key for typing errors"
        )
    found = str(now[dataset.key] if now else rows[0][dataset.key])
    baseline, since = _beginning(store, current, rows)
    observed_at = datetime.fromisoformat(current.receipt["observed_at"])
    return History(found, baseline, since, rows, now, current.receipt_number, observed_at)


def _current_row(
    store: Store, dataset: Dataset, current: Version, key: str
) -> dict[str, Any] | None:
    wanted = [key, key.strip(), key.strip().upper()]
    for part in current.parts.values():
        rows = read_table_file(store, dataset, part["path"])
        found = rows.filter(is_in(dataset.keys(rows), wanted))
        if found.num_rows:
            row: dict[str, Any] = found.to_pylist()[0]
            return row
    return None


def _beginning(
    store: Store, current: Version, rows: list[dict[str, Any]]
) -> tuple[int | None, datetime | None]:
    """A row that the ledger did not publish was in the baseline."""
    if rows and rows[0]["event"] == PUBLISHED:
        return None, rows[0]["observed_at"]
    baseline = current.receipt.get("baseline")
    if baseline is None:
        return None, None
    receipt = receipt_at(store, current, baseline)
    return baseline, datetime.fromisoformat(receipt["observed_at"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", help="such as 24V436000")
    add_format(parser, (TABLE, "json"))


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    dataset = dataset_named(asked.dataset)
    note_if_behind(store, dataset, current_or_refuse(store, dataset), output)
    found = history(store, dataset, asked.key)
    if asked.format == TABLE:
        for line in _lines(dataset, found, output.width):
            output.line(line)
    else:
        output.line(json.dumps(found._asdict(), default=as_json, indent=2))
    return 0


def _lines(dataset: Dataset, found: History, width: int) -> Iterator[str]:
    yield printable(found.key)
    yield ""
    if found.baseline is not None and found.since:
        yield f"{_when(found.baseline, found.since)}in the baseline, where the ledger begins"
    elif found.since is None:
        yield "in the table; the ledger begins with the first full read"
    for (version, event), group in groupby(found.changes, itemgetter("version", "event")):
        rows = list(group)
        margin = f"{_when(version, rows[0]['observed_at'])}{event:<{EVENT_WIDTH}}  "
        for text in event_lines(dataset, rows, MAX_WIDTH):
            yield from _wrapped(text, margin, width)
            margin = " " * len(margin)
    yield ""
    when = f"version {found.version}, read {minute(found.observed_at)} UTC"
    if found.now is None:
        yield f"Now ({when}) it is retracted."
        return
    yield f"Now ({when}):"
    longest = max(map(len, dataset.business_columns))
    for name in dataset.business_columns:
        yield from _wrapped(printable(found.now[name]), f"  {name:<{longest}}  ", width)


def _when(version: int, moment: datetime) -> str:
    return f"version {version:<5} {minute(moment)}  "


def _wrapped(text: str, margin: str, width: int) -> Iterator[str]:
    """All of a text, on as many lines as it takes."""
    for line in textwrap.wrap(text, max(width - len(margin), 30)) or [text]:
        yield margin + line
        margin = " " * len(margin)

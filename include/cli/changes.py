"""Show the changes in the ledger that match the filters, by version.

Example: python -m include.cli changes --since 2026-11-01 --match manufacturer=Ford --limit 20
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.cli.output import (
    TABLE,
    add_format_and_limit,
    fitted,
    minute,
    note_left_out,
    print_rows,
    width,
)
from include.cli.questions import current_or_refuse, day_or_time, spellings, whole_number
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.diff import EDITED, EVENTS, RETRACTED
from include.data.formatting import count, printable
from include.data.tables import is_in
from include.errors import PermanentError
from include.lake.ledger import read_ledger
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map
from include.lake.table import Version

ARROW = " -> "
EVENT_WIDTH = max(map(len, EVENTS))
SAME_SHOWN = 12  # characters on either side of a difference
MAX_VALUES = 6  # of a row that was published or retracted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=day_or_time, metavar="DATE", help="reads since this day or time, UTC"
    )
    parser.add_argument(
        "--until",
        type=day_or_time,
        metavar="DATE",
        help="reads up to the end of this day, or up to this time",
    )
    listed: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument(
        "--version", type=whole_number, metavar="N", help="only these versions", **listed
    )
    parser.add_argument("--key", metavar="KEY", help="only these rows", **listed)
    parser.add_argument(
        "--match",
        type=_match,
        metavar="COLUMN=TEXT",
        help="only rows that have this text in this column, now or earlier",
    )
    parser.add_argument("--field", metavar="COLUMN", help="only changes of these columns", **listed)
    parser.add_argument(
        "--event", choices=EVENTS, metavar="EVENT", help=f"only {', '.join(EVENTS)}", **listed
    )
    add_format_and_limit(parser, "rows of the ledger")


def _match(text: str) -> tuple[str, str]:
    column, _, value = text.partition("=")
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN=TEXT: write manufacturer=Ford")
    return column, value


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    columns = dataset.business_columns
    if unknown := {*asked.field, *(asked.match or ())[:1]}.difference(columns):
        raise PermanentError(f"{min(unknown)!r} is not a column; choose from {', '.join(columns)}")
    current = current_or_refuse(store, dataset)
    found = _found(store, dataset, current, asked)
    rows = found if asked.limit is None else found.slice(0, asked.limit)
    if asked.format != TABLE:
        print_rows(asked.format, rows)
    elif found.num_rows:
        for line in change_lines(dataset, rows.to_pylist(), width()):
            print(line)
    elif current.receipt_number == current.receipt["baseline"]:
        print(
            f"no changes yet: version {current.receipt_number} is the baseline that later "
            "versions are compared with"
        )
    else:
        print("nothing found: the ledger has no such change")
    note_left_out(found.num_rows - rows.num_rows)
    return 0


def _found(store: Store, dataset: Dataset, current: Version, asked: argparse.Namespace) -> pa.Table:
    ledger = rows = read_ledger(store, dataset, current).events
    if asked.since:
        rows = rows.filter(pc.greater_equal(rows["observed_at"], asked.since.first))
    if asked.until:
        rows = rows.filter(pc.less_equal(rows["observed_at"], asked.until.last))
    for name, values in (
        ("version", asked.version),
        ("field", asked.field),
        ("event", asked.event),
    ):
        if values:
            rows = rows.filter(is_in(rows[name], values))
    if asked.key:
        wanted = {spelling for key in asked.key for spelling in spellings(key)}
        rows = rows.filter(is_in(dataset.keys(rows), wanted))
    if asked.match:
        wanted = _matching_keys(store, dataset, current, ledger, *asked.match)
        rows = rows.filter(is_in(dataset.keys(rows), wanted))
    return rows


def _matching_keys(
    store: Store, dataset: Dataset, current: Version, ledger: pa.Table, column: str, text: str
) -> set[str]:
    """Every key that has this text in this column now, or ever had it; upper or lower case."""

    def keys_with(rows: pa.Table, name: str) -> list[str]:
        values = pc.cast(rows[name], pa.string())
        matches = pc.match_substring(values, text, ignore_case=True)
        keys: list[str] = dataset.keys(rows.filter(matches)).to_pylist()
        return keys

    def keys_now(part: Any) -> list[str]:
        rows = read_table_file(store, dataset, part["path"], {dataset.key, column})
        return keys_with(rows, column)

    earlier = ledger.filter(pc.equal(ledger["field"], column))
    now = parallel_map(keys_now, current.parts.values())
    return {*keys_with(earlier, "old"), *keys_with(earlier, "new")}.union(*now)


def change_lines(dataset: Dataset, rows: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    """Rows of the ledger, in its order, and a last line that counts them."""
    changed: Counter[str] = Counter()
    for version, of_version in groupby(rows, itemgetter("version", "observed_at")):
        yield f"version {version[0]}, read {minute(version[1])} UTC"
        for (key, event), of_row in groupby(of_version, itemgetter(dataset.key, "event")):
            changed[event] += 1
            start = f"  {printable(key)}  {event:<{EVENT_WIDTH}}  "
            for text in _texts(dataset, event, list(of_row), width - len(start)):
                yield start + fitted(text, width - len(start))
        yield ""
    if rows:
        counts = [f"{changed[event]:,} {event}" for event in EVENTS if changed[event]]
        versions = len({row["version"] for row in rows})
        yield f"{', '.join(counts)}; {count(versions, 'version')}"


def _texts(
    dataset: Dataset, event: str, rows: Sequence[dict[str, Any]], width: int
) -> Iterator[str]:
    """What happened to one row: a text for each field edited, else one for the whole row."""
    if event == EDITED:
        for row in rows:
            name = f"{row['field']}: "
            yield name + _difference(row["old"], row["new"], width - len(name))
        return
    side = "old" if event == RETRACTED else "new"
    values = {row["field"]: row[side] for row in rows if row["field"] != dataset.key}
    shown = [n for n in dataset.business_columns if values.get(n) not in {None, "false"}]
    texts = [f"{name} {printable(values[name])}" for name in islice(shown, MAX_VALUES)]
    yield ", ".join(texts) or "no other value"


def _difference(old: str | None, new: str | None, width: int) -> str:
    """Old -> new; where that is too long, the part that differs and some text around it."""
    before, after = printable(old), printable(new)
    if len(before) + len(after) + len(ARROW) > width:
        start = _common(before, after)
        end = _common(before[start:][::-1], after[start:][::-1])
        before, after = (_around(text, start, len(text) - end) for text in (before, after))
    return before + ARROW + after


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _around(text: str, start: int, end: int) -> str:
    first, last = max(start - SAME_SHOWN, 0), min(end + SAME_SHOWN, len(text))
    return ("..." if first else "") + text[first:last] + ("..." if last < len(text) else "")

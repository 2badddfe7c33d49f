"""What changed: every row of the ledger that answers a question, version by version."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.cli.change_lines import change_lines
from include.cli.output import TABLE, Output
from include.cli.questions import (
    add_format,
    add_limit,
    argument,
    current_or_refuse,
    end_of,
    moment,
    note_if_behind,
    start_of,
    versions_of,
    whole_number,
)
from include.data.catalog import dataset_named
from include.data.contract import Dataset
from include.data.diff import EVENTS, ledger_schema
from include.data.formatting import count
from include.data.tables import is_in
from include.errors import PermanentError
from include.lake.ledger import read_events
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map


def changes(
    store: Store,
    dataset: Dataset,
    *,
    since: date | datetime | None = None,
    until: date | datetime | None = None,
    versions: Sequence[int] = (),
    keys: Sequence[str] = (),
    match: tuple[str, str] | None = None,
    fields: Sequence[str] = (),
    events: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """The ledger's rows, a table for each version that has any, in order of versions.

    `since` and `until` are of when the source was read, both included. `match` is a column and a
    part of its text, upper or lower case: it selects every key that has it now or ever had it.
    """
    _refuse_unknown(dataset.business_columns, "column", [*fields, *([match[0]] if match else [])])
    _refuse_unknown(EVENTS, "event", events)
    known = versions_of(store, current_or_refuse(store, dataset))
    wanted = {form for key in keys for form in (key, key.strip(), key.strip().upper())}
    if match:
        found = _matching_keys(store, dataset, known[-1].receipt, [v.receipt for v in known], match)
        wanted = found & wanted if keys else found
    for version in known:
        observed = datetime.fromisoformat(version.receipt["observed_at"])
        if (since and observed < start_of(since)) or (until and observed >= end_of(until)):
            continue
        if versions and version.number not in versions:
            continue
        rows = read_events(store, dataset, version.receipt)
        if keys or match:
            rows = rows.filter(is_in(dataset.keys(rows), sorted(wanted)))
        for name, values in (("field", fields), ("event", events)):
            if values:
                rows = rows.filter(is_in(rows[name], list(values)))
        if rows.num_rows:
            yield rows


def _refuse_unknown(known: Sequence[str], what: str, asked: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        raise PermanentError(f"{unknown[0]!r} is not a {what}; choose from {', '.join(known)}")


def _matching_keys(
    store: Store,
    dataset: Dataset,
    current: Any,
    receipts: Sequence[Any],
    match: tuple[str, str],
) -> set[str]:
    column, text = match

    def contains(values: pa.ChunkedArray) -> pa.ChunkedArray:
        texts = pc.cast(values, pa.string())
        return pc.match_substring(texts, text, ignore_case=True).fill_null(False)

    def in_file(part: Any) -> pa.Table:
        rows = read_table_file(store, dataset, part["path"], {dataset.key, column})
        return rows.filter(contains(rows[column]))

    found = set()
    for rows in parallel_map(in_file, current["parts"].values()):
        found |= set(dataset.keys(rows).to_pylist())
    for events in parallel_map(lambda receipt: read_events(store, dataset, receipt), receipts):
        of_column = events.filter(pc.equal(events["field"], column))
        either = pc.or_(contains(of_column["old"]), contains(of_column["new"]))
        found |= set(dataset.keys(of_column.filter(either)).to_pylist())
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=argument(moment), help="a day or a time of the read")
    parser.add_argument("--until", type=argument(moment), help="a day (all of it) or a time")
    listed: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument(
        "--version", type=argument(whole_number), metavar="N", help="only these versions", **listed
    )
    parser.add_argument("--key", metavar="KEY", help="only these rows", **listed)
    parser.add_argument(
        "--match",
        type=argument(_match),
        metavar="COLUMN=TEXT",
        help="only rows that have this text in this column, now or earlier",
    )
    parser.add_argument("--field", metavar="COLUMN", help="only changes of these columns", **listed)
    parser.add_argument("--event", metavar="EVENT", help=f"only {', '.join(EVENTS)}", **listed)
    add_limit(parser, "rows of the ledger")
    add_format(parser)


def _match(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals or not value:
        raise ValueError(f"{text!r} is not COLUMN=TEXT: write manufacturer=Ford")
    return column, value


def run(store: Store, asked: argparse.Namespace, output: Output) -> int:
    dataset = dataset_named(asked.dataset)
    current = current_or_refuse(store, dataset)
    note_if_behind(store, dataset, current, output)
    tables = changes(
        store,
        dataset,
        since=asked.since,
        until=asked.until,
        versions=asked.version,
        keys=asked.key,
        match=asked.match,
        fields=asked.field,
        events=asked.event,
    )
    if asked.limit is not None:
        tables = _limited(tables, asked.limit, output)
    if asked.format != TABLE:
        output.rows(asked.format, tables, ledger_schema(dataset))
        return 0
    if current.receipt_number == current.receipt["baseline"]:
        output.line(
            f"no changes yet: version {current.receipt_number} is the baseline that later versions "
            "are compared with; run the pipeline again when its source has changed"
        )
        return 0
    for line in change_lines(dataset, tables, output.width):
        output.line(line)
    return 0


def _limited(tables: Iterable[pa.Table], limit: int, output: Output) -> Iterator[pa.Table]:
    left, hidden = limit, 0
    for table in tables:
        if left:
            yield table.slice(0, left)
        hidden += max(0, table.num_rows - left)
        left = max(0, left - table.num_rows)
    if hidden:
        output.note(f"{count(hidden, 'more row')} not shown; raise --limit to see them")

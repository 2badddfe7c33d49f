"""What changed: every row of the ledger that answers a question, by one call and one command."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.keys import Keys
from include.lake import Lake
from include.ledger import EDITED, EVENTS, LEDGER_SCHEMA, RETRACTED
from include.vehicle_recalls.commands.asking import (
    Moment,
    add_format,
    add_whose,
    begins,
    campaign,
    is_over,
    moment,
    one_of,
    option,
    recorded,
)
from include.vehicle_recalls.commands.formats import TABLE, Output
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import read_ledger
from include.vehicle_recalls.screen import fitted, minute, moved, printable
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
MANUFACTURER = "manufacturer"
TITLE = (MANUFACTURER, "subject")


def changes(
    lake: Lake,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    nhtsa_ids: Collection[str] = (),
    manufacturer: str | None = None,
    fields: Collection[str] = (),
    events: Collection[str] = (),
) -> Iterator[pa.Table]:
    """The ledger's rows, a table for each version that has any, in the order of versions.

    `since` and `until` are days or instants of when the source was read, both included; days and
    instants without a zone are UTC. `manufacturer` is a part of a name, in capitals or not, and
    chooses every recall that has it now or ever had it in the ledger. A published, retracted or
    republished recall has a row for each field that is not null.
    """
    one_of(CONTRACT.business_columns, "field", fields)
    one_of(EVENTS, "event", events)
    chosen = {"field": fields or None, "event": events or None}
    keys = {campaign(text) for text in nhtsa_ids}
    return _changes(lake, since, until, keys, manufacturer, chosen)


def _changes(
    lake: Lake,
    since: Moment | None,
    until: Moment | None,
    keys: Collection[str],
    manufacturer: str | None,
    chosen: Mapping[str, Collection[str] | None],
) -> Iterator[pa.Table]:
    wanted = {
        name: pa.array(sorted(values), pa.string())
        for name, values in {KEY: asked_for(lake, keys, manufacturer), **chosen}.items()
        if values is not None
    }
    for rows in read_ledger(lake, since=begins(since) if since else None):
        found = rows
        if until:
            found = found.filter(pc.less(found["observed_at"], is_over(until)))
        for name, values in wanted.items():
            found = found.filter(pc.is_in(found[name], value_set=values))
        if found.num_rows:
            yield found


def asked_for(
    lake: Lake, nhtsa_ids: Collection[str], manufacturer: str | None
) -> Collection[str] | None:
    """The keys of the recalls that a question is about; None: it is about all."""
    keys = {campaign(text) for text in nhtsa_ids}
    if manufacturer is None:
        return keys or None
    named = recalls_of(lake, manufacturer)
    return named & keys if keys else named


def recalls_of(lake: Lake, manufacturer: str) -> set[str]:
    """The keys of all recalls whose manufacturer, now or ever in the ledger, has this in it."""

    def has_it(names: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.match_substring(names, manufacturer, ignore_case=True).fill_null(False)

    now = read_years(lake, year_states(lake.head(KEYS.table).receipt), [KEY, MANUFACTURER])
    found = set(now.filter(has_it(now[MANUFACTURER]))[KEY].to_pylist())
    for rows in read_ledger(lake, columns=[KEY, "field", "old", "new"]):
        names = rows.filter(pc.equal(rows["field"], MANUFACTURER))
        found.update(
            names.filter(pc.or_(has_it(names["old"]), has_it(names["new"])))[KEY].to_pylist()
        )
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=option(moment), help="a day (from 00:00 UTC) or an instant of the read"
    )
    parser.add_argument(
        "--until", type=option(moment), help="a day (all of it) or an instant of the read"
    )
    add_whose(parser)
    parser.add_argument(
        "--field",
        nargs="+",
        action="extend",
        default=[],
        choices=CONTRACT.business_columns,
        metavar="FIELD",
        help=f"only these fields: {', '.join(CONTRACT.business_columns)}",
    )
    parser.add_argument(
        "--event",
        nargs="+",
        action="extend",
        default=[],
        choices=EVENTS,
        metavar="EVENT",
        help=f"only these events: {', '.join(EVENTS)}",
    )
    add_format(parser)


def command(lake: Lake, asked: argparse.Namespace, output: Output) -> int:
    recorded(lake, output.note)
    found = changes(
        lake,
        since=asked.since,
        until=asked.until,
        nhtsa_ids=asked.nhtsa_id,
        manufacturer=asked.manufacturer,
        fields=asked.field,
        events=asked.event,
    )
    if asked.format == TABLE:
        for line in shown(found, output.width):
            output(line)
    else:
        output.write(asked.format, found, LEDGER_SCHEMA)
    return 0


def shown(found: Iterable[pa.Table], width: int) -> Iterator[str]:
    """Lines for people, version by version, and a last one that counts."""
    recalls: Counter[str] = Counter()
    fields = versions = 0
    for table in found:
        rows = table.to_pylist()
        versions += 1
        yield f"version {rows[0]['version']}, read {minute(rows[0]['observed_at'])} UTC"
        for (key, event), of_one in groupby(rows, itemgetter(KEY, "event")):
            told = list(of_one)
            recalls[event] += 1
            fields += len(told) if event == EDITED else 0
            for line in of_recall(event, told, width - len(f"  {key}  ")):
                yield f"  {key}  {line}"
        yield ""
    if not versions:
        yield "nothing found: the ledger has no such change"
        return
    edits = f" ({fields:,} {'field' if fields == 1 else 'fields'})"
    counted = [
        f"{recalls[event]:,} {event}{edits if event == EDITED else ''}"
        for event in EVENTS
        if recalls[event]
    ]
    yield f"{', '.join(counted)}; {versions:,} {'version' if versions == 1 else 'versions'}"


def of_recall(event: str, rows: list[dict[str, Any]], width: int) -> Iterator[str]:
    """One version's word on one recall: a line for each field edited, else one line for all."""
    head = f"{event:<{max(map(len, EVENTS))}}  "
    if event == EDITED:
        for row in rows:
            what = f"{head}{row['field']}: "
            yield fitted(what + moved(row["old"], row["new"], width - len(what)), width)
        return
    values = {row["field"]: row["old" if event == RETRACTED else "new"] for row in rows}
    title = [printable(values[name]) for name in TITLE if name in values]
    if len(title) == len(TITLE) or len(title) == len(values):
        yield fitted(head + ": ".join(title), width)
    else:  # only some fields were asked for
        told = ", ".join(f"{name} {printable(value)}" for name, value in values.items())
        yield fitted(head + told, width)

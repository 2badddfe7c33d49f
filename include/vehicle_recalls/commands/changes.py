"""What changed: every row of the ledger that answers a question, by one call and one command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from include.first.keys import Keys
from include.first.lake import Lake
from include.first.ledger import EVENTS
from include.first.screen import printable
from include.vehicle_recalls.commands.asking import (
    Moment,
    add_format,
    add_whose,
    begins,
    is_over,
    moment,
    one_of,
    option,
    recorded,
    spellings,
    version,
)
from include.vehicle_recalls.commands.formats import TABLE, Output
from include.vehicle_recalls.commands.lines import MANUFACTURER, shown
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LEDGER_SCHEMA, read_ledger
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key


def changes(
    lake: Lake,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    versions: Collection[int] = (),
    nhtsa_ids: Collection[str] = (),
    manufacturer: str | None = None,
    fields: Collection[str] = (),
    events: Collection[str] = (),
) -> Iterator[pa.Table]:
    """The ledger's rows, a table for each version that has any, in the order of versions.

    `versions` are those of the table. `since` and `until` are days or instants of when the source
    was read, both included; days and instants without a zone are UTC. `manufacturer` is a part of
    a name, in capitals or not, and chooses every recall that has it now or ever had it in the
    ledger. A published, retracted or republished recall has a row for each field that is not null.
    """
    one_of(CONTRACT.business_columns, "field", fields)
    one_of(EVENTS, "event", events)
    chosen = {"field": fields or None, "event": events or None}
    asked_for_keys = _keys(nhtsa_ids)
    return _changes(lake, since, until, versions, asked_for_keys, manufacturer, chosen)


def _changes(
    lake: Lake,
    since: Moment | None,
    until: Moment | None,
    versions: Collection[int],
    keys: Collection[str],
    manufacturer: str | None,
    chosen: Mapping[str, Collection[str] | None],
) -> Iterator[pa.Table]:
    wanted = {
        name: pa.array(sorted(values), pa.string())
        for name, values in {KEY: asked_for(lake, keys, manufacturer), **chosen}.items()
        if values is not None
    }
    between = range(min(versions), max(versions) + 1) if versions else None
    since = begins(since) if since else None
    for rows in read_ledger(lake, since=since, versions=between):
        found = rows
        if versions:
            found = found.filter(pc.is_in(found["version"], pa.array(versions, pa.int64())))
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
    keys = _keys(nhtsa_ids)
    if manufacturer is None:
        return keys or None
    named = recalls_of(lake, manufacturer)
    return named & keys if keys else named


def _keys(nhtsa_ids: Collection[str]) -> set[str]:
    return {key for text in nhtsa_ids for key in spellings(text)}


def recalls_of(lake: Lake, manufacturer: str) -> set[str]:
    """The keys of all recalls whose manufacturer, now or ever in the ledger, has this in it."""

    def has_it(names: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.match_substring(names, manufacturer, ignore_case=True).fill_null(False)

    now = _now(lake)
    found = set(now.filter(has_it(now[MANUFACTURER]))[KEY].to_pylist())
    for names in _names_in_ledger(lake):
        found.update(
            names.filter(pc.or_(has_it(names["old"]), has_it(names["new"])))[KEY].to_pylist()
        )
    return found


def makers(lake: Lake) -> Callable[[str], str]:
    """Who made what a recall is of: as the table has it, else as the ledger had it last."""
    rows = _now(lake)
    now = dict(zip(rows[KEY].to_pylist(), rows[MANUFACTURER].to_pylist(), strict=True))

    @cache
    def gone() -> dict[str, str]:
        last = {}
        for names in _names_in_ledger(lake):
            for row in names.to_pylist():
                last[row[KEY]] = row["old"] if row["new"] is None else row["new"]
        return last

    return lambda key: now[key] if key in now else gone().get(key, "")


def _now(lake: Lake) -> pa.Table:
    return read_years(lake, year_states(lake.head(KEYS.table).receipt), [KEY, MANUFACTURER])


def _names_in_ledger(lake: Lake) -> Iterator[pa.Table]:
    for rows in read_ledger(lake, columns=[KEY, "field", "old", "new"]):
        yield rows.filter(pc.equal(rows["field"], MANUFACTURER))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=option(moment), help="a day (from 00:00 UTC) or an instant of the read"
    )
    parser.add_argument(
        "--until", type=option(moment), help="a day (all of it) or an instant of the read"
    )
    parser.add_argument(
        "--version",
        type=option(version),
        nargs="+",
        action="extend",
        default=[],
        metavar="N",
        help="only these versions of the table, as receipts and reports number them",
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
        versions=asked.version,
        nhtsa_ids=asked.nhtsa_id,
        manufacturer=asked.manufacturer,
        fields=asked.field,
        events=asked.event,
    )
    if asked.format == TABLE:
        for line in shown(
            found,
            output.width,
            maker=makers(lake),
            nothing=lambda: _nothing(lake, asked.manufacturer),
            all_flags=bool(asked.nhtsa_id),
        ):
            output(line)
    else:
        output.write(asked.format, found, LEDGER_SCHEMA)
    return 0


def _nothing(lake: Lake, manufacturer: str | None) -> str:
    if manufacturer is None or recalls_of(lake, manufacturer):
        return "the ledger has no such change"
    return f'no recall has "{printable(manufacturer)}" in its manufacturer'

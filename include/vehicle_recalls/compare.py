"""Two versions of the table held side by side, a few years at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.first.keys import Keys
from include.first.lake import Lake
from include.first.ledger import (
    EDITED,
    PUBLISHED,
    RETRACTED,
    YEAR,
    Matched,
    labelled,
    match,
    whole,
)
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import YearState

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
ROWS_AT_ONCE = 50_000
Years = Mapping[int, YearState]


class Comparison(NamedTuple):
    """What a new version makes of the one before, in campaigns."""

    published: int
    edited: int
    retracted: int
    unchanged: int  # of the years that change; those that are kept apart from them
    kept_found: int  # of the campaigns that stay as they were, those in years that change
    events: pa.Table | None  # what the ledger will say of it, a return not yet told apart


def compare(
    lake: Lake, before: Years, after: Years, kept: pa.Array, *, with_events: bool
) -> Comparison:
    """Match all campaigns of the changed years; `kept` are keys that no sound row came for."""
    nothing = read_years(lake, {}, CONTRACT.business_columns)
    gone, fresh, events = [nothing], [nothing], []
    edited = unchanged = kept_found = 0
    for matched in _matched(lake, before, after, only_keys_where_new=not with_events):
        edited += len(matched.edited)
        kept_same = _in(matched.same, kept)
        unchanged += len(matched.same) - kept_same
        kept_found += kept_same + _in(matched.edited, kept)
        events.append(labelled(matched.edits, EDITED))
        gone.append(matched.gone)
        fresh.append(matched.fresh if with_events else matched.fresh.select([KEY]))
    # Who left one year and came into another has moved: that is an edit of the date.
    moved = _moved(gone, fresh)
    if with_events:
        moves = match(CONTRACT, pa.concat_tables(gone), pa.concat_tables(fresh))
        events += [
            labelled(moves.edits, EDITED),
            whole(CONTRACT, moves.gone, RETRACTED),
            whole(CONTRACT, moves.fresh, PUBLISHED),
        ]
    return Comparison(
        published=sum(map(len, fresh)) - len(moved),
        edited=edited + len(moved),
        retracted=sum(map(len, gone)) - len(moved),
        unchanged=unchanged,
        kept_found=kept_found + _in(moved, kept),
        events=pa.concat_tables(events) if with_events else None,
    )


def _in(keys: pa.Array, kept: pa.Array) -> int:
    found: int = pc.sum(pc.is_in(keys, value_set=kept)).as_py() or 0
    return found


def _moved(gone: list[pa.Table], fresh: list[pa.Table]) -> pa.Array:
    left, came = (
        pa.concat_arrays([pa.array([], pa.string()), *(c for t in some for c in t[KEY].chunks)])
        for some in (gone, fresh)
    )
    return came.filter(pc.is_in(came, value_set=left))


def read_years(lake: Lake, years: Years, columns: list[str]) -> pa.Table:
    """Rows of these years as a version has them, each with its year."""

    def read(year: int) -> pa.Table:
        rows = lake.read_parquet(f"{KEYS.table}/{years[year].path}", columns)
        return rows.append_column(YEAR, pa.array([year] * rows.num_rows, pa.int32()))

    schema = pa.schema([*(CONTRACT.schema.field(c) for c in columns), (YEAR, pa.int32())])
    return pa.concat_tables([schema.empty_table(), *lake.at_once(read, years)])


def _matched(
    lake: Lake, before: Years, after: Years, *, only_keys_where_new: bool
) -> Iterator[Matched]:
    for years in _groups(before, after):
        old = {year: before[year] for year in years if year in before}
        new = {year: after[year] for year in years if year in after}
        if only_keys_where_new and not old:
            fresh = read_years(lake, new, [KEY])
            nothing = pa.array([], pa.string())
            yield Matched(fresh.slice(0, 0), nothing, nothing, fresh.slice(0, 0), fresh)
        else:
            columns = CONTRACT.business_columns
            yield match(CONTRACT, read_years(lake, old, columns), read_years(lake, new, columns))


def _groups(before: Years, after: Years) -> Iterator[list[int]]:
    """The years that changed, so many together as fit into memory with ease."""
    nothing = YearState("", "", "", 0, "", "")
    group: list[int] = []
    rows = 0
    for year in sorted({*before, *after}):
        old, new = before.get(year, nothing), after.get(year, nothing)
        if old.path == new.path:
            continue
        if group and rows + old.rows + new.rows > ROWS_AT_ONCE:
            yield group
            group, rows = [], 0
        group.append(year)
        rows += old.rows + new.rows
    if group:
        yield group

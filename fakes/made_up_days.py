"""What the publisher does to its own history from one day to the next.

Each day adds, retracts, edits and moves recalls of old and new years; from day 3 on a retracted
one may return. A year of a day is made from the same year of the day before, so that 3,000,000
rows need no more memory than 30,000.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from threading import RLock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fakes import made_up_recalls as recalls
from fakes.made_up_ids import campaign_id, first_free_number
from fakes.made_up_plan import EDITS, Plan, plan, reported_on

MEMORY_BYTES = 320_000_000
Key = tuple[int, int, int, int]  # rows, seed, day, year
_making = RLock()


class Years(OrderedDict[Key, pa.Table]):
    """The years that were made, the last used last; each can be made again."""

    bytes = 0

    def remember(self, key: Key, table: pa.Table) -> None:
        self[key] = table
        self.bytes += table.nbytes
        while self.bytes > MEMORY_BYTES and len(self) > 1:
            self.bytes -= self.popitem(last=False)[1].nbytes


_made = Years()


def year_of_day(rows: int, seed: int, day: int, year: int) -> pa.Table:
    """The rows of one report year as that day has them: the columns as text, and `number`."""
    with _making:
        days = [1, *(d for d in range(2, day + 1) if year in plan(rows, seed, d).years)]
        known = (n for n in reversed(range(len(days))) if (rows, seed, days[n], year) in _made)
        # From the latest day that is still known, one day after the other.
        for changed in days[next(known, 0) :]:
            table = _remembered((rows, seed, changed, year))
        return table


def _remembered(key: Key) -> pa.Table:
    if key not in _made:
        _made.remember(key, _changed(*key))
    _made.move_to_end(key)
    return _made[key]


def _changed(rows: int, seed: int, day: int, year: int) -> pa.Table:
    if day == 1:
        return recalls.recalls_of(rows, seed, year)
    today = plan(rows, seed, day)
    stay, _, _ = _parted(rows, seed, day, year)
    parts = [_edited(stay, year, today, np.random.default_rng([seed, day, year, 1]))]
    if today.returned[year]:
        _, retracted, _ = _parted(rows, seed, day - 1, year)
        parts.append(retracted.slice(0, today.returned[year]))
    if today.added[year]:
        parts.append(_added(rows, seed, day, year))
    moved_here = [old for old, new in today.moved if new == year]
    parts += [_redated(_parted(rows, seed, day, old)[2][year], year) for old in moved_here]
    return pa.concat_tables(parts).combine_chunks()


def _parted(
    rows: int, seed: int, day: int, year: int
) -> tuple[pa.Table, pa.Table, dict[int, pa.Table]]:
    """Yesterday's rows of a year: which stay, which are retracted, which move to which year."""
    today = plan(rows, seed, day)
    table = year_of_day(rows, seed, day - 1, year)
    chance = np.random.default_rng([seed, day, year])
    order = np.argsort(chance.random(table.num_rows), kind="stable")
    leaving, at = order[: today.leaving(year)], today.retracted[year]
    moving = {}
    for (old, new), n in today.moved.items():
        if old == year:
            moving[new] = table.take(pa.array(leaving[at : at + n]))
            at += n
    stays = np.ones(table.num_rows, dtype=bool)
    stays[leaving] = False
    retracted = table.take(pa.array(leaving[: today.retracted[year]]))
    return table.filter(pa.array(stays)), retracted, moving


def _edited(table: pa.Table, year: int, today: Plan, chance: np.random.Generator) -> pa.Table:
    """Each edit falls on a row of its own."""
    untouched = np.ones(table.num_rows, dtype=bool)
    for kind, edit in EDITS.items():
        wanted = today.edited[year, kind]
        if not wanted:
            continue
        values = table[edit.column].to_pylist()
        order = np.argsort(chance.random(len(values)), kind="stable").tolist()
        eligible = [i for i in order if untouched[i] and edit.applies(values[i])]
        for i in eligible[:wanted]:
            values[i] = edit.change(values[i], chance)
            untouched[i] = False
        index = table.schema.get_field_index(edit.column)
        table = table.set_column(index, edit.column, pa.array(values, pa.string()))
    return table


def _added(rows: int, seed: int, day: int, year: int) -> pa.Table:
    today = plan(rows, seed, day)
    n = today.added[year]
    day_of = min(reported_on(day), date(year, 12, 31))
    first = first_free_number(rows, year) + today.added_so_far[year] - n
    return recalls.make_rows(
        np.random.default_rng([seed, day, year, 2]),
        rows,
        seed,
        # Row numbers of their own, far above those of day 1.
        numbers=np.arange(n) + (day * 10_000 + year) * 1_000_000,
        dates=np.full(n, np.datetime64(day_of)),
        letters=np.full(n, "V"),
        ids=[campaign_id(year, "V", first + k) for k in range(n)],
    )


def _redated(table: pa.Table, year: int) -> pa.Table:
    rest = pc.utf8_slice_codeunits(table["report_received_date"], 4)
    dates = pc.binary_join_element_wise(str(year), rest, "")
    dates = pc.replace_substring(dates, "-02-29", "-02-28")
    return table.set_column(0, "report_received_date", dates)

"""What the publisher does to its own history from one day to the next.

Each day adds, retracts, edits and moves recalls of old and new years; from day 3 on a retracted
one may return. Only day 1 is made year by year: 3,000,000 rows then need little memory.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fakes import made_up_recalls as recalls
from fakes.made_up_edits import EDITS, Edit
from fakes.made_up_ids import USUAL_ROWS, campaign_id, first_free_number, rows_by_year

# How often each happens per day among 30,000 rows; never less than once, and two are added.
ADDED, RETRACTED, MOVED = 12, 3, 1
HELD_BACK = 6  # every sixth addition belongs to the year before
LAST = 366  # days are made from one another: a year of them is enough


class Day(NamedTuple):
    """Tables of rows by report year: the columns as text, and a row number."""

    years: dict[int, pa.Table]
    retracted: dict[int, pa.Table]  # since the day before
    added_so_far: Counter[int]


def years_of_day(rows: int, seed: int, day: int) -> Iterable[tuple[int, pa.Table]]:
    if day == 1:
        return ((year, recalls.recalls_of(rows, seed, year)) for year in rows_by_year(rows))
    return _day(rows, seed, day).years.items()


def reported_on(day: int) -> date:
    """When the reports that a day adds were received."""
    return recalls.LAST_DAY + timedelta(days=day - 1)


@lru_cache(maxsize=8)
def _day(rows: int, seed: int, day: int) -> Day:
    if day == 1 or not rows:
        return Day(dict(years_of_day(rows, seed, 1)), {}, Counter())
    before = _day(rows, seed, day - 1)
    years = dict(before.years)
    draw = _Draw(years, rows, np.random.default_rng([seed, day, rows]))
    retracted = draw.leave(RETRACTED)
    moved = Counter(
        (year, year - 1 if year - 1 in years else year + 1) for year in draw.leave(MOVED).elements()
    )
    edited = [(edit, draw.years(edit.often, edit.since)) for edit in EDITS]

    gone, moving = {}, {}
    for year in {*retracted, *(old for old, _ in moved)}:
        table = years[year]
        order = (
            np.random.default_rng([seed, day, year]).random(table.num_rows).argsort(kind="stable")
        )
        at = retracted[year]
        if at:
            gone[year] = table.take(pa.array(order[:at]))
        for (old, new), n in moved.items():
            if old == year:
                moving[old, new] = table.take(pa.array(order[at : at + n]))
                at += n
        years[year] = table.take(pa.array(np.sort(order[at:])))
    for year in {year for _, drawn in edited for year in drawn}:
        wanted = [(edit, drawn[year]) for edit, drawn in edited]
        years[year] = _edited(years[year], wanted, np.random.default_rng([seed, day, year, 1]))

    added = _added_by_year(rows, day)
    added_so_far = before.added_so_far + added
    arriving: list[tuple[int, pa.Table]] = []
    if day % 2 and before.retracted:
        year = min(before.retracted)
        arriving.append((year, before.retracted[year].slice(0, 1)))
    for year, n in added.items():
        last = first_free_number(rows, year) + added_so_far[year]
        arriving.append((year, _added(rows, seed, day, year, range(last - n, last))))
    arriving += [(new, _redated(table, new)) for (_, new), table in moving.items()]
    for year, table in arriving:
        stay = [years[year]] if year in years else []
        years[year] = pa.concat_tables([*stay, table]).combine_chunks()
    return Day(years, gone, added_so_far)


class _Draw:
    """Lets what happens fall on years by their size."""

    def __init__(self, years: dict[int, pa.Table], rows: int, chance: np.random.Generator) -> None:
        self.sizes = Counter({year: table.num_rows for year, table in years.items()})
        self.rows = rows
        self.chance = chance

    def years(self, often: int, since: int = 0) -> Counter[int]:
        some = [year for year in self.sizes if year >= since]
        ends = np.cumsum([self.sizes[year] for year in some], dtype=int)
        if not some or not ends[-1]:
            return Counter()
        drawn = (self.chance.random() * ends[-1] for _ in range(_times(often, self.rows)))
        return Counter(some[int(np.searchsorted(ends, at, side="right"))] for at in drawn)

    def leave(self, often: int) -> Counter[int]:
        leaving = self.years(often)
        self.sizes.subtract(leaving)
        return leaving


def _times(often: int, rows: int, least: int = 1) -> int:
    return max(least, round(often * rows / USUAL_ROWS))


def _edited(
    table: pa.Table, wanted: list[tuple[Edit, int]], chance: np.random.Generator
) -> pa.Table:
    """Each edit falls on a row of its own."""
    untouched = np.ones(table.num_rows, dtype=bool)
    for edit, n in wanted:
        if not n:
            continue
        values = table[edit.column].to_pylist()
        order = np.argsort(chance.random(len(values)), kind="stable").tolist()
        eligible = [i for i in order if untouched[i] and edit.applies(values[i])]
        for i in eligible[:n]:
            values[i] = edit.change(values[i], chance)
            untouched[i] = False
        index = table.schema.get_field_index(edit.column)
        table = table.set_column(index, edit.column, pa.array(values, pa.string()))
    return table


def _added_by_year(rows: int, day: int) -> Counter[int]:
    newest = reported_on(day).year
    numbers = range(_times(ADDED, rows, least=2))
    return Counter(newest - (n % HELD_BACK == HELD_BACK - 1) for n in numbers)


def _added(rows: int, seed: int, day: int, year: int, campaigns: range) -> pa.Table:
    n = len(campaigns)
    return recalls.make_rows(
        np.random.default_rng([seed, day, year, 2]),
        rows,
        seed,
        # Row numbers of their own, far above those of day 1.
        numbers=np.arange(n) + (day * 10_000 + year) * 1_000_000,
        dates=np.full(n, np.datetime64(min(reported_on(day), date(year, 12, 31)))),
        letters=np.full(n, "V"),
        ids=[campaign_id(year, "V", number) for number in campaigns],
    )


def _redated(table: pa.Table, year: int) -> pa.Table:
    rest = pc.utf8_slice_codeunits(table["report_received_date"], 4)
    dates = pc.binary_join_element_wise(str(year), rest, "")
    dates = pc.replace_substring(dates, "-02-29", "-02-28")
    return table.set_column(0, "report_received_date", dates)

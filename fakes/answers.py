"""Answer a query over the dataset as it stands, making up only the years that it needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fakes.json_rows import body_of
from fakes.matching import REPORTED, holds, values_of, years_of
from fakes.memory import Remembered
from fakes.published import ODD, Published
from fakes.query import Condition, Operand, Query

ROWS_AT_ONCE = 10_000  # bounds the memory of a page of any size
UNDATED = -1  # stands for None in an array of years


@dataclass(frozen=True)
class Places:
    """Where the rows of an answer are: their years, and their places in them."""

    years: np.ndarray[Any, Any]
    places: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.years)

    def __getitem__(self, which: Any) -> Places:
        return Places(self.years[which], self.places[which])


_PLACES = Remembered[Places](64_000_000, lambda kept: kept.years.nbytes + kept.places.nbytes)
_shuffles = itertools.count()


def count(published: Published, where: Condition | None) -> int:
    counts = published.counts()
    possible, certain = years_of(where, counts)
    sure = sum(counts[year] for year in certain)
    return sure + sum(len(_in_year(published, where, y)[1]) for y in possible - certain)


def groups(published: Published, query: Query) -> pa.Table:
    """Rows counted by what the query groups them by."""
    keys = {one.name: one.what for one in query.select if one.what is not None}
    counted = [one.name for one in query.select if one.what is None]
    if not keys:
        rows = count(published, query.where)
        return pa.table({name: pa.array([str(rows)]) for name in counted})
    if query.where is None and list(keys.values()) == [Operand(REPORTED, year=True)]:
        by_year = published.counts()
        found = pa.table({next(iter(keys)): pa.array(list(by_year), pa.int64())})
        totals = pa.array(list(by_year.values()), pa.int64())
    else:
        parts = [_keys_of_year(published, query, keys, year) for year in _years(published, query)]
        rows = pa.concat_tables(parts) if parts else pa.table({name: [] for name in keys})
        grouped = rows.group_by(list(keys)).aggregate([([], "count_all")])
        found, totals = grouped.drop_columns("count_all"), grouped["count_all"]
    for name in counted:
        found = found.append_column(name, totals)
    found = found.select([one.name for one in query.select])
    sorting = [(name, "descending" if down else "ascending") for name, down in query.order]
    if sorting:
        found = found.sort_by(sorting)
    found = found.slice(query.offset, query.limit)
    return pa.table({name: _as_text(found[name]) for name in found.column_names})


def _keys_of_year(
    published: Published, query: Query, keys: dict[str, Operand], year: int | None
) -> pa.Table:
    rows, places = _in_year(published, query.where, year)
    rows = rows.take(pa.array(places))
    types = published.types()
    # Shown as it is written, and only a year as a number.
    return pa.table(
        {
            name: values_of(what, rows, types) if what.year else rows[what.column]
            for name, what in keys.items()
        }
    )


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string())


def places_of(published: Published, query: Query) -> Places:
    """The places of the rows on the page that the query asks for."""
    page = slice(query.offset, query.offset + query.limit)
    if query.is_ordered:
        key = (published, query.where, query.order)
        return _PLACES.get(key, lambda: _ordered(published, query))[page]
    # Rows that the order does not tell apart come in another order each time.
    return _ordered(published, query, np.random.default_rng(next(_shuffles)))[page]


def _years(published: Published, query: Query) -> list[int | None]:
    possible, _ = years_of(query.where, published.counts())
    return sorted(possible, key=lambda year: UNDATED if year is None else year)


def _ordered(
    published: Published, query: Query, shuffle: np.random.Generator | None = None
) -> Places:
    types = published.types()
    years, places, parts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], []
    operands = {one.name: one.what for one in query.select if one.what is not None}
    keys = [(operands.get(name, Operand(name)), down) for name, down in query.order]
    names = [str(number) for number in range(len(keys))]
    counts = published.counts()
    _, certain = years_of(query.where, counts)
    for year in _years(published, query):
        if not keys and year in certain:  # the count is all there is to know
            found = np.arange(counts[year])
        else:
            rows, found = _in_year(published, query.where, year)
        years.append(np.full(len(found), UNDATED if year is None else year, np.int32))
        places.append(found.astype(np.int32))
        if keys:
            values = [values_of(operand, rows, types) for operand, _ in keys]
            parts.append(pa.table(values, names=names).take(pa.array(found)))
    whole = Places(np.concatenate(years), np.concatenate(places))
    order = np.arange(len(whole)) if shuffle is None else shuffle.permutation(len(whole))
    if parts:
        directions = ["descending" if down else "ascending" for _, down in keys]
        sortable = pa.concat_tables(parts).take(pa.array(order))
        by = list(zip(names, directions, strict=True))
        order = order[pc.sort_indices(sortable, sort_keys=by).to_numpy()]
    return whole[order]


def _in_year(
    published: Published, where: Condition | None, year: int | None
) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    rows = published.year(year)
    if where is None or year in years_of(where, [year])[1]:
        return rows, np.arange(rows.num_rows)
    return rows, np.flatnonzero(holds(where, rows, published.types()).to_numpy())


def page_body(published: Published, query: Query, places: Places) -> Iterator[bytes]:
    """The rows at these places as the body of an answer, in pieces."""
    return body_of(_pieces(published, query, places))


def _pieces(
    published: Published, query: Query, places: Places
) -> Iterator[tuple[pa.Table, pa.ChunkedArray | None]]:
    """The page in parts of bounded size, each with how its rows differ in writing."""
    tables: dict[int, pa.Table] = {}
    for start in range(0, len(places), ROWS_AT_ONCE):
        part = places[start : start + ROWS_AT_ONCE]
        needed = np.unique(part.years).tolist()
        tables = {
            year: tables[year] if year in tables else _whole(published, year) for year in needed
        }
        rows = pa.concat_tables(
            [tables[y].take(pa.array(part.places[part.years == y])) for y in needed],
            promote_options="default",
        )
        # The rows lie year by year now; back to the order of the page.
        lying = np.argsort(part.years, kind="stable")
        back = np.empty(len(part), dtype=np.int64)
        back[lying] = np.arange(len(part))
        rows = rows.take(pa.array(back))
        shown = {one.name: _shown(one.what, rows, published) for one in query.select if one.what}
        odd = rows[ODD] if ODD in rows.column_names else None
        yield pa.table(shown), odd


def _whole(published: Published, year: int) -> pa.Table:
    return published.year(None if year == UNDATED else year)


def _shown(what: Operand, rows: pa.Table, published: Published) -> pa.ChunkedArray:
    if what.year:
        return _as_text(values_of(what, rows, published.types()))
    return rows[what.column]

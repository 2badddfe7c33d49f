"""Which report years are read together: neighbors, as many as a batch of rows may hold."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypedDict

from include.errors import PermanentError
from include.vehicle_recalls.contract import DATE
from include.vehicle_recalls.years import FIRST_YEAR


class Years(TypedDict):
    """Neighboring report years; an open end has no bound, so a full read misses no row."""

    label: str  # "1966-2026", for people and keys
    first: int | None
    last: int | None  # inclusive
    undated: bool  # also the rows without a date


def condition(years: Years) -> str | None:
    """The SoQL where-clause of these years; None when it is everything."""
    bounds = []
    if years["first"] is not None:
        bounds.append(f"{DATE} >= '{years['first']:04}-01-01T00:00:00'")
    if years["last"] is not None:
        bounds.append(f"{DATE} < '{years['last'] + 1:04}-01-01T00:00:00'")
    dated = " AND ".join(bounds)
    if years["undated"]:
        return f"({dated}) OR {DATE} IS NULL" if dated else None
    return dated or f"{DATE} IS NOT NULL"


def includes(years: Years, year: int) -> bool:
    return (years["first"] is None or year >= years["first"]) and (
        years["last"] is None or year <= years["last"]
    )


def plan_all(rows_by_year: Mapping[int, int], known: Sequence[int], max_rows: int) -> list[Years]:
    """Every year; open at both ends, so that no row falls between batches."""
    batches = _pack(rows_by_year, known, max_rows)
    batches[0]["first"] = None
    batches[-1] |= {"last": None, "undated": True}
    for before, after in pairwise(batches):
        before["last"] = (after["first"] or FIRST_YEAR) - 1
    return batches


def plan_some(rows_by_year: Mapping[int, int], asked: Sequence[int], max_rows: int) -> list[Years]:
    """Only the years asked for: a batch never spans a year between them."""
    batches: list[Years] = []
    neighbors: list[int] = []
    for year in asked:
        if neighbors and year != neighbors[-1] + 1:
            batches += _pack(rows_by_year, neighbors, max_rows)
            neighbors = []
        neighbors.append(year)
    return batches + _pack(rows_by_year, neighbors, max_rows)


def _pack(rows_by_year: Mapping[int, int], years: Sequence[int], max_rows: int) -> list[Years]:
    groups: list[list[int]] = []
    rows = 0
    for year in years:
        rows += rows_by_year.get(year, 0)
        if not groups or rows > max_rows:
            groups.append([])
            rows = rows_by_year.get(year, 0)
        groups[-1].append(year)
    return [
        Years(label=years_text(group), first=group[0], last=group[-1], undated=False)
        for group in groups
    ]


def single_year(partition_key: str | None, years: Sequence[int]) -> int:
    """The year of a run of `vehicle_recalls_by_year`: its partition, or the one of its form."""
    if not partition_key and len(set(years)) == 1:
        return years[0]
    if not partition_key:
        raise PermanentError(
            f"vehicle_recalls_by_year reads one report year, not {list(years) or 'all'}: start it "
            'from the backfill form, or with {"years": [2019]}'
        )
    if not partition_key.isdecimal() or int(partition_key) < FIRST_YEAR:
        raise PermanentError(
            f"the partition key {partition_key!r} is not a report year; use {FIRST_YEAR} or later"
        )
    return int(partition_key)


def years_text(years: Sequence[int]) -> str:
    """2001, 2003-2005: neighbors together."""
    runs: list[list[int]] = []
    for year in sorted(years):
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)

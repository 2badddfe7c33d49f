"""Which report years are read together: neighbours, as many as a batch of rows may hold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypedDict

from include.vehicle_recalls.contract import FIRST_YEAR


class BatchRef(TypedDict):
    label: str
    first: int | None
    last: int | None
    undated: bool


def plan_all(rows_by_year: dict[int, int], years: Sequence[int], most_rows: int) -> list[BatchRef]:
    """Neighbouring years together; open at both ends, so that no row lies between batches."""
    batches = _pack(rows_by_year, years, most_rows)
    batches[0]["first"] = None
    batches[-1] |= {"last": None, "undated": True}
    for before, after in pairwise(batches):
        before["last"] = (after["first"] or FIRST_YEAR) - 1
    return batches


def plan_some(rows_by_year: dict[int, int], years: Sequence[int], most_rows: int) -> list[BatchRef]:
    """Only the years asked for: a batch never spans a year that was not."""
    batches: list[BatchRef] = []
    run: list[int] = []
    for year in years:
        if run and year != run[-1] + 1:
            batches += _pack(rows_by_year, run, most_rows)
            run = []
        run.append(year)
    return batches + _pack(rows_by_year, run, most_rows)


def _pack(rows_by_year: dict[int, int], years: Sequence[int], most_rows: int) -> list[BatchRef]:
    groups: list[list[int]] = []
    rows = 0
    for year in years:
        rows += rows_by_year.get(year, 0)
        if not groups or rows > most_rows:
            groups.append([])
            rows = rows_by_year.get(year, 0)
        groups[-1].append(year)
    return [
        BatchRef(
            label=str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}",
            first=group[0],
            last=group[-1],
            undated=False,
        )
        for group in groups
    ]

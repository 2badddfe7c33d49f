"""Which campaigns of the made-up recalls are a model's: few have many, and some have none."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fakes.made_up_days import year_of_day
from fakes.made_up_plan import plan

HOW_MANY = (0, 0, 0, 1, 1, 1, 2, 3, 5, 8)  # one of these for each model of a year
UNTIL_YEARS_LATER = 5
TRIES = 8  # for each that is wanted: where there are few campaigns the same come twice


def how_many(seed: int, make: str, model: str, year: int) -> int:
    """Where the years have as many campaigns, and none of these is retracted."""
    return HOW_MANY[number_of(_name(seed, make, model, year)) % len(HOW_MANY)]


def campaigns_of(
    rows: int, seed: int, day: int, make: str, model: str, year: int
) -> list[dict[str, Any]]:
    """The rows of the recalls dataset that are this model's, as that day has them."""
    wanted = how_many(seed, make, model, year)
    counts = plan(rows, seed, 1).counts
    chosen: dict[str, int] = {}
    for attempt in range(wanted * TRIES):
        number = number_of(f"{_name(seed, make, model, year)}/{attempt}")
        reported = year + number % (UNTIL_YEARS_LATER + 1)
        if len(chosen) == wanted or not counts.get(reported):
            continue
        # Chosen on day 1, so that a model keeps its campaigns from day to day.
        first = year_of_day(rows, seed, 1, reported)
        ids = first["nhtsa_id"].filter(pc.equal(first["recall_type"], "Vehicle"))
        if len(ids):
            chosen[ids[number // 7 % len(ids)].as_py()] = reported
    found: list[dict[str, Any]] = []
    for reported in sorted(set(chosen.values()), reverse=True):
        today = year_of_day(rows, seed, day, reported)
        found += today.filter(pc.is_in(today["nhtsa_id"], pa.array(list(chosen)))).to_pylist()
    return found


def number_of(text: str) -> int:
    """A number that is always the same for a text, and looks like chance."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def _name(seed: int, make: str, model: str, year: int) -> str:
    return f"{seed}/{make.casefold()}/{model.casefold()}/{year}"

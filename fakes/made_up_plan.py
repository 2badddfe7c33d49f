"""How many recalls each day adds, retracts, moves and edits, and in which years.

Kept apart from making the rows, so that rows can be counted without any being made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache

import numpy as np

from fakes.made_up_ids import USUAL_ROWS, rows_by_year
from fakes.made_up_recalls import LAST_DAY
from fakes.made_up_words import COMPONENTS, manufacturers

# How often each happens a day among 30,000 rows; never less than once, and two are added.
ADDED, RETRACTED, MOVED = 12, 3, 1
LAST = 366  # days are made from one another: a year of them is enough
HELD_BACK = 6  # one in so many additions belongs to the year before
FINISHED = 99  # percent; what is nearly complete moves no more


@dataclass(frozen=True)
class Edit:
    """One kind of correction: the column, how often, of which values, and what they become."""

    column: str
    often: int
    change: Callable[[str, np.random.Generator], str | None]
    applies: Callable[[str | None], bool] = bool
    since: int = 0


def _flip(flag: str, _: np.random.Generator) -> str:
    return "No" if flag == "Yes" else "Yes"


def _rename(name: str, chance: np.random.Generator) -> str:
    names = manufacturers()
    place = int(chance.random() * len(names))
    return names[place] if names[place] != name else names[place - 1]


def _progress(rate: str, chance: np.random.Generator) -> str:
    return f"{float(rate) + (99.5 - float(rate)) * chance.random() + 0.1:.4g}"


def _name_a_component(_: str, chance: np.random.Generator) -> str:
    return COMPONENTS[int(chance.random() * len(COMPONENTS))]


def _is_unfinished(rate: str | None) -> bool:
    return rate is not None and float(rate) < FINISHED


EDITS = {
    "component_gone": Edit("component", 12, lambda *_: None),
    "completion_moved": Edit("completion_rate", 10, _progress, _is_unfinished, since=2009),
    "remedy_reworded": Edit(
        "corrective_action", 6, lambda old, _: f"{old}  Parts are now available."
    ),
    "do_not_drive_flipped": Edit("do_not_drive", 3, _flip),
    "fire_risk_flipped": Edit("fire_risk_when_parked", 1, _flip),
    "units_changed": Edit(
        "potentially_affected",
        3,
        lambda old, chance: str(int(old) + 1 + int(chance.random() * 5_000)),
    ),
    "manufacturer_renamed": Edit("manufacturer", 2, _rename),
    "subject_reworded": Edit("subject", 1, lambda old, _: f"{old}/FMVSS 571"),
    "component_given": Edit("component", 1, _name_a_component, lambda old: old is None),
}


@dataclass(frozen=True)
class Plan:
    """How many changes a day makes in which year, and the rows a year after it."""

    counts: dict[int, int]
    added_so_far: Counter[int]
    added: Counter[int] = field(default_factory=Counter)
    retracted: Counter[int] = field(default_factory=Counter)
    returned: Counter[int] = field(default_factory=Counter)
    moved: Counter[tuple[int, int]] = field(default_factory=Counter)
    edited: Counter[tuple[int, str]] = field(default_factory=Counter)

    def leaving(self, year: int) -> int:
        return self.retracted[year] + sum(n for (old, _), n in self.moved.items() if old == year)

    @cached_property
    def years(self) -> frozenset[int]:
        """The years with any change."""
        moved = (year for move in self.moved for year in move)
        edited = (year for year, _ in self.edited)
        return frozenset({*self.added, *self.retracted, *self.returned, *moved, *edited})


@lru_cache(maxsize=1_000)
def plan(rows: int, seed: int, day: int) -> Plan:
    if day == 1:
        return Plan(rows_by_year(rows), Counter())
    before = plan(rows, seed, day - 1)
    if not before.counts:
        return before
    today = Plan(dict(before.counts), Counter(before.added_so_far))
    _draw(today, rows, np.random.default_rng([seed, day, rows]))
    newest = reported_on(day).year
    for number in _times(ADDED, rows, least=2):
        year = newest - 1 if number % HELD_BACK == HELD_BACK - 1 else newest
        today.added[year] += 1
        today.added_so_far[year] += 1
    if day % 2 and before.retracted:
        today.returned[min(before.retracted)] += 1
    _count(today)
    return today


def reported_on(day: int) -> date:
    """When the reports that a day adds were received."""
    return LAST_DAY + timedelta(days=day - 1)


def _times(usual: int, rows: int, least: int = 1) -> range:
    return range(max(least, round(usual * rows / USUAL_ROWS)))


def _draw(today: Plan, rows: int, chance: np.random.Generator) -> None:
    """Let what leaves a year, and what is edited, fall on years by their size."""

    def years(usual: int, since: int = 0) -> list[int]:
        drawn = []
        for _ in _times(usual, rows):
            some = [year for year in today.counts if year >= since]
            sizes = np.cumsum([today.counts[year] - today.leaving(year) for year in some])
            if some and sizes[-1]:
                place = np.searchsorted(sizes, chance.random() * sizes[-1], side="right")
                drawn.append(some[int(place)])
        return drawn

    for year in years(RETRACTED):
        today.retracted[year] += 1
    for year in years(MOVED):
        today.moved[year, year - 1 if year - 1 in today.counts else year + 1] += 1
    for kind, edit in EDITS.items():
        for year in years(edit.often, edit.since):
            today.edited[year, kind] += 1


def _count(today: Plan) -> None:
    leaving = {year: today.leaving(year) for year in today.counts}
    changes = Counter(today.added) + Counter(today.returned)
    for (_, new), n in today.moved.items():
        changes[new] += n
    for year in {*today.counts, *changes}:
        today.counts[year] = today.counts.get(year, 0) + changes[year] - leaving.get(year, 0)

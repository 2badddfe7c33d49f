"""The kinds of correction that the publisher makes to recalls it has published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fakes import made_up_words as words

Value = str | None
FINISHED = 99  # percent; what is nearly complete moves no more


def _flipped(flag: str) -> str:
    return "No" if flag == "Yes" else "Yes"


def _renamed(name: str, chance: np.random.Generator) -> str:
    names = words.manufacturers()
    place = int(chance.random() * len(names))
    return names[place] if names[place] != name else names[place - 1]


def _another_component(_: Value, chance: np.random.Generator) -> str:
    return words.COMPONENTS[int(chance.random() * len(words.COMPONENTS))]


def _unfinished(rate: Value) -> bool:
    return rate is not None and float(rate) < FINISHED


def _progressed(rate: str, chance: np.random.Generator) -> str:
    return f"{float(rate) + (99.5 - float(rate)) * chance.random() + 0.1:.4g}"


@dataclass(frozen=True)
class Edit:
    """One kind of correction: the column, how often, of which values, and what they become."""

    column: str
    often: int
    applies: Callable[[Value], bool]
    change: Callable[[str, np.random.Generator], Value]
    since: int = 0


EDITS = {
    "component_gone": Edit("component", 12, bool, lambda _, __: None),
    "completion_moved": Edit("completion_rate", 10, _unfinished, _progressed, since=2009),
    "remedy_reworded": Edit(
        "corrective_action", 6, bool, lambda old, _: f"{old}  Parts are now available."
    ),
    "do_not_drive_flipped": Edit("do_not_drive", 3, bool, lambda old, _: _flipped(old)),
    "fire_risk_flipped": Edit("fire_risk_when_parked", 1, bool, lambda old, _: _flipped(old)),
    "units_changed": Edit(
        "potentially_affected",
        3,
        bool,
        lambda old, chance: str(int(old) + 1 + int(chance.random() * 5_000)),
    ),
    "manufacturer_renamed": Edit("manufacturer", 2, bool, _renamed),
    "subject_reworded": Edit("subject", 1, bool, lambda old, _: f"{old}/FMVSS 571"),
    "component_given": Edit("component", 1, lambda old: old is None, _another_component),
}

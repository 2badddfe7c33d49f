"""The kinds of corrections that the publisher makes to recalls, and how often each is made."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fakes.made_up_words import COMPONENTS, manufacturers

FINISHED = 99  # percent; what is nearly complete moves no more


class Edit(NamedTuple):
    """The column, how often a day among 30,000 rows, of which values, and what they become."""

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


def _more_units(units: str, chance: np.random.Generator) -> str:
    return str(int(units) + 1 + int(chance.random() * 5_000))


def _name_a_component(_: str, chance: np.random.Generator) -> str:
    return COMPONENTS[int(chance.random() * len(COMPONENTS))]


def _is_unfinished(rate: str | None) -> bool:
    return rate is not None and float(rate) < FINISHED


EDITS = (
    Edit("component", 12, lambda *_: None),
    Edit("completion_rate", 10, _progress, _is_unfinished, since=2009),
    Edit("corrective_action", 6, lambda old, _: f"{old}  Parts are now available."),
    Edit("do_not_drive", 3, _flip),
    Edit("fire_risk_when_parked", 1, _flip),
    Edit("potentially_affected", 3, _more_units),
    Edit("manufacturer", 2, _rename),
    Edit("subject", 1, lambda old, _: f"{old}/FMVSS 571"),
    Edit("component", 1, _name_a_component, lambda old: old is None),
)

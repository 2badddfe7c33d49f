"""How many recalls each report year has, and the campaign numbers that they bear."""

from typing import Any

import numpy as np

from fakes.made_up_words import RECALLS

FIRST_YEAR, LAST_YEAR = 1966, 2026
USUAL_ROWS = 30_000
TYPE_OF_LETTER = {"V": "Vehicle", "E": "Equipment", "T": "Tire", "C": "Child Seat", "I": "Vehicle"}
_OTHERS = {"E": 0.08, "T": 0.015, "C": 0.01, "I": 0.002}  # shares; the rest is V
_STRAYS = 80 / USUAL_ROWS  # rows whose date is of another year than their id
_ODD_YEAR, _ODD_LETTERS = 2021, "ABCDEFGHJK"  # ten ids such as 21V00A000


def rows_by_year(rows: int) -> dict[int, int]:
    """How many of `rows` each report year has; years without any are left out."""
    shape = np.array(RECALLS["rows_by_year"])
    shares = shape * (rows / shape.sum())
    counts = np.floor(shares).astype(int)
    largest_rests = np.argsort(counts - shares, kind="stable")
    counts[largest_rests[: rows - counts.sum()]] += 1
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    return {year: int(n) for year, n in zip(years, counts, strict=True) if n}


def campaign_id(year: int, letter: str, number: int) -> str:
    """Nine characters: 24V436000 is number 436; from 1,000 on the last three count too."""
    return f"{year % 100:02d}{letter}{number % 1000:03d}{number // 1000:03d}"


def first_free_number(rows: int, year: int) -> int:
    """The lowest campaign number of a year that no row of day 1 has."""
    counts = rows_by_year(rows)
    late, early = _strays(counts, year + 1)[0], _strays(counts, year - 1)[1]
    return _vehicles(counts.get(year, 0)) + late + early + 1


def letters_of(chance: np.random.Generator, n: int) -> np.ndarray[Any, Any]:
    others = "".join(letter * int(n * share) for letter, share in _OTHERS.items())
    letters = np.array(list(others.ljust(n, "V")), dtype="U1")
    return letters[np.argsort(chance.random(n), kind="stable")]


def ids_of(counts: dict[int, int], year: int, letters: np.ndarray[Any, Any]) -> list[str]:
    """Numbered by date within each letter; a few of early January and late December stray."""
    following = dict.fromkeys(TYPE_OF_LETTER, 0)
    ids = []
    for letter in letters.tolist():
        following[letter] += 1
        ids.append(campaign_id(year, letter, following[letter]))
    vehicles = np.flatnonzero(letters == "V")
    late, early = _strays(counts, year)
    if late + early > len(vehicles):
        late = early = 0
    before, after = _vehicles(counts.get(year - 1, 0)), _vehicles(counts.get(year + 1, 0))
    for k, row in enumerate(vehicles[:late]):
        ids[row] = campaign_id(year - 1, "V", before + k + 1)
    late_of_next = _strays(counts, year + 2)[0]
    for k, row in enumerate(vehicles[len(vehicles) - early :]):
        ids[row] = campaign_id(year + 1, "V", after + late_of_next + k + 1)
    if year == _ODD_YEAR:
        for letter, row in zip(_ODD_LETTERS, vehicles[late:], strict=False):
            ids[row] = f"{year % 100}V00{letter}000"
    return ids


def _vehicles(n: int) -> int:
    return n - sum(int(n * share) for share in _OTHERS.values())


def _strays(counts: dict[int, int], year: int) -> tuple[int, int]:
    """How many rows of a report year have an id of the year before, and of the year after."""
    n = counts.get(year, 0)
    expected = n * _STRAYS + (year * 0.618) % 1  # spread what is less than one row
    late = int(expected * 0.7) if year - 1 in counts else 0
    early = int(expected) - late if year + 1 in counts else 0
    return late, early

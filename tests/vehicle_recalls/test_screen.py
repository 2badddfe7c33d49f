"""Text for people: what is cut, what is escaped, what is aligned."""

from __future__ import annotations

import pytest

from include.first.screen import printable
from include.vehicle_recalls.screen import aligned, fitted, moved, wrapped


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, "(none)"),
        ("", "(empty)"),
        (True, "true"),
        (61.5, "61.5"),
        ("bell\x07 line\nend", "bell\\x07 line\\x0aend"),
        ("\u202eright to left", "\\x202eright to left"),
        ("Citroën", "Citroën"),
    ],
)
def test_every_value_can_be_seen(value: object, seen: str):
    """Nothing, no text, and what a terminal would obey are all spelled out."""
    assert printable(value) == seen


def test_short_changes_are_whole():
    """What fits is not touched."""
    assert moved("61.5", "70", 20) == "61.5 -> 70"
    assert moved(None, "", 20) == "(none) -> (empty)"


@pytest.mark.parametrize("width", range(50, 100, 7))
def test_long_changes_begin_where_they_differ(width: int):
    """The sameness before is left out, and both sides show what is different."""
    same = "The owner may call the dealer on a day of the week. " * 3
    told = moved(same + "ONE way", same + "TWO ways", width)
    assert len(told) <= width
    before, after = told.split(" -> ")
    assert "ONE" in before
    assert "TWO" in after


def test_a_text_that_goes_on():
    """Where the old text is the beginning of the new one, its end and what follows are shown."""
    same = "x" * 200
    assert moved(same, same + " and more", 60) == f"...{'x' * 12} -> ...{'x' * 12} and more"


def test_a_long_text_beside_a_short_one():
    """The short one is whole, and the long one has the rest of the line."""
    told = moved("y" * 200, None, 60)
    assert told == "y" * 47 + "... -> (none)"
    assert len(told) == 60


def test_what_does_not_fit_is_cut():
    """The cut is marked, and counts."""
    assert fitted("a" * 20, 20) == "a" * 20
    assert fitted("a" * 21, 20) == "a" * 17 + "..."


def test_numbers_stand_to_the_right():
    """Columns of numbers are aligned at their end, others at their beginning."""
    assert list(aligned(["id", "open"], [["a", "1,000"], ["bcd", "5"]], 80)) == [
        "id    open",
        "a    1,000",
        "bcd      5",
    ]


@pytest.mark.parametrize("width", [28, 34, 60])
def test_what_differs_has_the_room(width: int):
    """However little there is, what was added, or is in the middle, can be seen."""
    same = "The remedy is planned to begin on November 12, 2023. "
    assert moved(same, same + "Parts are out.", width).endswith("Parts are out.")
    inside = moved(same + "old" + same, same + "newer" + same, width)
    before, after = inside.split(" -> ")
    assert "old" in before
    assert "newer" in after
    assert len(inside) <= width


@pytest.mark.parametrize("text", ["one word after another " * 9 + "end", " ", "x" * 200])
def test_wrapping_loses_nothing(text: str):
    """Every character that is not a space is on one of the lines."""
    lines = wrapped(text, 40)
    assert max(map(len, lines)) <= 40
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert lines

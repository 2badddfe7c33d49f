"""Text for people: on one line, no wider than the terminal, and nothing that it would obey."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from include.first.screen import printable

ARROW = " -> "
CUT = "..."
SAME_SHOWN = 12  # characters on either side of what differs
LEAST_WIDTH, LEAST_WRAPPED = 12, 30


def fitted(text: str, width: int) -> str:
    width = max(width, LEAST_WIDTH)
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def moved(old: str | None, new: str | None, width: int) -> str:
    """Old -> new; where that is too long, what differs, with as much beside it as there is room."""
    before, after = printable(old), printable(new)
    room = width - len(ARROW)
    if len(before) + len(after) > room:
        start = _same(before, after)
        end = _same(before[start:][::-1], after[start:][::-1])
        for beside in range(SAME_SHOWN, -1, -1):
            sides = [_around(text, start, len(text) - end, beside) for text in (before, after)]
            if sum(map(len, sides)) <= room:
                break
        before, after = sides
        before = fitted(before, max(room // 2, room - len(after)))
        after = fitted(after, room - len(before))
    return before + ARROW + after


def _same(one: str, other: str) -> int:
    """How many characters they begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, start: int, end: int, beside: int) -> str:
    """One part of a text and some characters before and behind it, the cuts marked."""
    first, last = max(start - beside, 0), min(end + beside, len(text))
    return (CUT if first else "") + (
        text[first:last] + CUT if first < last < len(text) else text[first:last]
    )


def wrapped(text: str, width: int) -> list[str]:
    """All of a text, on as many lines as it takes."""
    return textwrap.wrap(text, max(width, LEAST_WRAPPED), break_on_hyphens=False) or [text]


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns under their heads: numbers to the right, and the last cut where the line ends."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    numbers = [all(_is_number(row[at]) for row in rows) for at in range(len(heads))]
    for row in [heads, *rows]:
        cells = zip(row, widths, numbers, strict=True)
        line = "  ".join(t.rjust(w) if number else t.ljust(w) for t, w, number in cells)
        yield fitted(line.rstrip(), width)


def _is_number(text: str) -> bool:
    return not text.strip("-+0123456789.,%")


def years_told(years: Iterable[int]) -> str:
    """2001, 2003-2005: neighbours together."""
    runs: list[list[int]] = []
    for year in sorted(years):
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)

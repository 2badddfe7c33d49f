"""Text for people: on one line, no wider than the terminal, and nothing that it would obey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

ARROW = " -> "
CUT = "..."
SAME_SHOWN = 12  # characters before the first that differs
LEAST_WIDTH = 12


def printable(value: object) -> str:
    """The source has control characters, nulls and empty texts; each can be seen."""
    if value is None:
        return "(none)"
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return str(value).lower()  # as the ledger spells it
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))


def fitted(text: str, width: int) -> str:
    width = max(width, LEAST_WIDTH)
    return text if len(text) <= width else text[: width - len(CUT)] + CUT


def moved(old: str | None, new: str | None, width: int) -> str:
    """Old -> new; where that is too long, from where they begin to differ."""
    before, after = printable(old), printable(new)
    room = width - len(ARROW)
    if len(before) + len(after) > room:
        pairs = enumerate(zip(before, after, strict=False))
        shorter = min(len(before), len(after))
        differ = next((at for at, (one, other) in pairs if one != other), shorter)
        if (same := differ - SAME_SHOWN) > 0:
            before, after = CUT + before[same:], CUT + after[same:]
        before = fitted(before, max(room // 2, room - len(after)))
        after = fitted(after, room - len(before))
    return before + ARROW + after


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

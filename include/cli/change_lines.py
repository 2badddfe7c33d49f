"""Changes as lines for people: version by version, a row or a field a line."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import pyarrow as pa

from include.cli.output import ARROW, fitted, minute
from include.data.contract import Dataset
from include.data.diff import EDITED, EVENTS, RETRACTED
from include.data.formatting import count, printable

EVENT_WIDTH = max(map(len, EVENTS))
SAME_SHOWN = 12  # characters on either side of a difference
MAX_VALUES = 6  # of a row that was published or retracted


def change_lines(dataset: Dataset, tables: Iterable[pa.Table], width: int) -> Iterator[str]:
    """Lines version by version, and a last one that counts."""
    rows_of: Counter[str] = Counter()
    fields = versions = 0
    for table in tables:
        rows = table.to_pylist()
        versions += 1
        yield f"version {rows[0]['version']}, read {minute(rows[0]['observed_at'])} UTC"
        for (key, event), group in groupby(rows, itemgetter(dataset.key, "event")):
            events = list(group)
            rows_of[event] += 1
            fields += len(events) if event == EDITED else 0
            start = f"  {printable(key)}  {event:<{EVENT_WIDTH}}  "
            yield from (start + line for line in event_lines(dataset, events, width - len(start)))
        yield ""
    if not versions:
        yield "nothing found: the ledger has no such change"
        return
    edits = f" ({count(fields, 'field')})"
    counts = [f"{rows_of[e]:,} {e}{edits if e == EDITED else ''}" for e in EVENTS if rows_of[e]]
    yield f"{', '.join(counts)}; {count(versions, 'version')}"


def event_lines(dataset: Dataset, events: list[dict[str, Any]], width: int) -> Iterator[str]:
    """One version of one row: a line for each field edited, else one line for the whole row."""
    if events[0]["event"] == EDITED:
        for event in events:
            name = f"{event['field']}: "
            yield fitted(name + difference(event["old"], event["new"], width - len(name)), width)
        return
    side = "old" if events[0]["event"] == RETRACTED else "new"
    values = {event["field"]: event[side] for event in events if event["field"] != dataset.key}
    shown = [n for n in dataset.business_columns if values.get(n) not in {None, "false"}]
    text = ", ".join(f"{name} {printable(values[name])}" for name in islice(shown, MAX_VALUES))
    yield fitted(text or "no other value", width)


def difference(old: str | None, new: str | None, width: int) -> str:
    """Old -> new; where that is too long, the part that differs and some text around it."""
    before, after = printable(old), printable(new)
    if len(before) + len(after) + len(ARROW) > width:
        start = _common(before, after)
        end = _common(before[start:][::-1], after[start:][::-1])
        before, after = (_around(text, start, len(text) - end) for text in (before, after))
    return before + ARROW + after


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, start: int, end: int) -> str:
    first, last = max(start - SAME_SHOWN, 0), min(end + SAME_SHOWN, len(text))
    return ("..." if first else "") + text[first:last] + ("..." if last < len(text) else "")

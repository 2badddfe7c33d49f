"""What a version of the ledger says of a recall, in lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from include.first.ledger import EDITED, EVENTS, RETRACTED
from include.first.screen import printable
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.screen import fitted, minute, moved

KEY = CONTRACT.key
MANUFACTURER = "manufacturer"
TITLE = (MANUFACTURER, "subject")
FLAGS = {field.name for field in CONTRACT.schema if pa.types.is_boolean(field.type)}
FALSE = "false"  # as the ledger spells it
EVENT_WIDTH = max(map(len, EVENTS))
NAME_WIDTHS = (12, 24)  # of the manufacturer; with less it tells nothing
CHANGE_WIDTH = 58  # number, event and what changed, before there is room for more
Row = dict[str, Any]


def shown(
    found: Iterable[pa.Table],
    width: int,
    *,
    maker: Callable[[str], str] | None = None,
    nothing: Callable[[], str] = lambda: "the ledger has no such change",
    all_flags: bool = False,
) -> Iterator[str]:
    """Lines version by version, and a last one that counts.

    `maker` names the manufacturer of a recall. Every new recall has flags, and nearly all are
    false: where nothing else of it was asked for, it is counted and not shown, unless `all_flags`.
    """
    recalls: Counter[str] = Counter()
    fields = versions = hidden = 0
    for table in found:
        rows = table.to_pylist()
        versions += 1
        head = [f"version {rows[0]['version']}, read {minute(rows[0]['observed_at'])} UTC"]
        for (key, event), of_one in groupby(rows, itemgetter(KEY, "event")):
            told = list(of_one)
            recalls[event] += 1
            fields += len(told) if event == EDITED else 0
            if not all_flags and _says_only_false(event, told):
                hidden += 1
                continue
            yield from head
            head = []
            start = f"  {printable(key)}  "
            name_width = min(width - CHANGE_WIDTH, NAME_WIDTHS[1])
            named = maker is not None and name_width >= NAME_WIDTHS[0]
            if maker and named:
                then = {} if event == EDITED else _values(event, told)
                name = fitted(printable(then.get(MANUFACTURER) or maker(key)), name_width)
                start += f"{name:<{name_width}}  "
            for line in of_recall(event, told, width - len(start), named=named):
                yield start + line
        if not head:
            yield ""
    if not versions:
        yield f"nothing found: {nothing()}"
        return
    edits = f" ({_counted(fields, 'field')})"
    counted = [
        f"{recalls[event]:,} {event}{edits if event == EDITED else ''}"
        for event in EVENTS
        if recalls[event]
    ]
    unseen = f"; {hidden:,} of them not shown: all that was asked for is false" if hidden else ""
    yield f"{', '.join(counted)}; {_counted(versions, 'version')}{unseen}"


def of_recall(event: str, rows: list[Row], width: int, *, named: bool) -> Iterator[str]:
    """One version's word on one recall: a line for each field edited, else one line for all."""
    head = f"{event:<{EVENT_WIDTH}}  "
    if event == EDITED:
        for row in rows:
            what = f"{head}{row['field']}: "
            yield fitted(what + moved(row["old"], row["new"], width - len(what)), width)
    else:
        yield fitted(head + in_short(event, rows, named=named), width)


def in_short(event: str, rows: list[Row], *, named: bool = False) -> str:
    """A whole recall: its title, or what was asked for of it, without false flags beside others.

    Where it is `named`, its manufacturer is on the line already.
    """
    values = _values(event, rows)
    title = [printable(values[name]) for name in TITLE if name in values]
    if len(title) == len(TITLE):
        return title[-1] if named else ": ".join(title)
    if len(title) == len(values):
        return ": ".join(title)
    said = {name: value for name, value in values.items() if not _is_false(name, value)}
    return ", ".join(f"{name} {printable(value)}" for name, value in (said or values).items())


def _values(event: str, rows: list[Row]) -> dict[str, str]:
    return {row["field"]: row["old" if event == RETRACTED else "new"] for row in rows}


def _says_only_false(event: str, rows: list[Row]) -> bool:
    return event != EDITED and all(_is_false(*field) for field in _values(event, rows).items())


def _is_false(field: str, value: str) -> bool:
    return field in FLAGS and value == FALSE


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what if number == 1 else what + 's'}"

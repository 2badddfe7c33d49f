"""One recall's life: since when it is known, every change of it, and how it is now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow.compute as pc

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.first.ledger import EDITED, PUBLISHED, YEAR
from include.first.screen import printable
from include.vehicle_recalls.commands.asking import (
    add_format,
    campaign,
    option,
    recorded,
    spellings,
)
from include.vehicle_recalls.commands.changes import changes
from include.vehicle_recalls.commands.formats import TABLE, Output, told
from include.vehicle_recalls.commands.lines import EVENT_WIDTH, TITLE, in_short
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT, FIRST_YEAR
from include.vehicle_recalls.screen import ARROW, minute, wrapped
from include.vehicle_recalls.state import YearState, year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
MARK = ARROW.lstrip()


class Life(NamedTuple):
    nhtsa_id: str
    baseline: int | None  # the version that it was in from the start; None: it came later
    since: datetime | None  # when that version, or the one that published it, was read
    changes: list[dict[str, Any]]  # rows of the ledger
    now: dict[str, Any] | None  # the business columns and the year; None: it is gone
    version: int  # of the table now
    observed_at: datetime


def history(lake: Lake, nhtsa_id: str) -> Life:
    """All that the ledger and the table know of one campaign."""
    spelled = spellings(nhtsa_id)
    for key in spelled:
        if life := _life(lake, key):
            return life
    raise PermanentError(
        f"{printable(spelled[-1])} is not in s3://{lake.bucket}/{KEYS.table}, and the ledger has "
        "never heard of it; look for the number at https://www.nhtsa.gov/recalls"
    )


def _life(lake: Lake, key: str) -> Life | None:
    rows = [
        row
        for table in changes(lake, nhtsa_ids=[key])
        for row in table.filter(pc.equal(table[KEY], key)).to_pylist()
    ]
    head = lake.head(KEYS.table)
    now = _row(lake, year_states(head.receipt), key, rows[-1][YEAR] if rows else _year_in(key))
    if not rows and now is None:
        return None
    baseline, since = _beginning(lake, head, rows)
    return Life(key, baseline, since, rows, now, head.receipt_version, _observed(head.receipt))


def _beginning(
    lake: Lake, head: Head, rows: list[dict[str, Any]]
) -> tuple[int | None, datetime | None]:
    """What the ledger does not tell of was there in the baseline that it began with."""
    if rows and rows[0]["event"] == PUBLISHED:
        return None, rows[0]["observed_at"]
    then = lake.receipt(KEYS.table, rows[0]["version"]) if rows else head.receipt
    baseline: int | None = then.get("baseline")
    if baseline is None:
        return None, None
    return baseline, _observed(lake.receipt(KEYS.table, baseline))


def _observed(receipt: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(receipt["observed_at"])


def _row(
    lake: Lake, years: Mapping[int, YearState], key: str, likely: int
) -> dict[str, Any] | None:
    for some in ({likely} & years.keys(), years.keys() - {likely}):
        rows = read_years(lake, {year: years[year] for year in some}, CONTRACT.business_columns)
        if found := rows.filter(pc.equal(rows[KEY], key)).to_pylist():
            row: dict[str, Any] = found[0]
            return row
    return None


def _year_in(key: str) -> int:
    """The year that a campaign number begins with, of which most reports are."""
    if not key[:2].isascii() or not key[:2].isdigit():
        return FIRST_YEAR
    year = int(key[:2])
    return year + (1900 if year >= FIRST_YEAR % 100 else 2000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "nhtsa_id", type=option(campaign), metavar="NHTSA_ID", help="such as 24V436000"
    )
    add_format(parser, (TABLE, "json"))


def command(lake: Lake, asked: argparse.Namespace, output: Output) -> int:
    recorded(lake, output.note)
    life = history(lake, asked.nhtsa_id)
    if asked.format == TABLE:
        for line in shown(life, output.width):
            output(line)
    else:
        output(json.dumps(life._asdict(), default=told, indent=2))
    return 0


def shown(life: Life, width: int) -> Iterator[str]:
    yield from wrapped(": ".join([printable(life.nhtsa_id), *_title(life)]), width)
    yield ""
    if life.baseline is not None and life.since:
        yield f"{_when(life.baseline, life.since)}in the baseline, from which the ledger goes on"
    elif life.since is None:
        yield "in the table; the ledger begins with the first read of all years, which is to come"
    for (version, event), rows in groupby(life.changes, itemgetter("version", "event")):
        told = list(rows)
        margin = _when(version, told[0]["observed_at"])
        for line in _in_full(event, told, width - len(margin)):
            yield margin + line
            margin = " " * len(margin)
    yield ""
    when = f"version {life.version}, read {minute(life.observed_at)} UTC"
    if life.now is None:
        yield f"Now ({when}) it is gone."
        return
    yield f"Now ({when}), a recall of {life.now[YEAR]}:"
    for name in CONTRACT.business_columns:
        margin = f"  {name:<{max(map(len, CONTRACT.business_columns))}}  "
        for line in wrapped(printable(life.now[name]), width - len(margin)):
            yield margin + line
            margin = " " * len(margin)


def _in_full(event: str, rows: list[dict[str, Any]], width: int) -> Iterator[str]:
    """As of_recall tells it, with nothing cut: old and new begin lines where one is too short."""
    head = f"{event:<{EVENT_WIDTH}}  "
    for text in map(_edit, rows) if event == EDITED else [(in_short(event, rows),)]:
        whole = ARROW.join(text)
        parts = [whole] if len(head + whole) <= width else [text[0], *(MARK + t for t in text[1:])]
        start = head
        for part in parts:
            for line in wrapped(part, width - len(head)):
                yield start + line
                start = " " * len(head)


def _edit(row: dict[str, Any]) -> tuple[str, str]:
    return f"{row['field']}: {printable(row['old'])}", printable(row["new"])


def _when(version: int, moment: datetime) -> str:
    return f"version {version:<5} {minute(moment)}  "


def _title(life: Life) -> list[str]:
    """Manufacturer and subject, as they are now or were last."""
    last = {row["field"]: row["old"] if row["new"] is None else row["new"] for row in life.changes}
    row = last if life.now is None else life.now
    return [printable(row[name]) for name in TITLE if row.get(name) is not None]

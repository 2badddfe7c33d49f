"""The recalls dataset as it stands on a day of one made-up source, with what is wrong with it.

Each is a table of SQLite that spills to disk, so that 3,000,000 rows need little memory.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fakes.made_up_days import years_of_day
from fakes.made_up_ids import rows_by_year
from fakes.soql import TYPES

FIRST_REFRESH = datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
REPORTED = "report_received_date"
A_DAY = re.compile(r"\d{4}-\d\d-\d\dT")
Row = dict[str, Any]
# What `dirty` puts in place of a column's value, which it is given.
DIRT: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "bad_date": (REPORTED, lambda _: "sometime in spring"),
    "missing_date": (REPORTED, lambda _: None),
    "missing_key": ("nhtsa_id", lambda _: None),
    "wrong_type": ("potentially_affected", lambda _: "many"),
    "negative_number": ("potentially_affected", lambda _: "-5"),
    "completion_over_100": ("completion_rate", lambda _: "130.5"),
    "link_as_string": ("recall_link", lambda link: link["url"]),
    "json_number": ("potentially_affected", lambda number: number and int(number)),
    "duplicate_key": (":id", lambda row_id: row_id),  # and one more row of another id
}
_making = Lock()


class Source(NamedTuple):
    """One made-up source on a day; what was made from it is remembered."""

    rows: int
    seed: int
    day: int
    dirt: tuple[tuple[tuple[str, Any], ...], ...] = ()  # the options of each `dirty`
    is_empty: bool = False

    @property
    def refreshed(self) -> datetime:
        return FIRST_REFRESH + timedelta(days=self.day - 1)

    def table(self) -> sqlite3.Connection:
        """The table `recalls`, each row with its JSON; each thread may read it."""
        with _making:
            return _made(self)


@lru_cache(maxsize=4)
def _made(source: Source) -> sqlite3.Connection:
    # Without a name: a file that SQLite makes once its cache is full, and deletes at the end.
    table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    table.execute("PRAGMA cache_size = -65536")  # kB
    table.execute("PRAGMA journal_mode = OFF")
    table.execute(f'CREATE TABLE recalls (":id", nhtsa_id, {REPORTED}, row)')
    for year, made in () if source.is_empty else years_of_day(*source[:3]):
        rows = list(_rows(made, source))
        _soil(rows, year, source)
        table.execute("BEGIN")
        table.executemany("INSERT INTO recalls VALUES (?, ?, ?, ?)", map(_stored, rows))
        table.execute("COMMIT")
    table.execute(f'CREATE INDEX by_date ON recalls ({REPORTED}, nhtsa_id, ":id")')
    return table


def _rows(made: pa.Table, source: Source) -> Iterator[Row]:
    moment = f"{source.refreshed:%Y-%m-%dT%H:%M:%S}.000Z"
    # The publisher's row ids and versions: all of them new at every refresh.
    numbers, salt = made["number"].to_numpy(), 2 * source.day
    ids = _tags("row-", numbers, source.seed, salt)
    versions = _tags("rv-", numbers, source.seed, salt + 1)
    for row_id, version, row in zip(ids, versions, made.to_pylist(), strict=True):
        row |= {":id": row_id, ":version": version, ":created_at": moment, ":updated_at": moment}
        row["recall_link"] = {"url": row["recall_link"], "description": "Go to Recall"}
        yield {name: row[name] for name in TYPES}


def _soil(rows: list[Row], year: int, source: Source) -> None:
    """Each kind of dirt falls on rows of its own, in the fullest year unless it names another."""
    counts = rows_by_year(source.rows)
    fullest, first = max(counts, key=lambda year: counts[year], default=0), 0
    for options in map(dict, source.dirt):
        if options.get("year", fullest) != year:
            continue
        column, change = DIRT[options["which"]]
        hit = rows[first : first + options.get("rows", 3)]
        first += len(hit)
        for row in hit:
            row[column] = change(row[column])
            if options["which"] == "duplicate_key":
                rows.append(row | {":id": f"{row[':id']}-again"})


def _stored(row: Row) -> tuple[str | None, ...]:
    """The columns that questions are about; a date that cannot be read is null to them."""
    reported = row[REPORTED]
    day = reported if reported and A_DAY.match(reported) else None
    given = {name: value for name, value in row.items() if value is not None}
    written = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return row[":id"], row["nhtsa_id"], day, written


def _tags(prefix: str, numbers: Any, seed: int, salt: int) -> list[str]:
    """A name such as row-yphs-79ie-e2dv for each number; distinct numbers, distinct names."""
    mixed = numbers.astype(np.uint64) + np.uint64((seed * 1_000_003 + salt) % 2**32 << 31)
    # splitmix64: the usual way to make neighbors look unrelated
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    alphabet = np.frombuffer(b"23456789abcdefghijkmnpqrstuvwxyz", dtype="S1")
    digits = (mixed[:, None] >> np.arange(0, 60, 5, dtype=np.uint64)) & np.uint64(31)
    names = np.ascontiguousarray(alphabet[digits]).view("S12")[:, 0].astype(str).tolist()
    return [f"{prefix}{name[:4]}-{name[4:8]}-{name[8:]}" for name in names]

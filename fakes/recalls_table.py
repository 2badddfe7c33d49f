"""The recalls dataset as it stands on a day of one made-up source, with what is wrong with it.

Each is a table of SQLite that spills to disk, so that 3,000,000 rows need little memory.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from fakes.made_up_days import years_of_day
from fakes.soql import TYPES, quoted, typed

FIRST_REFRESH = datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
REPORTED = "report_received_date"
URL = "json_extract(CAST(recall_link AS TEXT), '$.url')"
# What `dirty` puts in place of a column's value, in SQL; a blob travels as the JSON it is.
DIRT = {
    "bad_date": (REPORTED, "'sometime in spring'"),
    "missing_date": (REPORTED, "NULL"),
    "missing_key": ("nhtsa_id", "NULL"),
    "wrong_type": ("potentially_affected", "'many'"),
    "negative_number": ("potentially_affected", "'-5'"),
    "completion_over_100": ("completion_rate", "'130.5'"),
    "link_as_string": ("recall_link", f"CAST(json_quote({URL}) AS BLOB)"),
    "json_number": ("potentially_affected", "CAST(potentially_affected AS BLOB)"),
    "duplicate_key": (":id", ""),  # one more row
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
        """The table `recalls`; each thread may read it."""
        with _making:
            return _made(self)


@lru_cache(maxsize=4)
def _made(source: Source) -> sqlite3.Connection:
    # Without a name: a file that SQLite makes once its cache is full, and deletes at the end.
    table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    table.execute("PRAGMA cache_size = -65536")  # kB
    table.execute("PRAGMA journal_mode = OFF")
    table.execute(f"CREATE TABLE recalls ({', '.join(map(quoted, TYPES))})")
    if not source.is_empty:
        _soil(table, source, _fill(table, source))
    table.execute(f'CREATE INDEX by_date ON recalls ({typed(REPORTED)}, nhtsa_id, ":id")')
    return table


def _fill(table: sqlite3.Connection, source: Source) -> dict[int, range]:
    """Insert year by year; say where the rows of each are."""
    written = dict.fromkeys(TYPES, "?")
    moment = f"'{source.refreshed:%Y-%m-%dT%H:%M:%S}.000Z'"
    link = """'{"url":' || json_quote(?) || ',"description":"Go to Recall"}'"""
    written |= {
        ":created_at": moment,
        ":updated_at": moment,
        "recall_link": f"CAST({link} AS BLOB)",
    }
    insert = f"INSERT INTO recalls VALUES ({', '.join(written.values())})"
    where, first = {}, 1
    for year, made in years_of_day(source.rows, source.seed, source.day):
        system = system_columns(made["number"].to_numpy(), source)
        names = [name for name in TYPES if not name.startswith(":")]
        table.execute("BEGIN")
        columns = (made[name].to_pylist() for name in names)
        table.executemany(insert, zip(*system, *columns, strict=True))
        table.execute("COMMIT")
        where[year] = range(first, first + made.num_rows)
        first += made.num_rows
    return where


def _soil(table: sqlite3.Connection, source: Source, where: dict[int, range]) -> None:
    """Each kind of dirt falls on rows of its own, in the fullest year unless it names another."""
    fullest = max(where, key=lambda year: len(where[year]), default=0)
    clean = dict(where)
    for options in map(dict, source.dirt):
        year, n = options.get("year", fullest), options.get("rows", 3)
        hit, clean[year] = clean.get(year, range(0))[:n], clean.get(year, range(0))[n:]
        column, value = DIRT[options["which"]]
        for row in hit:
            if options["which"] != "duplicate_key":
                table.execute(f"UPDATE recalls SET {quoted(column)} = {value} WHERE rowid = {row}")
                continue
            ids = [values[0] for values in system_columns(np.array([row + 2**50]), source)]
            rest = ", ".join(quoted(name) for name in TYPES if name not in (":id", ":version"))
            table.execute(
                f'INSERT INTO recalls (":id", ":version", {rest}) SELECT ?, ?, {rest} FROM recalls '
                f"WHERE rowid = {row}",
                ids,
            )


def system_columns(numbers: Any, source: Source) -> tuple[list[str], list[str]]:
    """The publisher's row ids and versions: all of them new at every refresh."""
    salt = 2 * source.day
    return _tags("row-", numbers, source.seed, salt), _tags("rv-", numbers, source.seed, salt + 1)


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

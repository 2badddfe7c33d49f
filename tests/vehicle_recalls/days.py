"""Three days of a source of six recalls, and what a run that nothing disturbs leaves of each.

A day edits, moves, retracts and adds a few, so that a run has some calls of every kind.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from deltalake import DeltaTable

from fakes.control import Control
from include.first.lake import Lake
from include.vehicle_recalls.commands.verify import verify
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import year_states
from tests.faulty_s3 import Call
from tests.vehicle_recalls.evidence import KEYS

ROWS, SEED = 6, 3
FIRST_DAY = datetime(2026, 7, 1, 10, tzinfo=UTC)
TABLE_LOG, LEDGER_LOG = f"{KEYS.table}/_delta_log/", f"{KEYS.ledger}/_delta_log/"
NAMES_OF_ITS_OWN = re.compile(rb"\d{8}T\d{6}-[0-9a-f]{8}|s3://[^/]+/")
Rows = dict[str, tuple[Any, ...]]
Plain = tuple[str, dict[str, str]]  # the content, and what it was made from


@dataclass(frozen=True)
class Day:
    """What readers find, whichever way they read."""

    rows: Rows  # the table, through Delta Lake alone
    ledger: list[tuple[Any, ...]]  # the same of the ledger
    plain: dict[str, Plain]  # year files, aggregations and the newest report


@dataclass(frozen=True)
class History:
    """Three days that nothing disturbed, in a bucket of their own."""

    days: list[Day]
    first_lake: dict[str, tuple[bytes, dict[str, str]]]  # what lies in the bucket after day 1
    second_run: list[Call]  # the calls of day 2 that change something

    def __getitem__(self, number: int) -> Day:
        return self.days[number - 1]


def turn_to(control: Control, day: int) -> None:
    """Let the source stand at this day, and its clock too: the ledger tells the time."""
    control.day, control.date = day, FIRST_DAY + timedelta(days=day - 1)


def open_lake(url: str, bucket: str) -> Lake:
    return Lake.connect(
        bucket, endpoint_url=url, region="us-east-1", access_key="test", secret_key="test"
    )


def objects(lake: Lake) -> dict[str, tuple[bytes, dict[str, str]]]:
    """What outlives a run, with the metadata."""
    keys = [key for key in lake.keys("") if "/raw/" not in key and "/staging/" not in key]
    return {key: (lake.get(key), lake.made_from(key) or {}) for key in keys}


def fill(lake: Lake, history: History) -> Lake:
    """Put there what lies in a lake after the first day."""
    lake.at_once(lambda item: lake.project(item[0], *item[1]), history.first_lake.items())
    return lake


def seen(lake: Lake) -> Day:
    return Day(rows(lake), ledger_rows(lake), plain_files(lake))


def rows(lake: Lake) -> Rows:
    """The committed table; a key is there once."""
    table = _delta(lake, KEYS.table).to_pyarrow_table()
    keys = table[CONTRACT.key].to_pylist()
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (tuple(row.values()) for row in table.to_pylist()), strict=True))


def facts(lake: Lake) -> Rows:
    """The rows without what the source renews daily: the three columns in front."""
    return {key: row[3:] for key, row in rows(lake).items()}


def ledger_rows(lake: Lake) -> list[tuple[Any, ...]]:
    table = _delta(lake, KEYS.ledger).to_pyarrow_table()
    order = [(name, "ascending") for name in ("version", "nhtsa_id", "field")]
    return [tuple(row.values()) for row in table.sort_by(order).to_pylist()]


def plain_files(lake: Lake) -> dict[str, Plain]:
    """Of the reports the newest: older ones are as they were when they were the newest."""
    newest = KEYS.report(lake.head(KEYS.table).receipt_version)
    reports = [key for key in lake.keys(KEYS.reports_folder) if key == newest]
    files = [*lake.keys(KEYS.folder, recursive=False), *lake.keys(KEYS.aggregates_folder)]
    keys = [*files, *reports]
    return dict(zip(keys, lake.at_once(partial(_plain, lake), keys), strict=True))


def _plain(lake: Lake, key: str) -> Plain:
    """A file without the names that each read and each bucket has for itself."""
    body, made_from = lake.get(key), lake.made_from(key) or {}
    if key.endswith(".md"):
        body = NAMES_OF_ITS_OWN.sub(b"", body)
    return hashlib.sha256(body).hexdigest(), {k: v for k, v in made_from.items() if k != "token"}


def _delta(lake: Lake, table: str) -> DeltaTable:
    return DeltaTable(f"s3://{lake.bucket}/{table}", storage_options=lake.storage_options)


def is_the_day(lake: Lake, day: Day, versions: int) -> None:
    """All is as an undisturbed run of that day leaves it."""
    assert seen(lake) == day
    assert lake.head(KEYS.table).version == versions
    each_version_is_told_once(lake)


def is_between(lake: Lake, before: Day, after: Day, *, committed: bool) -> None:
    """Readers of the table see one of the days, and who reads plain files or the ledger, too.

    Until the commit nothing at all is new; after it each file is of the one or of the other.
    """
    assert rows(lake) == (after if committed else before).rows
    days = [before, after] if committed else [before]
    assert ledger_rows(lake) in [day.ledger for day in days]
    for key, content in plain_files(lake).items():
        assert content in [day.plain.get(key) for day in days], key


def is_sound(lake: Lake) -> None:
    """Everything follows from the head, and the ledger gives it."""
    said: list[str] = []
    assert verify(lake, said.append) == [], "\n".join(said)
    each_version_is_told_once(lake)


def each_version_is_told_once(lake: Lake) -> None:
    """By a read of its own, a commit of the ledger and a report."""
    versions = range(1, lake.head(KEYS.table).version + 1)
    receipts = {n: receipt for n in versions if (receipt := lake.receipt(KEYS.table, n))}
    assert len({receipt["token"] for receipt in receipts.values()}) == len(receipts)
    recorded = range(1, lake.head(KEYS.ledger).version + 1)
    assert [lake.receipt(KEYS.ledger, n)["version"] for n in recorded] == list(receipts)
    assert set(lake.keys(KEYS.reports_folder)) == {KEYS.report(n) for n in receipts}


def years_are_the_heads(lake: Lake) -> None:
    """Every year file is the table's, to the byte, and there is no other."""
    states = year_states(lake.head(KEYS.table).receipt)
    files = {key: lake.get(key) for key in lake.keys(KEYS.folder, recursive=False)}
    assert files == {
        KEYS.year(year): lake.get(f"{KEYS.table}/{state.path}") for year, state in states.items()
    }

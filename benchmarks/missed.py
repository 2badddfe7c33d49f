"""What other ways of following the recalls would have missed, day by day, and what the ledger told.

Each way sees of a day's rows those that its condition lets through, puts them over what it holds by
key, and is held against the whole.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from benchmarks.headwaters import open_lake
from benchmarks.measure import BenchError
from benchmarks.servers import fresh_bucket, local_api
from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.vehicle_recalls.ledger import read_ledger
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi

KEY, DATE, UPDATED = "nhtsa_id", "report_received_date", ":updated_at"
MOVED = "moved"  # to another year
KINDS = (PUBLISHED, EDITED, RETRACTED, MOVED)
DAY = {"$select": ":*,*", "$order": "nhtsa_id,:id", "$limit": "1000000"}
Row = dict[str, Any]


@dataclass
class Way:
    """One way to keep current: which of today's rows it asks for, by yesterday's newest values."""

    name: str
    asks_for: Callable[[Row, Row], bool]
    forgets: bool = False  # what it held before, so that what is gone goes
    held: dict[str, Row] = field(default_factory=dict)
    rows: int = 0
    missed: Counter[str] = field(default_factory=Counter)

    def take(self, rows: list[Row]) -> None:
        if self.forgets:
            self.held = {}
        self.rows += len(rows)
        self.held |= {row[KEY]: _business(row) for row in rows}


def ways() -> list[Way]:
    return [
        Way("report date", lambda row, newest: row[DATE] >= newest[DATE]),
        Way("report date, a year back", lambda row, newest: row[DATE] >= _year_before(newest)),
        Way("updated_at", lambda row, newest: row[UPDATED] > newest[UPDATED]),
        Way("full, put over", lambda *_: True),
        Way("full, compared", lambda *_: True, forgets=True),
    ]


def missed(days: int, rows: int, s3_url: str) -> list[str]:
    """The table: all changes after the first day by kind, and what each way missed of them."""
    followed = ways()
    happened: Counter[str] = Counter()
    before: dict[str, Row] = {}
    newest: Row = {}
    with local_api(rows) as url, fresh_bucket(s3_url) as bucket:
        lake, api = open_lake(s3_url, bucket), RecallsApi(url)
        for day in range(1, days + 1):
            requests.post(f"{url}/_control", json={"day": day}, timeout=60).raise_for_status()
            today = _all_rows(url)
            run(api, lake)
            now = {row[KEY]: _business(row) for row in today}
            for way in followed:
                way.take([row for row in today if day == 1 or way.asks_for(row, newest)])
                way.rows = 0 if day == 1 else way.rows  # all begin with the whole
            for key, kind in _changes(before, now) if before else ():
                happened[kind] += 1
                for way in followed:
                    way.missed[kind] += way.held.get(key) != now.get(key)
            before = now
            newest = {name: max(row[name] for row in today) for name in (DATE, UPDATED)}
        if (told := _told(lake)) != happened:
            raise BenchError(f"the ledger tells {dict(told)} of {dict(happened)}")
    return _table(followed, happened, before)


def _all_rows(url: str) -> list[Row]:
    answer = requests.get(f"{url}/resource/6axg-epim.json", params=DAY, timeout=600)
    answer.raise_for_status()
    rows: list[Row] = answer.json()
    return rows


def _business(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith(":")}


def _year_before(newest: Row) -> str:
    year, rest = newest[DATE][:4], newest[DATE][4:]
    return f"{int(year) - 1}{rest}"


def _changes(before: dict[str, Row], now: dict[str, Row]) -> list[tuple[str, str]]:
    return [
        (key, _kind(before.get(key), now.get(key)))
        for key in before.keys() | now.keys()
        if before.get(key) != now.get(key)
    ]


def _kind(was: Row | None, is_now: Row | None) -> str:
    if was is None:
        return PUBLISHED
    if is_now is None:
        return RETRACTED
    return EDITED if was[DATE][:4] == is_now[DATE][:4] else MOVED


def _told(lake: Lake) -> Counter[str]:
    """What the ledger tells, counted as the changes are."""
    campaigns = defaultdict(list)
    for part in read_ledger(lake):
        for row in part.to_pylist():
            campaigns[row["version"], row[KEY]].append(row)
    told: Counter[str] = Counter()
    for rows in campaigns.values():
        told[_kind_told(rows)] += 1
    return told


def _kind_told(rows: list[Row]) -> str:
    event: str = rows[0]["event"]
    if event == REPUBLISHED:
        return PUBLISHED
    if event != EDITED:
        return event
    dates = [{row["old"][:4], row["new"][:4]} for row in rows if row["field"] == DATE]
    return MOVED if any(len(years) > 1 for years in dates) else EDITED


def _table(followed: list[Way], happened: Counter[str], now: dict[str, Row]) -> list[str]:
    heads = "".join(f"{kind:>11}" for kind in KINDS)
    lines = [f"{'missed':26}{'rows read':>11}{heads}  on the last day"]
    for way in followed:
        old = sum(way.held[key] != now[key] for key in way.held.keys() & now.keys())
        rest = f"{old:,} old, {len(way.held.keys() - now.keys()):,} not gone"
        lines.append(
            f"{way.name:26}{way.rows:11,}"
            + "".join(f"{way.missed[kind]:11,}" for kind in KINDS)
            + f"  {rest}, {len(now.keys() - way.held.keys()):,} lacking"
        )
    all_of_them = "".join(f"{happened[kind]:11,}" for kind in KINDS)
    return [*lines, f"{'there were':37}{all_of_them}", "the ledger told all of them"]

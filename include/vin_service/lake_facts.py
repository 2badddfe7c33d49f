"""What the lake adds to recalls: how far repairs are, since when it is known, what changed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Lake, LakeError
from include.first.ledger import EDITED, PUBLISHED, YEAR
from include.vehicle_recalls.commands.asking import nothing_there
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LEDGER_SCHEMA, read_ledger, refuse_other_history
from include.vehicle_recalls.state import YearState, year_states

KEYS = Keys(CONTRACT.name)
KEY = CONTRACT.key
NOW = ("completion_rate", "do_not_drive")
LEDGER_COLUMNS = [KEY, "version", YEAR, "observed_at", "event", "field", "old", "new"]
# All of today's years; a table of a year's facts has about 25 bytes a recall.
YEARS_KEPT = 64
# With more rows a campaign is looked for only where it should be.
FEW_ROWS = 100_000
Row = dict[str, Any]


class Change(TypedDict):
    """A row of the ledger. That a recall went or came back is one, of its number."""

    observed_at: str
    event: str
    field: str
    old: str | None
    new: str | None


class Facts(TypedDict):
    """What is known of one campaign, as JSON has it."""

    completion_rate: float | None
    do_not_drive: bool | None
    first_seen: str | None  # None: the first read of all years is to come
    at_baseline: bool  # it was there when we first looked
    changes: list[Change]  # the newest last


class Found(NamedTuple):
    facts: dict[str, Facts]  # of those campaigns that the lake has, or had
    version: int
    source: str  # "official" or "made-up:{seed}"
    observed_at: str


class _Known(NamedTuple):
    """The lake as of one look."""

    tokens: tuple[str | None, ...]  # of the reads that table and ledger end with
    version: int
    receipt: Row
    years: Mapping[int, YearState]
    ledger: pa.Table
    receipt_of: Callable[[int], Row]


class _Look(NamedTuple):
    until: float
    seen: _Known | LakeError | PermanentError


NEVER = _Look(float("-inf"), LakeError("nobody has looked at the lake yet"))


class LakeFacts:
    """Threads may ask at the same time; one of them looks whether the lake has moved."""

    def __init__(
        self, lake: Lake, fresh_s: float = 60, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lake = lake
        self._fresh_s = fresh_s
        self._clock = clock
        self._looking = threading.Lock()
        self._look = NEVER
        # A file's name tells its content: a year that did not change is not read again.
        self._rows_of = lru_cache(YEARS_KEPT)(partial(lake.read_parquet, columns=[KEY, *NOW]))

    def of(self, campaigns: Mapping[str, date | None]) -> Found:
        """Facts of these campaigns, each given with the day of its report where that is known."""
        known = self._known()
        told = _told(known, campaigns)
        rows = self._rows(known, campaigns, told)
        facts = {
            key: _facts(known, rows.get(key, {}), told.get(key, []))
            for key in campaigns
            if key in rows or key in told
        }
        receipt = known.receipt
        return Found(facts, known.version, receipt["source"]["publisher"], receipt["observed_at"])

    def _known(self) -> _Known:
        """What the last look saw; its trouble, too, so that a lake that is down is let alone."""
        look = self._look
        # While one thread looks again, the others go on with what was there.
        if self._clock() >= look.until and self._looking.acquire(blocking=look is NEVER):
            try:
                if self._look is look:
                    seen = self._seen(look.seen)
                    self._look = _Look(self._clock() + self._fresh_s, seen)
                look = self._look
            finally:
                self._looking.release()
        if isinstance(look.seen, _Known):
            return look.seen
        raise look.seen.with_traceback(None)

    def _seen(self, before: object) -> _Known | LakeError | PermanentError:
        lake = self._lake
        try:
            table, ledger = lake.head(KEYS.table), lake.head(KEYS.ledger)
            tokens = (table.receipt.get("token"), ledger.receipt.get("token"))
            if isinstance(before, _Known) and before.tokens == tokens:
                return before
            if not table.receipt:
                return nothing_there(lake)
            refuse_other_history(lake)
            return _Known(
                tokens,
                table.receipt_version,
                table.receipt,
                year_states(table.receipt),
                _ledger(lake, upto=table.receipt_version),
                lru_cache(maxsize=YEARS_KEPT)(partial(lake.receipt, KEYS.table)),
            )
        except (LakeError, PermanentError) as error:
            return error

    def _rows(
        self, known: _Known, campaigns: Mapping[str, date | None], told: Mapping[str, list[Row]]
    ) -> dict[str, Row]:
        keys = pa.array(campaigns, pa.string())
        found: dict[str, Row] = {}
        searched: set[int] = set()
        for likely in _places(known, campaigns, told):
            if found.keys() == campaigns.keys():
                break
            years = (likely & known.years.keys()) - searched
            searched |= years
            paths = [known.years[year].path for year in years]
            files = [f"{KEYS.table}/{path}" for path in paths if path]
            for rows in self._lake.at_once(self._rows_of, files):
                some = rows.filter(pc.is_in(rows[KEY], value_set=keys))
                found |= {row[KEY]: row for row in some.to_pylist()}
        return found


def _ledger(lake: Lake, upto: int) -> pa.Table:
    """Without the fields of what came or went as a whole: its number says that it did."""
    schema = pa.schema([LEDGER_SCHEMA.field(name) for name in LEDGER_COLUMNS])
    rows = [
        table.filter(pc.or_(pc.equal(table["event"], EDITED), pc.equal(table["field"], KEY)))
        for table in read_ledger(lake, versions=range(upto + 1), columns=LEDGER_COLUMNS)
    ]
    return pa.concat_tables([schema.empty_table(), *rows]).combine_chunks()


def _told(known: _Known, campaigns: Collection[str]) -> dict[str, list[Row]]:
    """What the ledger has of each campaign, in order."""
    keys = pa.array(campaigns, pa.string())
    told: defaultdict[str, list[Row]] = defaultdict(list)
    for row in known.ledger.filter(pc.is_in(known.ledger[KEY], value_set=keys)).to_pylist():
        told[row[KEY]].append(row)
    return dict(told)


def _places(
    known: _Known, campaigns: Mapping[str, date | None], told: Mapping[str, list[Row]]
) -> Iterator[set[int]]:
    """Where to look for a row: in the year of its report, where the ledger had it, elsewhere."""
    yield {day.year for day in campaigns.values() if day}
    yield {rows[-1][YEAR] for rows in told.values()}
    if sum(state.rows for state in known.years.values()) <= FEW_ROWS:
        yield set(known.years)


def _facts(known: _Known, row: Row, told: list[Row]) -> Facts:
    came_later = bool(told) and told[0]["event"] == PUBLISHED
    first_seen = _instant(told[0]["observed_at"]) if came_later else _baseline(known, told)
    return Facts(
        completion_rate=row.get("completion_rate"),
        do_not_drive=row.get("do_not_drive"),
        first_seen=first_seen,
        at_baseline=not came_later and first_seen is not None,
        changes=[_change(event) for event in (told[1:] if came_later else told)],
    )


def _change(event: Row) -> Change:
    return Change(
        observed_at=_instant(event["observed_at"]),
        event=event["event"],
        field=event["field"],
        old=event["old"],
        new=event["new"],
    )


def _instant(when: datetime) -> str:
    """As receipts have it."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _baseline(known: _Known, told: list[Row]) -> str | None:
    """When the read was that the ledger goes on from; the one before what it told first."""
    baseline = known.receipt["baseline"]
    if baseline is not None and told and told[0]["version"] < baseline:
        baseline = known.receipt_of(told[0]["version"])["baseline"]
    return None if baseline is None else known.receipt_of(baseline)["observed_at"]

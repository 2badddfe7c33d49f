"""What a version brought, as a safety person asks for it: warnings first, the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.first.bucket import Missing
from include.first.keys import Keys
from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, REPUBLISHED, RETRACTED, from_text
from include.vehicle_recalls.compare import read_years
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import ledger_state, read_ledger
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)
DO_NOT_DRIVE, PARK_OUTSIDE = "do_not_drive", "fire_risk_when_parked"
WARNINGS = {DO_NOT_DRIVE: "do not drive", PARK_OUTSIDE: "park outside"}
RATE = "completion_rate"
NAMES = ["manufacturer", "subject", "potentially_affected"]
YES = "true"  # as the ledger spells it
MOVES = 3  # of completion rates, the biggest
COLUMNS = ["nhtsa_id", "year", "event", "field", "old", "new"]


class Campaign(NamedTuple):
    """A recall as a line of news names it."""

    nhtsa_id: str
    manufacturer: str | None
    subject: str | None
    affected: int | None
    note: str = ""


class Whole(NamedTuple):
    """A recall that came or went, with the warnings that it has or had."""

    campaign: Campaign
    flags: list[str]


class Move(NamedTuple):
    campaign: Campaign
    old: float  # percent
    new: float


@dataclass(frozen=True)
class Rates:
    """How many completion rates moved, and the biggest moves."""

    up: int = 0
    down: int = 0
    first: int = 0  # told for the first time
    gone: int = 0
    biggest: list[Move] = field(default_factory=list)

    @property
    def moved(self) -> int:
        return self.up + self.down + self.first + self.gone


@dataclass(frozen=True)
class News:
    """What one version brought; each recall stands under all that is said of it."""

    silence: str = ""  # why this version makes no news, whatever it changed
    warned: dict[str, list[Campaign]] = field(default_factory=dict)  # by warning
    lifted: list[Campaign] = field(default_factory=list)
    published: list[Campaign] = field(default_factory=list)
    republished: list[Campaign] = field(default_factory=list)
    retracted: list[Campaign] = field(default_factory=list)
    rates: Rates = field(default_factory=Rates)
    edits: Mapping[str, int] = field(default_factory=dict)  # by field, of what is not told above

    @property
    def is_empty(self) -> bool:
        recalls = (*self.warned.values(), self.lifted, self.published, self.republished)
        return not (any(recalls) or self.retracted or self.rates.moved or self.edits)


def news_of(lake: Lake, version: int) -> News:
    """The news of one version; none of a baseline, and none before the ledger tells of it."""
    receipt = lake.receipt(KEYS.table, version)
    if silence := silence_of(receipt, version):
        return News(silence=silence)
    known, _ = ledger_state(lake)
    if is_pending(receipt, version, known):
        return News(
            silence="The ledger does not tell of this version yet; the next run brings the news."
        )
    parts = list(read_ledger(lake, versions=range(version, version + 1), columns=COLUMNS))
    return _read(lake, receipt, pa.concat_tables(parts)) if parts else News()


def silence_of(receipt: Mapping[str, Any], version: int) -> str:
    """Why nothing in this version is news; empty when what it changed is."""
    if receipt.get("rebaseline"):
        return "No news: our own contract changed, so that this version is a new baseline."
    if receipt.get("baseline") == version:
        return "No news: the first full read is the baseline that later versions are held against."
    if receipt.get("baseline") is None:
        return "No news: there is no baseline before the first read of all years."
    return ""


def is_pending(receipt: Mapping[str, Any], version: int, known: int | None) -> bool:
    """Whether there may be news that the ledger, which knows versions up to one, cannot tell."""
    return not silence_of(receipt, version) and (known is None or known < version)


def _read(lake: Lake, receipt: Mapping[str, Any], rows: pa.Table) -> News:
    edits = rows.filter(pc.equal(rows["event"], EDITED))
    warnings = {flag: _of_field(edits, flag).to_pylist() for flag in WARNINGS}
    rates = _of_field(edits, RATE)
    biggest = _biggest(rates)
    named = _named(
        lake, receipt, [*(edit for some in warnings.values() for edit in some), *biggest]
    )
    new, again = _whole(rows, PUBLISHED, "new"), _whole(rows, REPUBLISHED, "new")
    warned, lifted = {}, []
    counted = Counter(edits["field"].to_pylist())
    del counted[RATE]
    for flag, found in warnings.items():
        given = [named[edit["nhtsa_id"]] for edit in found if edit["new"] == YES]
        taken = [named[edit["nhtsa_id"]] for edit in found if edit["old"] == YES]
        counted[flag] -= len(given) + len(taken)
        warned[flag] = [
            *given,
            *(one.campaign._replace(note="new") for one in new if flag in one.flags),
            *(one.campaign._replace(note="returned") for one in again if flag in one.flags),
        ]
        lifted += [one._replace(note=f"no longer: {WARNINGS[flag]}") for one in taken]
    return News(
        warned=warned,
        lifted=lifted,
        published=[one.campaign for one in new],
        republished=[one.campaign for one in again],
        retracted=[
            one.campaign._replace(note=", ".join(f"was: {WARNINGS[flag]}" for flag in one.flags))
            for one in _whole(rows, RETRACTED, "old")
        ],
        rates=_moved(
            rates,
            [Move(named[m["nhtsa_id"]], float(m["old"]), float(m["new"])) for m in biggest],
        ),
        edits=dict((+counted).most_common()),
    )


def _of_field(rows: pa.Table, name: str) -> pa.Table:
    return rows.filter(pc.equal(rows["field"], name))


def _moved(rates: pa.Table, biggest: list[Move]) -> Rates:
    before, after = _percent(rates["old"]), _percent(rates["new"])

    def count(these: pa.ChunkedArray) -> int:
        return pc.sum(these).as_py() or 0

    return Rates(
        up=count(pc.greater(after, before)),
        down=count(pc.less(after, before)),
        first=count(before.is_null()),
        gone=count(after.is_null()),
        biggest=biggest,
    )


def _biggest(rates: pa.Table) -> list[dict[str, Any]]:
    by = pc.abs(pc.subtract(_percent(rates["new"]), _percent(rates["old"])))
    moves = rates.append_column("by", by).filter(by.is_valid())
    moves = moves.sort_by([("by", "descending"), ("nhtsa_id", "ascending")])
    return list(moves.slice(0, MOVES).to_pylist())


def _percent(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return from_text(texts, CONTRACT.schema.field(RATE).type)


def _named(
    lake: Lake, receipt: Mapping[str, Any], edits: Iterable[Mapping[str, Any]]
) -> dict[str, Campaign]:
    """Recalls that were edited, as the version names them."""
    edits = list(edits)
    states = year_states(receipt)
    wanted = pa.array({edit["nhtsa_id"] for edit in edits}, pa.string())
    years = {year: states[year] for year in sorted({edit["year"] for edit in edits})}
    try:
        rows = read_years(lake, years, ["nhtsa_id", *NAMES])
    except Missing:  # pruned: an old report that is made again has the numbers alone
        return {key: Campaign(key, None, None, None) for key in wanted.to_pylist()}
    rows = rows.filter(pc.is_in(rows["nhtsa_id"], value_set=wanted))
    values = (rows[name].to_pylist() for name in ("nhtsa_id", *NAMES))
    return {campaign[0]: Campaign(*campaign) for campaign in zip(*values, strict=True)}


def _whole(rows: pa.Table, event: str, side: str) -> list[Whole]:
    """The recalls of an event that tells all of their fields."""
    rows = rows.filter(pc.equal(rows["event"], event))
    keys = rows["nhtsa_id"].combine_chunks().unique()
    columns = {}
    for name in (*NAMES, *WARNINGS):
        of_field = _of_field(rows, name)
        at = pc.index_in(keys, value_set=of_field["nhtsa_id"].combine_chunks())
        texts = of_field[side].combine_chunks().take(at)
        columns[name] = from_text(texts, CONTRACT.schema.field(name).type).to_pylist()
    return [
        Whole(
            Campaign(key, *(columns[name][at] for name in NAMES)),
            [flag for flag in WARNINGS if columns[flag][at]],
        )
        for at, key in enumerate(keys.to_pylist())
    ]

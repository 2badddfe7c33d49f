"""What a version brought, as a safety person asks for it: warnings first, the rest counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow.compute as pc

from include.data.diff import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.data.tables import is_in
from include.lake.ledger import read_events
from include.lake.publish import Receipt
from include.lake.staging import read_table_file
from include.lake.store import Damaged, Store
from include.vehicle_recalls.contract import RECALLS

DO_NOT_DRIVE, PARK_OUTSIDE = "do_not_drive", "fire_risk_when_parked"
WARNINGS = {DO_NOT_DRIVE: "do not drive", PARK_OUTSIDE: "park outside"}
RATE = "completion_rate"
NAMES = ("manufacturer", "subject", "potentially_affected")
MAX_RATES = 3  # shown, the biggest changes
Fields = dict[str, tuple[str | None, str | None]]  # old and new, by field


class Recall(NamedTuple):
    """A recall as a line of news names it."""

    nhtsa_id: str
    manufacturer: str | None = None
    subject: str | None = None
    affected: int | None = None
    note: str = ""


class RateChange(NamedTuple):
    recall: Recall
    old: float  # percent
    new: float


@dataclass(frozen=True)
class Rates:
    """How many completion rates changed, and the biggest changes."""

    up: int = 0
    down: int = 0
    first: int = 0  # reported for the first time
    removed: int = 0
    biggest: list[RateChange] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return self.up + self.down + self.first + self.removed


@dataclass(frozen=True)
class News:
    """What one version brought; a recall is listed under everything that happened to it."""

    silence: str = ""  # why this version makes no news, whatever it changed
    warned: dict[str, list[Recall]] = field(default_factory=dict)  # by warning
    lifted: list[Recall] = field(default_factory=list)
    published: list[Recall] = field(default_factory=list)
    republished: list[Recall] = field(default_factory=list)
    retracted: list[Recall] = field(default_factory=list)
    rates: Rates = field(default_factory=Rates)
    edits: Mapping[str, int] = field(default_factory=dict)  # by field, of what is not listed above

    @property
    def is_empty(self) -> bool:
        recalls = (*self.warned.values(), self.lifted, self.published, self.republished)
        return not (any(recalls) or self.retracted or self.rates.changed or self.edits)


def news_of(store: Store, receipt: Receipt) -> News:
    """The news of the version of this receipt."""
    if silence := _silence(receipt):
        return News(silence=silence)
    events = read_events(store, RECALLS, receipt)
    whole = {PUBLISHED, REPUBLISHED, RETRACTED}
    shown = {*NAMES, *WARNINGS, RATE}  # of a whole row no other field is needed
    needed = pc.or_(
        is_in(events["field"], shown | {RECALLS.key}), pc.equal(events["event"], EDITED)
    )
    rows: dict[str, dict[str, Fields]] = {event: defaultdict(dict) for event in {*whole, EDITED}}
    for row in events.filter(needed).to_pylist():
        rows[row["event"]][row[RECALLS.key]][row["field"]] = (row["old"], row["new"])
    return _news(store, receipt, rows)


def _silence(receipt: Receipt) -> str:
    baseline = receipt.get("baseline")
    if baseline == receipt["version"]:
        return "No news: this version is the baseline that later versions are compared with."
    if baseline is None:
        return "No news: there is no baseline before the first read of all years."
    return ""


def _news(store: Store, receipt: Receipt, rows: Mapping[str, Mapping[str, Fields]]) -> News:
    edits = rows[EDITED]
    rates = {key: fields[RATE] for key, fields in edits.items() if RATE in fields}
    biggest = sorted(
        (key for key, (old, new) in rates.items() if old and new),
        key=lambda key: (-abs(float(rates[key][1] or 0) - float(rates[key][0] or 0)), key),
    )[:MAX_RATES]
    flagged = [key for key, fields in edits.items() if fields.keys() & WARNINGS.keys()]
    named = _edited_recalls(store, receipt, {*flagged, *biggest})
    counted = Counter(name for fields in edits.values() for name in fields if name != RATE)
    new = [_recall(key, fields, 1) for key, fields in rows[PUBLISHED].items()]
    returned = [_recall(key, fields, 1) for key, fields in rows[REPUBLISHED].items()]
    warned, lifted = {}, []
    for flag, words in WARNINGS.items():
        given = [named[key] for key in flagged if edits[key].get(flag, ("", ""))[1] == "true"]
        taken = [named[key] for key in flagged if edits[key].get(flag, ("", ""))[0] == "true"]
        counted[flag] -= len(given) + len(taken)
        warned[flag] = [
            *given,
            *_with_flag(rows[PUBLISHED], flag, "new"),
            *_with_flag(rows[REPUBLISHED], flag, "returned"),
        ]
        lifted += [recall._replace(note=f"no longer: {words}") for recall in taken]
    return News(
        warned=warned,
        lifted=lifted,
        published=new,
        republished=returned,
        retracted=[
            _recall(key, fields, 0, _former_warnings(fields))
            for key, fields in rows[RETRACTED].items()
        ],
        rates=_rates(rates.values(), [(named[key], *rates[key]) for key in biggest]),
        edits=dict((+counted).most_common()),
    )


def _rates(
    changes: Iterable[tuple[str | None, str | None]],
    biggest: Iterable[tuple[Recall, str | None, str | None]],
) -> Rates:
    both = [(float(old), float(new)) for old, new in changes if old and new]
    return Rates(
        up=sum(new > old for old, new in both),
        down=sum(new < old for old, new in both),
        first=sum(old is None for old, _ in changes),
        removed=sum(new is None for _, new in changes),
        biggest=[
            RateChange(recall, float(old or 0), float(new or 0)) for recall, old, new in biggest
        ],
    )


def _recall(key: str, fields: Fields, side: int, note: str = "") -> Recall:
    manufacturer, subject, affected = (fields.get(name, (None, None))[side] for name in NAMES)
    return Recall(key, manufacturer, subject, int(affected) if affected else None, note)


def _with_flag(rows: Mapping[str, Fields], flag: str, note: str) -> list[Recall]:
    return [
        _recall(key, fields, 1, note)
        for key, fields in rows.items()
        if fields.get(flag, ("", ""))[1] == "true"
    ]


def _former_warnings(fields: Fields) -> str:
    return ", ".join(
        f"was: {words}" for flag, words in WARNINGS.items() if fields.get(flag, ("",))[0] == "true"
    )


def _edited_recalls(store: Store, receipt: Receipt, keys: set[str]) -> dict[str, Any]:
    """Recalls that were edited, as the version names them."""
    found = {key: Recall(key) for key in keys}
    for name in receipt["changed"] if keys else ():
        part = receipt["parts"].get(name)
        if part is None:
            continue
        try:
            rows = read_table_file(store, RECALLS, part["path"], [RECALLS.key, *NAMES])
        except Damaged:  # pruned: an old report has the numbers alone
            continue
        for row in rows.filter(is_in(rows[RECALLS.key], keys)).to_pylist():
            found[row[RECALLS.key]] = Recall(row[RECALLS.key], *(row[name] for name in NAMES))
    return found

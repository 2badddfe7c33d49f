"""What a read would take away, rows and values, held against the limits of the contract.

All of it compares two versions by the state of their years; what has no state before has nothing
to be compared with, and passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from include.first.contract import Column
from include.first.keys import Keys
from include.first.quality import Check
from include.vehicle_recalls.contract import CONTRACT, DATE, LIMITS
from include.vehicle_recalls.state import YearState

KEYS = Keys(CONTRACT.name)
Years = Mapping[int, YearState]
TOLD = 5  # years of a check; the rest are counted
FIRST = "the first version"
# The key and the date are never null: a row without them does not come this far.
COUNTED = [c for c in CONTRACT.columns if c.business and c.name not in {CONTRACT.key, DATE}]


def total(years: Years) -> int:
    return sum(state.rows for state in years.values())


def some(told: Iterable[str]) -> str:
    """A few of many sentences."""
    told = list(told)
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return ", ".join(told[:TOLD]) + more


def rows_per_year(before: Years, after: Years, open_year: int) -> Check:
    lost = {
        year: state.rows - (after[year].rows if year in after else 0)
        for year, state in before.items()
        if year < open_year
    }
    too_many = [
        year
        for year, rows in lost.items()
        if not LIMITS.rows_per_year.allows(rows, before[year].rows)
    ]
    told = sorted(too_many or [y for y in lost if lost[y] > 0], key=lambda y: (-lost[y], y))
    return Check(
        "rows per year",
        passed=not too_many,
        found=some(f"{year} lost {lost[year]:,} of {before[year].rows:,}" for year in told)
        or (f"no year before {open_year} lost rows" if before else FIRST),
        cure=f"the limit for a year that is over is {LIMITS.rows_per_year}; run again later, or "
        "look at these years at the source",
        can_be_accepted=True,
    )


def rows_in_total(before: Years, after: Years) -> Check:
    was, now = total(before), total(after)
    return Check(
        "rows in total",
        passed=LIMITS.rows_in_total.allows(was - now, was),
        found=f"{now:,}, {was:,} before" if before else f"{now:,}, {FIRST}",
        cure=f"the limit is {LIMITS.rows_in_total}; run again later, or look at the source",
        can_be_accepted=True,
    )


def quarantine(quarantined: int, landed: int, token: str) -> Check:
    return Check(
        "quarantine",
        passed=LIMITS.quarantine.allows(quarantined, landed),
        found=f"{quarantined:,} of {landed:,} rows",
        cure=f"the limit is {LIMITS.quarantine}; look at {KEYS.quarantine(token)}",
        can_be_accepted=True,
    )


def nulls(
    before: Years, after: Years, changed: Iterable[int], open_year: int, *, same_contract: bool
) -> Iterator[Check]:
    """A check for each column that may be null: no more missing values than before, by share."""
    changed = [year for year in changed if year in after]
    if why := _incomparable(before, changed, same_contract=same_contract):
        yield from (_null_check(column, why, passed=True) for column in COUNTED)
        return
    # Only years that both versions have, and counted: a new year has nothing to be compared with.
    both = [y for y in before if y in after and None not in (before[y].nulls, after[y].nulls)]
    for column in COUNTED:
        years = [y for y in both if y < open_year] if column.comes_late else both
        spans = {str(y): [y] for y in years if y in changed} | {"in all": years}
        was = {at: _missing(column, before, span) for at, span in spans.items()}
        now = {at: _missing(column, after, span) for at, span in spans.items()}
        too_many = [at for at in spans if _is_too_many(was[at], now[at])]
        found = some(_told(at, was[at], now[at]) for at in too_many or ["in all"])
        yield _null_check(column, found, passed=not too_many)


def _incomparable(before: Years, changed: Iterable[int], *, same_contract: bool) -> str | None:
    if not before:
        return FIRST
    if not same_contract:
        return "not compared: the contract is new"
    return None if changed else "no year changes"


def _missing(column: Column, states: Years, span: Iterable[int]) -> tuple[int, int]:
    """Missing values, and rows."""
    some_states = [states[year] for year in span]
    missing = sum((state.nulls or {}).get(column.name, 0) for state in some_states)
    return missing, sum(state.rows for state in some_states)


def _is_too_many(before: tuple[int, int], after: tuple[int, int]) -> bool:
    if not before[1]:
        return False
    expected = Fraction(before[0] * after[1], before[1])
    return not LIMITS.nulls.allows(after[0] - expected, after[1])


def _told(at: str, before: tuple[int, int], after: tuple[int, int]) -> str:
    if not before[1]:
        return "no year to compare with"
    return f"{at} {after[0]:,} of {after[1]:,}, {before[0]:,} of {before[1]:,} before"


def _null_check(column: Column, found: str, *, passed: bool) -> Check:
    return Check(
        f"nulls of {column.name}",
        passed=passed,
        found=found,
        cure=f"the limit above the share of before is {LIMITS.nulls}; run again later, or look at "
        "the source",
        can_be_accepted=True,
    )

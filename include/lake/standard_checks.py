"""What must hold of every dataset before a read is published."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from include.data.checks import Check, examples
from include.data.contract import Column, Limit
from include.lake.plan import Plan
from include.lake.reads import NEVER, is_later
from include.lake.staging import Part
from include.lake.version_diff import Counts

OURS = "this is a defect of Headwaters: report it with the read id"
FIRST = "the first version"
LOOK_AT_SOURCE = "run again later, or look at the source"
LOOK_AT_QUARANTINE = "look at the quarantine of this read"


def standard_checks(plan: Plan, counts: Counts) -> Iterator[Check]:
    """Always the same checks; one that has nothing to look at passes and says so."""
    yield _one_contract(plan)
    yield _source_went_back(plan)
    yield from _counts(plan, counts)
    yield from _losses(plan)
    yield from _nulls(plan)
    yield from _new_values(plan)


def _one_contract(plan: Plan) -> Check:
    """A table that is always read in parts takes the new contract part by part."""
    ours, receipt = plan.dataset.version, plan.current.receipt
    known = receipt.get("contract", ours)
    is_partial = plan.read["covers"] != {} or bool(plan.outdated)
    was_whole = receipt.get("full_read") is not None
    differs = "" if known == ours else f", the table has version {known}"
    return Check(
        "one contract",
        passed=known == ours or not (is_partial and was_whole),
        found=f"version {ours}{differs}",
        hint="this read has only some rows; read everything once, with no other run in progress",
        can_waive=True,
    )


def _source_went_back(plan: Plan) -> Check:
    """A read that began after the current one was answered must not be of an older state."""
    known = plan.current.receipt.get("moment", NEVER)
    changes = [
        moment["modified_at"]
        for moment in (batch["moment"] for batch in plan.batches)
        if moment["modified_at"] < known["modified_at"] and not is_later(known, moment)
    ]
    return Check(
        "source went back",
        passed=not changes,
        found=f"last changed {changes[0]}, the current version is of {known['modified_at']}"
        if changes
        else "it did not",
        hint="the publisher serves an older copy: run again later, or waive this check",
        can_waive=True,
    )


def _counts(plan: Plan, counts: Counts) -> Iterator[Check]:
    quarantined = plan.quarantine.num_rows
    before, after = _total(plan.current.parts), _total(plan.parts)
    yield Check(
        "landed = valid + quarantined",
        passed=plan.landed == plan.valid + quarantined,
        found=f"{plan.landed:,} = {plan.valid:,} + {quarantined:,}",
        hint=OURS,
    )
    yield Check(
        f"{plan.dataset.key} is unique",
        passed=plan.distinct_keys == plan.planned_rows,
        found=f"{plan.planned_rows:,} rows, {plan.distinct_keys:,} different keys",
        hint=LOOK_AT_QUARANTINE,
    )
    yield Check(
        "rows = rows before + published - retracted",
        passed=after == before + counts["published"] - counts["retracted"],
        found=f"{after:,} = {before:,} + {counts['published']:,} - {counts['retracted']:,}",
        hint=OURS,
    )
    if limit := plan.dataset.limits.quarantine:
        yield Check(
            "quarantine",
            passed=limit.allows(quarantined, plan.landed),
            found=f"{quarantined:,} of {plan.landed:,} rows",
            hint=f"the limit is {limit}; {LOOK_AT_QUARANTINE}",
            can_waive=True,
        )


def _losses(plan: Plan) -> Iterator[Check]:
    known, dataset, observed_at = plan.current.parts, plan.dataset, plan.moment["answered_at"]
    before, after = _total(known), _total(plan.parts)
    if limit := dataset.limits.rows_in_total:
        yield Check(
            "rows in total",
            passed=limit.allows(before - after, before),
            found=f"{after:,}, {before:,} before" if before else f"{after:,}, {FIRST}",
            hint=f"the limit is {limit}; {LOOK_AT_SOURCE}",
            can_waive=True,
        )
    if limit := dataset.limits.rows_per_partition:
        lost = {
            name: part["rows"] - plan.parts.get(name, {"rows": 0})["rows"]
            for name, part in known.items()
            if not dataset.is_open(name, observed_at)
        }
        bad = [name for name in lost if not limit.allows(lost[name], known[name]["rows"])]
        shown = sorted(bad or [n for n in lost if lost[n] > 0], key=lambda n: (-lost[n], n))
        yield Check(
            f"rows per {dataset.partition_by}",
            passed=not bad,
            found=examples(f"{n} lost {lost[n]:,} of {known[n]['rows']:,}" for n in shown)
            or ("none lost rows" if known else FIRST),
            hint=f"the limit is {limit}; {LOOK_AT_SOURCE}",
            can_waive=True,
        )


def _nulls(plan: Plan) -> Iterator[Check]:
    """The share of missing values grows by no more than the limit, in each partition and in all."""
    limit = plan.dataset.limits.nulls
    if limit is None:
        return
    incomparable = _incomparable(plan)
    for column in plan.dataset.columns:
        if column.business and not column.required:
            grown, found = ([], incomparable) if incomparable else _grown(plan, column, limit)
            yield Check(
                f"nulls of {column.name}",
                passed=not grown,
                found=found,
                hint=f"the share may grow by {limit}; {LOOK_AT_SOURCE}",
                can_waive=True,
            )


def _incomparable(plan: Plan) -> str:
    if not plan.current.parts:
        return FIRST
    if plan.current.receipt.get("contract") != plan.dataset.version:
        return "not compared: the contract is new"
    return "" if plan.changed else "nothing changes"


def _grown(plan: Plan, column: Column, limit: Limit) -> tuple[list[str], str]:
    """Where too many values are missing, and that in words; or how many are missing in all."""
    known, observed_at = plan.current.parts, plan.moment["answered_at"]
    names = [
        name
        for name in known
        if name in plan.parts
        and not (column.reported_late and plan.dataset.is_open(name, observed_at))
    ]
    spans = {name: [name] for name in names if name in plan.changed} | {"in all": names}
    grown, found = [], ""
    for at, span in spans.items():
        was, rows_before = _missing(column, known, span)
        now, rows = _missing(column, plan.parts, span)
        found = f"{at}: {now:,} of {rows:,} are missing, {was:,} of {rows_before:,} before"
        if rows_before and not limit.allows(now - Fraction(was * rows, rows_before), rows):
            grown.append(found)
    return grown, examples(grown or [found])


def _missing(column: Column, parts: Mapping[str, Any], names: Iterable[str]) -> tuple[int, int]:
    """Missing values, and rows."""
    some = [parts[name] for name in names]
    return sum(p["nulls"].get(column.name, 0) for p in some), sum(p["rows"] for p in some)


def _new_values(plan: Plan) -> Iterator[Check]:
    for column in plan.dataset.columns:
        if not (column.known or column.shape):
            continue
        odd = (batch["new_values"].get(column.name, []) for batch in plan.batches)
        new = sorted({value for values in odd for value in values})
        yield Check(
            f"known values of {column.name}" if column.known else f"shape of {column.name}",
            passed=not new,
            found=f"new: {examples(map(repr, new))}" if new else "nothing new",
            hint="add it to the contract if it is right",
            warns=True,
            can_waive=True,
        )


def _total(parts: Mapping[str, Part]) -> int:
    return sum(part["rows"] for part in parts.values())

"""What must hold of every dataset before a read is published."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from include.data.checks import Check, examples
from include.data.contract import Column, Dataset
from include.lake.plan import Plan
from include.lake.reads import Read, is_later
from include.lake.staging import Part, StagedBatch
from include.lake.table import Version
from include.lake.version_diff import Counts

OURS = "this is a defect of Headwaters: report it with the read id"
FIRST = "the first version"
LOOK = "run again later, or look at the source"


def standard_checks(
    dataset: Dataset,
    current: Version,
    read: Read,
    batches: Sequence[StagedBatch],
    plan: Plan,
    counts: Counts,
) -> Iterator[Check]:
    """Always the same checks; one that has nothing to look at passes and says so."""
    observed_at = max(batch["moment"]["answered_at"] for batch in batches)
    yield _one_contract(dataset, current, read, plan)
    yield _source_went_back(current, batches)
    yield from _counts(dataset, current, plan, counts)
    yield from _losses(dataset, current, plan, observed_at)
    yield from _nulls(dataset, current, plan, observed_at)
    yield from _new_values(dataset, batches)


def _one_contract(dataset: Dataset, current: Version, read: Read, plan: Plan) -> Check:
    """A table that is always read in parts takes the new contract part by part."""
    known = current.receipt.get("contract", dataset.version)
    is_partial = read["covers"] != {} or bool(plan.outdated)
    was_whole = current.receipt.get("full_read") is not None
    differs = "" if known == dataset.version else f", the table has version {known}"
    return Check(
        "one contract",
        passed=known == dataset.version or not (is_partial and was_whole),
        found=f"version {dataset.version}{differs}",
        hint="this read has only some rows; read everything once, with no other run in progress",
        can_waive=True,
    )


def _source_went_back(current: Version, batches: Sequence[StagedBatch]) -> Check:
    """A read that began after the current one was answered must not be of an older state."""
    known = current.receipt.get("moment")
    moments = [batch["moment"] for batch in batches]
    older = [
        moment
        for moment in moments
        if known and moment["modified_at"] < known["modified_at"] and not is_later(known, moment)
    ]
    return Check(
        "source went back",
        passed=not older,
        found=f"last changed {older[0]['modified_at']}, the current version is of "
        f"{known['modified_at']}"
        if older and known
        else FIRST
        if not known
        else "it did not",
        hint="the publisher serves an older copy: run again later, or waive this check",
        can_waive=True,
    )


def _counts(dataset: Dataset, current: Version, plan: Plan, counts: Counts) -> Iterator[Check]:
    quarantined = plan.quarantine.num_rows
    before, after = _total(current.parts), _total(plan.parts)
    yield Check(
        "landed = valid + quarantined",
        passed=plan.landed == plan.valid + quarantined,
        found=f"{plan.landed:,} = {plan.valid:,} + {quarantined:,}",
        hint=OURS,
    )
    yield Check(
        f"{dataset.key} is unique",
        passed=plan.distinct_keys == plan.planned_rows,
        found=f"{plan.planned_rows:,} rows, {plan.distinct_keys:,} different keys",
        hint="look at the quarantine of this read",
    )
    yield Check(
        "rows = rows before + published - retracted",
        passed=after == before + counts["published"] - counts["retracted"],
        found=f"{after:,} = {before:,} + {counts['published']:,} - {counts['retracted']:,}",
        hint=OURS,
    )
    limit = dataset.limits.quarantine
    if limit:
        yield Check(
            "quarantine",
            passed=limit.allows(quarantined, plan.landed),
            found=f"{quarantined:,} of {plan.landed:,} rows",
            hint=f"the limit is {limit}; look at the quarantine of this read",
            can_waive=True,
        )


def _losses(dataset: Dataset, current: Version, plan: Plan, observed_at: str) -> Iterator[Check]:
    before, after = _total(current.parts), _total(plan.parts)
    limits = dataset.limits
    if limits.rows_in_total:
        yield Check(
            "rows in total",
            passed=limits.rows_in_total.allows(before - after, before),
            found=f"{after:,}, {before:,} before" if before else f"{after:,}, {FIRST}",
            hint=f"the limit is {limits.rows_in_total}; {LOOK}",
            can_waive=True,
        )
    if limits.rows_per_partition:
        lost = {
            name: part["rows"] - plan.parts.get(name, {"rows": 0})["rows"]
            for name, part in current.parts.items()
            if not dataset.is_open(name, observed_at)
        }
        limit = limits.rows_per_partition
        bad = [n for n in lost if not limit.allows(lost[n], current.parts[n]["rows"])]
        shown = sorted(bad or [n for n in lost if lost[n] > 0], key=lambda n: (-lost[n], n))
        yield Check(
            f"rows per {dataset.partition_by}",
            passed=not bad,
            found=examples(f"{n} lost {lost[n]:,} of {current.parts[n]['rows']:,}" for n in shown)
            or ("none lost rows" if current.parts else FIRST),
            hint=f"the limit is {limit}; {LOOK}",
            can_waive=True,
        )


def _nulls(dataset: Dataset, current: Version, plan: Plan, observed_at: str) -> Iterator[Check]:
    """The share of missing values grows by no more than the limit, in each partition and in all."""
    limit = dataset.limits.nulls
    if limit is None:
        return
    columns = [c for c in dataset.columns if c.business and not c.required]
    if why := _incomparable(dataset, current, plan):
        yield from (_null_check(dataset, column, why, passed=True) for column in columns)
        return
    both = [name for name in current.parts if name in plan.parts]
    for column in columns:
        names = [n for n in both if not (column.reported_late and dataset.is_open(n, observed_at))]
        spans = {name: [name] for name in names if name in plan.changed} | {"in all": names}
        was = {at: _missing(column, current.parts, span) for at, span in spans.items()}
        now = {at: _missing(column, plan.parts, span) for at, span in spans.items()}
        bad = [
            at
            for at in spans
            if was[at][1]
            and not limit.allows(
                now[at][0] - Fraction(was[at][0] * now[at][1], was[at][1]), now[at][1]
            )
        ]
        found = examples(
            f"{at}: {now[at][0]:,} of {now[at][1]:,} are missing, {was[at][0]:,} of "
            f"{was[at][1]:,} before"
            for at in bad or ["in all"]
        )
        yield _null_check(dataset, column, found, passed=not bad)


def _incomparable(dataset: Dataset, current: Version, plan: Plan) -> str:
    if not current.parts:
        return FIRST
    if current.receipt.get("contract") != dataset.version:
        return "not compared: the contract is new"
    return "" if plan.changed else "nothing changes"


def _null_check(dataset: Dataset, column: Column, found: str, *, passed: bool) -> Check:
    return Check(
        f"nulls of {column.name}",
        passed=passed,
        found=found,
        hint=f"the share may grow by {dataset.limits.nulls}; {LOOK}",
        can_waive=True,
    )


def _missing(column: Column, parts: Mapping[str, Any], names: Iterable[str]) -> tuple[int, int]:
    """Missing values, and rows."""
    some = [parts[name] for name in names]
    return sum(p["nulls"].get(column.name, 0) for p in some), sum(p["rows"] for p in some)


def _new_values(dataset: Dataset, batches: Sequence[StagedBatch]) -> Iterator[Check]:
    for column in dataset.columns:
        if not (column.known or column.shape):
            continue
        new = {value for batch in batches for value in batch["new_values"].get(column.name, [])}
        yield Check(
            f"known values of {column.name}" if column.known else f"shape of {column.name}",
            passed=not new,
            found=f"new: {examples(map(repr, sorted(new)))}" if new else "nothing new",
            hint="add it to the contract if it is right",
            warns=True,
            can_waive=True,
        )


def _total(parts: Mapping[str, Part]) -> int:
    return sum(part["rows"] for part in parts.values())

"""What must hold before a read is published: the counts, the files, and how much it takes away.

All of it is known by now from the head's receipt, the plan, and what the files said when they
were read back, so that nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from include.first.contract import Column
from include.first.lake import Head
from include.first.quality import Check
from include.vehicle_recalls import losses
from include.vehicle_recalls.compare import Comparison
from include.vehicle_recalls.contract import CONTRACT, DATE
from include.vehicle_recalls.extract import Read
from include.vehicle_recalls.losses import some, total
from include.vehicle_recalls.plan import Plan
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import Candidate, Written

Candidates = Mapping[int, Candidate]
NO_FILES = "no new files"
OURS = "a step went wrong; run again, and report it if it stays"


def audit(
    head: Head, read: Read, batches: Sequence[Written], plan: Plan, comparison: Comparison | None
) -> list[Check]:
    """Always the same checks; those without anything to look at pass and say so."""
    before = year_states(head.receipt)
    same_contract = head.receipt.get("contract", CONTRACT.version) == CONTRACT.version
    open_year = int(batches[0]["staged"]["last_modified"][:4])
    landed = sum(batch["staged"]["landed"] for batch in batches)
    return [
        _one_source(head, read),
        _one_contract(head, read, plan),
        *_read_counts(read, batches, plan),
        *_table_counts(head, plan, comparison),
        *_files(plan.candidates),
        losses.quarantine(plan.quarantine.num_rows, landed, read["token"]),
        losses.rows_per_year(before, plan.years, open_year),
        losses.rows_in_total(before, plan.years),
        *losses.nulls(before, plan.years, plan.changed, open_year, same_contract=same_contract),
        *_known_values(plan.candidates),
    ]


def counts_of(plan: Plan, head: Head, comparison: Comparison | None) -> dict[str, int]:
    """Campaigns published, edited, retracted and unchanged, over the whole table."""
    if comparison is None:
        rows = total(plan.years)
        published = 0 if head.receipt else rows
        unchanged = rows - published - plan.kept
        return {"published": published, "edited": 0, "retracted": 0, "unchanged": unchanged}
    still = total({year: s for year, s in plan.years.items() if year not in plan.changed})
    return {
        "published": comparison.published,
        "edited": comparison.edited,
        "retracted": comparison.retracted,
        "unchanged": still - (plan.kept - comparison.kept_found) + comparison.unchanged,
    }


def _one_source(head: Head, read: Read) -> Check:
    source = {"dataset": read["dataset"], "publisher": read["publisher"]}
    known = head.receipt.get("source", source)
    differs = "" if known == source else f", the table holds {_named(known)}"
    return Check(
        "one source",
        passed=known == source,
        found=f"this read is {_named(source)}{differs}",
        cure="use another bucket for another source",
    )


def _named(source: dict[str, str]) -> str:
    return f"{source['dataset']} ({source['publisher']})"


def _one_contract(head: Head, read: Read, plan: Plan) -> Check:
    known = head.receipt.get("contract", CONTRACT.version)
    in_part = bool(read["years"] or plan.left_alone or plan.overtaken)
    return Check(
        "one contract",
        passed=known == CONTRACT.version or not in_part,
        found=f"version {CONTRACT.version}"
        + ("" if known == CONTRACT.version else f", the table has version {known}"),
        cure="its years would be of two contracts; run all years first, with no other run beside",
    )


def _read_counts(read: Read, batches: Sequence[Written], plan: Plan) -> Iterator[Check]:
    staged = [batch["staged"] for batch in batches]
    replaced_since = staged[0]["last_modified"] != read["source_last_modified"]
    landed = sum(batch["landed"] for batch in staged)
    accepted = sum(batch["accepted"] for batch in staged) - plan.set_aside
    quarantined = plan.quarantine.num_rows
    yield Check(
        "census = landed",
        passed=landed == read["source_rows"] or replaced_since,
        found=f"{landed:,}; the source was replaced after the census"
        if replaced_since
        else f"{read['source_rows']:,} = {landed:,}",
        cure="the source counts itself in two ways; run again, and look at it if it stays",
    )
    yield Check(
        "landed = accepted + quarantined",
        passed=landed == accepted + quarantined,
        found=f"{landed:,} = {accepted:,} + {quarantined:,}",
        cure=OURS,
    )
    yield Check(
        "rows in the years read = accepted + kept",
        passed=plan.rows_read == plan.accepted + plan.kept,
        found=f"{plan.rows_read:,} = {plan.accepted:,} + {plan.kept:,}",
        cure=OURS,
    )


def _table_counts(head: Head, plan: Plan, comparison: Comparison | None) -> Iterator[Check]:
    was, now = total(year_states(head.receipt)), total(plan.years)
    counts = counts_of(plan, head, comparison)
    published, edited, unchanged = counts["published"], counts["edited"], counts["unchanged"]
    yield Check(
        "rows = published + edited + unchanged + kept",
        passed=now == published + edited + unchanged + plan.kept and unchanged >= 0,
        found=f"{now:,} = {published:,} + {edited:,} + {unchanged:,} + {plan.kept:,}",
        cure=OURS,
    )
    yield Check(
        "rows = rows before + published - retracted",
        passed=now == was + published - counts["retracted"],
        found=f"{now:,} = {was:,} + {published:,} - {counts['retracted']:,}",
        cure=OURS,
    )
    keys = plan.distinct_keys
    yield Check(
        f"{CONTRACT.key} is unique over all years",
        passed=keys is None or keys == now,
        found=NO_FILES if keys is None else f"{now:,} rows, {keys:,} different keys",
        cure="look at the quarantine of this read",
    )


def _files(candidates: Candidates) -> Iterator[Check]:
    """What the files say of themselves, and not what they were made from."""
    years = sorted(candidates.items())
    unlike = [f"{year} {what}" for year, made in years for what in made["unlike"]]
    yield _of_files("types", unlike, candidates)
    keyless = [
        f"{year} has {made['nulls'][CONTRACT.key]:,} rows without"
        for year, made in years
        if made["nulls"].get(CONTRACT.key)
    ]
    yield _of_files(f"{CONTRACT.key} is never null", keyless, candidates)
    dates = CONTRACT.schema.field(DATE).type
    astray = [
        f"{year} has {' to '.join(made['ranges'].get(DATE, ['none']))}"
        for year, made in years
        if made["nulls"].get(DATE)
        or {day and day.year for day in _values(made, DATE, dates)} != {year}
    ]
    yield _of_files("dates are inside their year", astray, candidates)
    beyond = [
        f"{year} has {column.name} {' to '.join(made['ranges'][column.name])}"
        for year, made in years
        for column in CONTRACT.columns
        if not all(_inside(column, v) for v in _values(made, column.name, column.type))
    ]
    # A row in quarantine keeps its last state, which a narrower contract may no longer allow.
    yield _of_files("ranges", beyond, candidates)._replace(can_be_accepted=True)


def _of_files(name: str, problems: list[str], candidates: Candidates) -> Check:
    return Check(
        name,
        passed=not problems,
        found=some(problems) or (f"{len(candidates):,} new files" if candidates else NO_FILES),
        cure="a file is not what it was made from; run again, and report it if it stays",
    )


def _values(made: Candidate, name: str, kind: pa.DataType) -> list[Any]:
    """The ends of a column's range; None for what is not of its type at all."""
    try:
        return [pa.scalar(text).cast(kind).as_py() for text in made["ranges"].get(name, [])]
    except pa.ArrowInvalid:
        return [None]


def _inside(column: Column, value: Any) -> bool:
    """False for what is no number, too: it is neither below nor above anything."""
    return (
        value is not None
        and (column.minimum is None or value >= column.minimum)
        and (column.maximum is None or value <= column.maximum)
    )


def _known_values(candidates: Candidates) -> Iterator[Check]:
    for column in CONTRACT.columns:
        if column.known:
            new = {v for made in candidates.values() for v in made["unknown"].get(column.name, [])}
            yield Check(
                f"known values of {column.name}",
                passed=not new,
                found=f"new: {some(map(repr, sorted(new)))}" if new else "none is new",
                cure="add them to the contract if they are right",
                warns=True,
                can_be_accepted=True,
            )

"""Compare with the head, check, commit: the one step that changes what readers see."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from typing import Any, TypedDict, cast

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake import CommitConflict, DataFile, Head, Keys, Lake, LakeError
from include.quality import Check, require
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import Part, Read, TornRead
from include.vehicle_recalls.reconcile import Plan, reconcile
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import Written

log = logging.getLogger(__name__)
KEYS = Keys(CONTRACT.name)
TABLE_SCHEMA = CONTRACT.schema.append(pa.field("year", pa.int32()))
PUBLISHES = 20  # as many publishers may be in line; each needs one commit to get past another


class ChangedYear(TypedDict):
    before: int  # rows
    after: int


class Published(TypedDict):
    """What a run did to the table, or would have done."""

    token: str
    version: int | None  # None: nothing was committed
    dry_run: bool
    years_read: list[int]  # empty: all of them
    source: dict[str, str]
    source_last_modified: str
    observed_at: str
    counts: dict[str, int]
    checks: list[str]
    new_columns: list[str]
    left_alone: list[int]
    overtaken: list[int]
    changed: dict[str, ChangedYear]


def publish(
    lake: Lake, parts: Sequence[Part], batches: Sequence[Written], *, dry_run: bool
) -> Published:
    """Bring the table to what this read says, in one commit or not at all.

    Who loses the race for a version compares and checks again on top of the winner's.
    """
    read = parts[0]["read"]
    _whole_read(parts, batches)
    trouble: LakeError | None = None
    for _ in range(PUBLISHES):
        head = lake.head(KEYS.table)
        if version := lake.committed_as(head, read["token"], since=read["head_version"]):
            return _told(lake.receipt(KEYS.table, version), version)
        if trouble:
            raise trouble
        plan = reconcile(lake, head, read, batches)
        checks = require(_audit(head, read, batches, plan))
        _write_quarantine(lake, read, plan)
        receipt = _receipt(head, read, batches, plan, checks)
        if dry_run or not plan.changed:
            return _told(receipt, None, dry_run=dry_run)
        if head.handle is None:
            lake.create(KEYS.table, TABLE_SCHEMA, partition_by="year")
            continue
        try:
            return _told(receipt, _commit(lake, head, receipt, plan))
        except CommitConflict as conflict:
            log.info("%s; comparing again on top of it", conflict)
            time.sleep(random.uniform(0.05, 0.5))  # so that two in line do not meet again
        except LakeError as error:
            trouble = error  # the answer may be lost and not the commit: the log knows
    raise LakeError(
        f"{KEYS.table}: {PUBLISHES} other writers committed first, one after the other; "
        "the table is as they left it. Run again when fewer write"
    )


def _told(receipt: dict[str, Any], version: int | None, *, dry_run: bool = False) -> Published:
    told = {name: receipt[name] for name in Published.__annotations__ if name in receipt}
    return cast("Published", {**told, "version": version, "dry_run": dry_run})


def _whole_read(parts: Sequence[Part], batches: Sequence[Written]) -> None:
    if len(batches) != len(parts):
        raise TornRead(
            f"{len(parts)} batches were planned but {len(batches)} arrived; nothing was published. "
            "Clear the failed tasks of this run"
        )
    read = parts[0]["read"]
    if any(batch["staged"]["read"]["token"] != read["token"] for batch in batches):
        raise TornRead("batches of another read arrived; nothing was published. Run again")
    if not read["years"] and not any(batch["staged"]["landed"] for batch in batches):
        raise TornRead(
            f"the source has no rows now and had {read['source_rows']:,} when the run began; "
            "nothing was published. Run again when it holds still"
        )
    moments = sorted({batch["staged"]["last_modified"] for batch in batches})
    if len(moments) > 1:
        raise TornRead(
            f"the source was replaced between batches ({moments[0]}, then {moments[-1]}); "
            "nothing was published. Run again: the next run reads all of it anew"
        )


def _audit(head: Head, read: Read, batches: Sequence[Written], plan: Plan) -> list[Check]:
    staged = [batch["staged"] for batch in batches]
    replaced_since = staged[0]["last_modified"] != read["source_last_modified"]
    landed = sum(batch["landed"] for batch in staged)
    accepted = sum(batch["accepted"] for batch in staged) - plan.set_aside
    quarantined = plan.quarantine.num_rows
    source = {"dataset": read["dataset"], "publisher": read["publisher"]}
    known = head.receipt.get("source", source)
    checks = [
        Check(
            "one source",
            known == source,
            f"this read is {_named(source)}"
            + ("" if known == source else f", the table holds {_named(known)}"),
            "use another bucket for another source",
        ),
        Check(
            "census = landed",
            landed == read["source_rows"] or replaced_since,
            f"{read['source_rows']:,} = {landed:,}"
            if not replaced_since
            else f"{landed:,}; the source was replaced after the census",
            "the source counts itself in two ways; run again, and look at it if it stays",
        ),
        Check(
            "landed = accepted + quarantined",
            landed == accepted + quarantined,
            f"{landed:,} = {accepted:,} + {quarantined:,}",
            "a step lost rows; run again, and report it if it stays",
        ),
        Check(
            "rows in the years read = accepted + kept",
            plan.rows_read == plan.accepted + plan.kept,
            f"{plan.rows_read:,} = {plan.accepted:,} + {plan.kept:,}",
            "a step lost rows; run again, and report it if it stays",
        ),
    ]
    if plan.distinct_keys is not None:
        rows = sum(state.rows for state in plan.years.values())
        checks.append(
            Check(
                f"{CONTRACT.key} is unique over all years",
                plan.distinct_keys == rows,
                f"{rows:,} rows, {plan.distinct_keys:,} different keys",
                "look at the quarantine of this read",
            )
        )
    return checks


def _named(source: dict[str, str]) -> str:
    return f"{source['dataset']} ({source['publisher']})"


def _write_quarantine(lake: Lake, read: Read, plan: Plan) -> None:
    if plan.quarantine.num_rows:
        sink = pa.BufferOutputStream()
        pq.write_table(plan.quarantine, sink, compression="zstd")
        # Over what an earlier comparison of this same read set aside; nobody else writes here.
        made_from = {"token": read["token"]}
        lake.project(KEYS.quarantine(read["token"]), sink.getvalue().to_pybytes(), made_from)


def _receipt(
    head: Head, read: Read, batches: Sequence[Written], plan: Plan, checks: Sequence[Check]
) -> dict[str, Any]:
    """The whole state of the pipeline after the commit, and how it came about."""
    staged = [batch["staged"] for batch in batches]
    before = year_states(head.receipt)
    version = head.version + 1
    return {
        "token": read["token"],
        "run_id": read["run_id"],
        "contract": CONTRACT.version,
        "source": {"dataset": read["dataset"], "publisher": read["publisher"]},
        "source_last_modified": staged[0]["last_modified"],
        "observed_at": max(batch["answered_at"] for batch in staged),
        "read_whole": _read_whole(head, read, batches),
        "baseline": head.receipt.get("baseline") or (None if read["years"] else version),
        "years_read": read["years"],
        "counts": {
            "landed": sum(batch["landed"] for batch in staged),
            "accepted": sum(batch["accepted"] for batch in staged) - plan.set_aside,
            "not_newer": plan.not_newer,
            "quarantined": plan.quarantine.num_rows,
            "kept": plan.kept,
            "rows": sum(state.rows for state in plan.years.values()),
        },
        "checks": [f"{check.name} ({check.found})" for check in checks],
        "new_columns": sorted({name for batch in staged for name in batch["new_columns"]}),
        "left_alone": plan.left_alone,
        "overtaken": plan.overtaken,
        "changed": {
            str(year): ChangedYear(
                before=before[year].rows if year in before else 0, after=state.rows
            )
            for year, state in plan.changed.items()
        },
        "years": {str(year): state._asdict() for year, state in plan.years.items()},
    }


def _read_whole(head: Head, read: Read, batches: Sequence[Written]) -> list[str]:
    """When all years were last read: a year that the table does not have was not there then."""
    known: list[str] = head.receipt.get("read_whole", ["", ""])
    if read["years"]:
        return known
    staged = [batch["staged"] for batch in batches]
    return max(known, min([batch["last_modified"], batch["answered_at"]] for batch in staged))


def _commit(lake: Lake, head: Head, receipt: dict[str, Any], plan: Plan) -> int:
    before = year_states(head.receipt)
    adds = [
        DataFile(state.path, str(year), state.rows)
        for year, state in plan.changed.items()
        if state.path
    ]
    removes = [head.files[str(year)] for year in plan.changed if year in before]
    return lake.commit(KEYS.table, head, adds, removes, receipt)

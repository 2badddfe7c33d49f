"""Compare with the head, check, commit: the one step that changes what readers see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

import pyarrow as pa
import pyarrow.parquet as pq

from include.first.in_turn import write_in_turn
from include.first.keys import Keys
from include.first.lake import DataFile, Head, Lake
from include.first.quality import Check, require
from include.vehicle_recalls.audit import audit, counts_of
from include.vehicle_recalls.compare import Comparison, compare
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import TABLE_SCHEMA, Part, Read, TornRead
from include.vehicle_recalls.plan import Plan
from include.vehicle_recalls.reconcile import reconcile
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import Written
from include.vehicle_recalls.years import NOTHING

KEYS = Keys(CONTRACT.name)


class ChangedYear(TypedDict):
    before: int  # rows
    after: int


class Rebuilt(TypedDict):
    """What a replay made, held against the head."""

    years: int
    same_bytes: int
    differ: list[int]  # in content


class Published(TypedDict):
    """What a run did to the table, or would have done."""

    token: str
    replay_of: str | None  # the read whose landed bytes this run took
    held_back: str  # why a replay was compared and not published
    rebuilt: Rebuilt | None
    rebaseline: bool  # our contract changed: what differs is no news of the source's
    version: int | None  # None: nothing was committed
    dry_run: bool
    years_read: list[int]  # empty: all of them
    source: dict[str, str]
    source_last_modified: str
    observed_at: str
    counts: dict[str, int]
    checks: list[dict[str, str]]
    new_columns: list[str]
    left_alone: list[int]
    overtaken: list[int]
    changed: dict[str, ChangedYear]


def publish(
    lake: Lake,
    parts: Sequence[Part],
    batches: Sequence[Written],
    *,
    dry_run: bool,
    accept: Mapping[str, str] | None = None,
) -> Published:
    """Bring the table to what this read says, in one commit or not at all.

    Who loses the race for a version compares and checks again on top of the winner's. `accept`
    gives a reason for each check that may fail this time.
    """
    read = parts[0]["read"]
    _whole_read(parts, batches)

    def write(head: Head) -> Published:
        plan = reconcile(lake, head, read, batches)
        _write_quarantine(lake, read, plan)
        comparison = _compared(lake, head, plan)
        held_back = _held_back(head, read)
        checks = audit(head, read, batches, plan, comparison)
        if not held_back:  # what is only compared may differ as it likes
            checks = require(checks, accept or {})
        receipt = _receipt(head, read, batches, plan, checks)
        receipt["counts"] |= counts_of(plan, head, comparison)
        receipt["held_back"] = held_back
        # The first read of all years, or under this contract, counts also when no row differs.
        is_baseline = bool(head.receipt) and receipt["baseline"] == head.version + 1
        if dry_run or held_back or not (plan.changed or is_baseline):
            return _told(receipt, None, dry_run=dry_run)
        if head.handle is None:
            return write(lake.create(KEYS.table, TABLE_SCHEMA, partition_by="year"))
        receipt["events"] = _stage_events(lake, read, comparison)
        return _told(receipt, _commit(lake, head, receipt, plan))

    return write_in_turn(
        lake,
        KEYS.table,
        read["token"],
        read["head_version"],
        write=write,
        written=lambda version: _told(lake.receipt(KEYS.table, version), version),
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


def _compared(lake: Lake, head: Head, plan: Plan) -> Comparison | None:
    """Every campaign before and after; a baseline is compared by keys alone: it has no events."""
    if not plan.changed or not head.receipt:
        return None
    if any(made["unlike"] for made in plan.candidates.values()):
        return None  # it could not be read; the audit says why
    before = year_states(head.receipt)
    baseline = head.receipt["baseline"] and not _rebaseline(head)
    return compare(lake, before, plan.years, plan.kept_keys, with_events=bool(baseline))


def _rebaseline(head: Head) -> bool:
    """Whether our own contract changed since: what then differs is no news of the source's."""
    return bool(head.receipt.get("baseline")) and head.receipt["contract"] != CONTRACT.version


def _stage_events(lake: Lake, read: Read, comparison: Comparison | None) -> dict[str, str] | None:
    """Keep what was found for the ledger, which else would have to compare again."""
    if comparison is None or comparison.events is None:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, comparison.events.schema) as writer:
        writer.write_table(comparison.events.combine_chunks())
    body = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(body).hexdigest()
    key = KEYS.staging(read["token"], f"events-{sha256}.arrow")
    lake.put(key, body)
    return {"key": key, "sha256": sha256}


def _held_back(head: Head, read: Read) -> str:
    """Landed bytes are published only where the head came from them, or where there is none."""
    replayed = read["replay_of"]
    came_from = {head.receipt.get("token"), head.receipt.get("replay_of")}
    if replayed is None or not head.receipt or replayed in came_from:
        return ""
    return f"raw:{replayed} is not the read that the table came from: compared, not published"


def _rebuilt(head: Head, read: Read, batches: Sequence[Written]) -> Rebuilt | None:
    if read["replay_of"] is None:
        return None
    known = year_states(head.receipt)
    staged = {int(y): s for batch in batches for y, s in batch["staged"]["years"].items()}
    made = {int(y): c["sha256"] for batch in batches for y, c in batch["candidates"].items()}
    same = [year for year in known if made.get(year) == known[year].sha256]
    content = {year: state.content for year, state in known.items()}
    differ = [y for y, s in staged.items() if s["content"] != content.get(y, NOTHING)]
    return Rebuilt(years=len(staged), same_bytes=len(same), differ=sorted(differ))


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
    baseline = head.receipt.get("baseline")
    if _rebaseline(head) or not (baseline or read["years"]):
        baseline = version
    return {
        "token": read["token"],
        "replay_of": read["replay_of"],
        "landings": sorted(batch["folder"] for batch in staged),
        "rebuilt": _rebuilt(head, read, batches),
        "run_id": read["run_id"],
        "contract": CONTRACT.version,
        "source": {"dataset": read["dataset"], "publisher": read["publisher"]},
        "source_last_modified": staged[0]["last_modified"],
        "observed_at": max(batch["answered_at"] for batch in staged),
        "read_whole": _read_whole(head, read, batches),
        "baseline": baseline,
        "rebaseline": _rebaseline(head),
        "years_read": read["years"],
        "counts": {
            "landed": sum(batch["landed"] for batch in staged),
            "accepted": sum(batch["accepted"] for batch in staged) - plan.set_aside,
            "not_newer": plan.not_newer,
            "quarantined": plan.quarantine.num_rows,
            "kept": plan.kept,
            "rows": sum(state.rows for state in plan.years.values()),
        },
        "checks": [check.told() for check in checks],
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

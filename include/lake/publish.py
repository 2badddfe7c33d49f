"""Publish a read: plan, check, commit; and again when another writer was first."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from include.data.checks import Check, require
from include.data.contract import Dataset
from include.data.diff import Diff
from include.data.tables import to_parquet
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import write_events
from include.lake.plan import Plan, plan_for
from include.lake.reads import Read, refuse_other_source
from include.lake.staging import StagedBatch
from include.lake.standard_checks import standard_checks
from include.lake.store import Conflict, Damaged, Store, StoreError
from include.lake.table import (
    DataFile,
    Version,
    commit,
    create_table,
    load_version,
    read_receipt,
)
from include.lake.version_diff import Counts, compare_versions

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 20  # one fails only if another writer commits during it
PUBLISHED, UNCHANGED, OUTDATED, DRY_RUN = "published", "unchanged", "outdated", "dry run"
Receipt = dict[str, Any]


def publish_read(
    store: Store,
    dataset: Dataset,
    read: Read,
    batches: Sequence[StagedBatch],
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
    more_checks: Callable[[Plan], Iterable[Check]] = lambda _plan: (),
) -> Receipt:
    """Make the read the next version, in one commit or not at all.

    Returns the receipt with its `version` (None: nothing was committed) and `outcome`.
    """
    if len(batches) != read["batches"]:
        raise PermanentError(
            f"{read['batches']} batches were planned but {len(batches)} arrived; nothing was "
            "published. Clear the failed tasks of this run"
        )
    unanswered: StoreError | None = None
    for _ in range(MAX_ATTEMPTS):
        current = load_version(store, Keys(dataset.name).table)
        if done := _committed(store, current, read):
            return done
        if unanswered:
            raise unanswered
        plan = plan_for(store, dataset, current, read, batches)
        refuse_other_source(dataset, current.receipt, read["source"])
        if plan.quarantine.num_rows:
            key = Keys(dataset.name).quarantine(read["read_id"])
            store.replace(key, to_parquet(plan.quarantine))
        counts, diff = compare_versions(store, plan)
        checks = require([*standard_checks(plan, counts), *more_checks(plan)], waive)
        receipt = _receipt(plan, counts, checks)
        is_new_baseline = current.exists and receipt["baseline"] == _next_number(current)
        if dry_run or not (plan.changed or is_new_baseline):
            return receipt | {"version": None, "outcome": _outcome(plan, dry_run=dry_run)}
        try:
            return _commit(store, plan, receipt, diff)
        except Conflict as conflict:
            log.info("%s; planning again on top of it", conflict)
            time.sleep(random.uniform(0.05, 0.5))  # so that two writers do not meet again
        except PermanentError:
            raise
        except StoreError as error:
            unanswered = error  # the commit may have arrived: the log knows
    raise StoreError(
        f"{dataset.name}: other writers committed first {MAX_ATTEMPTS} times; run again"
    )


def _committed(store: Store, current: Version, read: Read) -> Receipt | None:
    """The receipt of this read, if a version since its begin has it."""
    for number in range(current.number, read["since_version"], -1):
        receipt = read_receipt(store, current.table, number)
        if receipt.get("read_id") == read["read_id"]:
            return receipt | {"version": number, "outcome": PUBLISHED}
    return None


def _next_number(current: Version) -> int:
    return max(current.number + 1, 1)  # version 0 is the empty table


def _outcome(plan: Plan, *, dry_run: bool) -> str:
    if plan.changed and dry_run:
        return DRY_RUN
    return OUTDATED if plan.outdated and not plan.changed else UNCHANGED


def _receipt(plan: Plan, counts: Counts, checks: Sequence[Check]) -> Receipt:
    """The pipeline's whole state after the commit, and how it came about."""
    known, moment = plan.current.receipt, plan.moment
    is_full = plan.read["covers"] == {} and not plan.outdated
    return {
        **plan.read,
        "contract": plan.dataset.version,
        "columns": plan.dataset.column_types,
        "moment": moment,
        "observed_at": moment["answered_at"],
        "full_read": moment if is_full else known.get("full_read"),
        "baseline": _baseline(plan),
        "outdated": plan.outdated,
        "counts": {
            "landed": plan.landed,
            "valid": plan.valid,
            "quarantined": plan.quarantine.num_rows,
            **counts,
        },
        "checks": [check.as_dict() for check in checks],
        "changed": plan.changed,
        "facts": {batch["label"]: batch["facts"] for batch in plan.batches},
        "events": None,
        "retracted": known.get("retracted", []),
        "parts": plan.parts,
    }


def _baseline(plan: Plan) -> int | None:
    """The version that the ledger starts from: the first of a contract.

    A partial read that may not retract is none: later reads would record all other rows as newly
    published.
    """
    known, contract = plan.current.receipt, plan.dataset.version
    is_first = known.get("baseline") is None and plan.read["covers"] is not None
    if is_first or known.get("contract", contract) != contract:
        return _next_number(plan.current)
    return known.get("baseline")


def _commit(store: Store, plan: Plan, receipt: Receipt, diff: Diff | None) -> Receipt:
    dataset, current, keys = plan.dataset, plan.current, Keys(plan.dataset.name)
    if not current.exists:
        current = create_table(store, keys.table, dataset.table_schema, dataset.partition_by)
        if current.number:
            raise Conflict(f"another writer committed to {dataset.name} first")
    if diff and receipt["baseline"] not in {None, current.number + 1}:
        receipt |= write_events(store, dataset, diff, receipt, current.number + 1)
    new = {name: plan.parts[name] for name in plan.changed if name in plan.parts}
    stored = store.list(f"{keys.table}/{receipt['read_id']}") if new else {}
    # Delta does not look whether an added file exists; a missing one breaks every reader.
    for name, part in new.items():
        found = stored.get(keys.table_file(part["path"]))
        if found is None or found.etag != part["etag"]:
            raise Damaged(
                f"the candidate file of {name or 'the table'} is missing or not what was written; "
                "clear the task that wrote it"
            )
    files = current.files()
    removed = [current.parts[name]["path"] for name in plan.changed if name in current.parts]
    if lost := [path for path in removed if path not in files]:
        raise Damaged(
            f"{store.url(keys.table)}: the log does not name {lost[0]}, which its receipt does; "
            "restore the table from a copy"
        )
    version = commit(
        current,
        [DataFile(part["path"], name, part["rows"], part["size"]) for name, part in new.items()],
        [files[path] for path in removed],
        receipt,
    )
    return receipt | {"version": version, "outcome": PUBLISHED}

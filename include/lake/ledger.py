"""The ledger: every change of every row, exactly once per version.

The events of a version are written before its commit and named in its receipt, so they are part
of it. A Delta table over these files, brought up to date afterwards, makes them readable by any
engine; its log, not its folder, says which files count.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.contract import Dataset
from include.data.diff import Diff, events_of, ledger_schema
from include.data.tables import concat, from_parquet, to_parquet
from include.errors import PermanentError
from include.lake.keys import Keys, ledger_path, origin_of
from include.lake.store import Conflict, Store, StoreError, parallel_map
from include.lake.table import (
    DataFile,
    Version,
    commit,
    create_table,
    get_file,
    load_version,
    read_receipt,
)


class LedgerBehind(PermanentError):
    """The ledger lacks events of a version that is committed."""


def write_events(
    store: Store, dataset: Dataset, diff: Diff, receipt: Mapping[str, Any], version: int
) -> dict[str, Any]:
    """Write the events of a version before its commit; returns what its receipt says of them."""
    observed_at = datetime.fromisoformat(receipt["observed_at"])
    retracted = set(receipt["retracted"])
    events = events_of(dataset, diff, version, observed_at, sorted(retracted))
    retracted -= set(dataset.keys(diff.published).to_pylist())
    retracted |= set(dataset.keys(diff.retracted).to_pylist())
    if not events.num_rows:
        return {"events": None, "retracted": sorted(retracted)}
    body = to_parquet(events)
    path = ledger_path(version, receipt["read_id"], hashlib.sha256(body).hexdigest())
    store.put(Keys(dataset.name).ledger_file(path), body)
    return {
        "events": {"path": path, "rows": events.num_rows, "size": len(body)},
        "retracted": sorted(retracted),
    }


def update_ledger(store: Store, dataset: Dataset) -> list[int]:
    """Add the events of every version that the ledger's table lacks; returns the versions."""
    keys = Keys(dataset.name)
    while True:
        ledger, table = load_version(store, keys.ledger), load_version(store, keys.table)
        _refuse_other_history(store, ledger, table)
        missing = _missing(store, ledger, table)
        if not missing:
            return []
        if not ledger.exists:
            ledger = create_table(store, keys.ledger, ledger_schema(dataset), indexed_columns=2)
            if ledger.number:
                continue  # another writer made it, and committed already
        newest = max(missing)
        files = [
            DataFile(events["path"], "", events["rows"], events["size"], {"version": number})
            for number, events in ((number, r["events"]) for number, r in missing.items())
        ]
        receipt = {"version": newest, "read_id": missing[newest]["read_id"]}
        try:
            commit(ledger, files, [], receipt)
        except Conflict:
            continue
        except StoreError:
            # The answer may be lost, not the commit: the log knows.
            if load_version(store, keys.ledger).receipt.get("version") != newest:
                raise
        return sorted(missing)


def _missing(store: Store, ledger: Version, table: Version) -> dict[int, Mapping[str, Any]]:
    """The receipts whose events the ledger lacks, by version."""
    known = ledger.receipt.get("version", 0)  # the table's creation; it has no events
    numbers = range(known + 1, table.receipt_number + 1)
    receipts = {number: receipt_at(store, table, number) for number in numbers}
    return {number: receipt for number, receipt in receipts.items() if receipt.get("events")}


def _refuse_other_history(store: Store, ledger: Version, table: Version) -> None:
    known = ledger.receipt.get("version", 0)
    if not known:
        return
    is_known = known <= table.receipt_number
    if not is_known or receipt_at(store, table, known)["read_id"] != ledger.receipt["read_id"]:
        raise PermanentError(
            f"{store.url(ledger.table)} has events of a version {known} that "
            f"{store.url(table.table)} does not have; restore both from the same copy"
        )


def receipt_at(store: Store, table: Version, number: int) -> Mapping[str, Any]:
    if number == table.receipt_number:
        return table.receipt
    return read_receipt(store, table.table, number)


def read_events(store: Store, dataset: Dataset, receipt: Mapping[str, Any]) -> pa.Table:
    """The events of one version."""
    if not receipt.get("events"):
        return ledger_schema(dataset).empty_table()
    return _read_file(store, dataset, receipt["events"]["path"])


class Ledger(NamedTuple):
    """Every event up to a version of the table, and the read that brought each version."""

    events: pa.Table
    read_ids: dict[int, str]


def read_ledger(store: Store, dataset: Dataset, table: Version) -> Ledger:
    """Raises LedgerBehind if the ledger lacks events that the table's receipts name."""
    ledger = load_version(store, Keys(dataset.name).ledger)
    if missing := _missing(store, ledger, table):
        raise LedgerBehind(
            f"the ledger of {dataset.name} has events up to version "
            f"{ledger.receipt.get('version', 0)}, the table is at version {max(missing)}; "
            f"run the command `refresh --dataset {dataset.name}`"
        )
    origins = {path: origin_of(path) for path in sorted(ledger.files())}
    read_ids = {v: read_id for v, read_id in origins.values() if v <= table.receipt_number}
    paths = [path for path, (version, _) in origins.items() if version in read_ids]
    tables = parallel_map(lambda path: _read_file(store, dataset, path), paths)
    return Ledger(concat([ledger_schema(dataset).empty_table(), *tables]), read_ids)


def _read_file(store: Store, dataset: Dataset, path: str) -> pa.Table:
    return from_parquet(get_file(store, Keys(dataset.name).ledger_file(path)))

"""The ledger of recalls: brought up to the head, one commit a version of the table; and read."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.bucket import REQUESTS_AT_ONCE, CommitConflict, Missing
from include.contract import TIMESTAMP
from include.errors import Hopeless
from include.keys import Keys
from include.lake import DataFile, Head, Lake, LakeError, let_others_pass
from include.ledger import EDITED, EVENTS, LEDGER_SCHEMA, PUBLISHED, REPUBLISHED, RETRACTED
from include.vehicle_recalls.compare import compare
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.state import year_states

log = logging.getLogger(__name__)
KEYS = Keys(CONTRACT.name)
LEDGER = "ledger"  # under this name each commit carries the table's version that it tells of
WRITERS = 20  # as many may be in line; each needs one commit to get past another
RESTORE_BOTH = "restore both from the same copy, or delete both to begin anew"
ORDER = [("nhtsa_id", "ascending"), ("field", "ascending")]


class LedgerTorn(Hopeless):
    """The ledger and the table are not of one history, or a link between them is missing."""


def bring_to_head(lake: Lake) -> list[int]:
    """Record each version of the table that the ledger lacks, exactly once; returns which."""
    recorded = []
    while (version := _record_next(lake)) is not None:
        recorded.append(version)
    return recorded


def refuse_other_history(lake: Lake) -> None:
    """Where ledger and table do not belong together, before anything is read or committed."""
    _known(lake, lake.head(KEYS.ledger), lake.head(KEYS.table))


def ledger_state(lake: Lake) -> tuple[int | None, int]:
    """The newest version of the table that the ledger tells of, and the newest there is."""
    ledger, table = lake.head(KEYS.ledger), lake.head(KEYS.table)
    return ledger.receipt.get("version"), table.receipt_version


def read_ledger(
    lake: Lake,
    *,
    since: datetime | None = None,
    versions: range | None = None,
    columns: list[str] | None = None,
) -> Iterator[pa.Table]:
    """The ledger's rows in the order of versions, a table for each that has any."""
    files = [
        f"{KEYS.ledger}/{path}"
        for path, file in sorted(lake.head(KEYS.ledger).files.items())
        if (since is None or file.values["observed_at"] >= since)
        and (versions is None or file.values["version"] in versions)
    ]
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for key in files:
            waiting.append(pool.submit(lake.read_parquet, key, columns))
            if len(waiting) > REQUESTS_AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _record_next(lake: Lake) -> int | None:
    """Record the oldest version that the ledger lacks; None when it lacks none.

    Each try loads the ledger once, and the number of its newest version is what it goes on from:
    who comes second fails at the log entry, loads again, and finds that version recorded.
    """
    tried, trouble = -1, None
    for _ in range(WRITERS):
        ledger, table = lake.head(KEYS.ledger), lake.head(KEYS.table)
        known = _known(lake, ledger, table)
        if trouble and known < tried:
            raise trouble
        if trouble:  # only the answer was lost
            return tried
        version = _next_receipt(lake, table, after=known)
        if version is None:
            return None
        if ledger.handle is None:
            lake.create(KEYS.ledger, LEDGER_SCHEMA, indexed_columns=2)
            continue
        try:
            _record(lake, ledger, known, version)
        except CommitConflict as conflict:
            log.info("%s; looking again what is left to record", conflict)
            let_others_pass()
        except LakeError as error:
            tried, trouble = version, error
        else:
            return version
    raise LakeError(
        f"{KEYS.ledger}: {WRITERS} other writers committed first, one after the other; nothing is "
        "lost, the next run goes on from there"
    )


def _known(lake: Lake, ledger: Head, table: Head) -> int:
    """The newest version that the ledger tells of, -1 for none; it must be one of this table."""
    # The same number as the commit's transaction, which Delta would read the whole log for.
    known: int = ledger.receipt.get("version", -1)
    if known < 0:
        return -1
    folder = f"s3://{lake.bucket}/"
    if known > table.receipt_version:
        newest = f"is at version {table.receipt_version}" if table.receipt else "has none"
        raise LedgerTorn(
            f"{folder}{KEYS.ledger} tells of version {known} of {folder}{KEYS.table}, which "
            f"{newest}; {RESTORE_BOTH}"
        )
    receipt = table.receipt
    if known < table.receipt_version:
        receipt = lake.receipt(KEYS.table, known)
    if receipt.get("token") != ledger.receipt["token"]:
        raise LedgerTorn(
            f"{folder}{KEYS.ledger} tells of another version {known} (read "
            f"{ledger.receipt['token']}) than {folder}{KEYS.table} has (read "
            f"{receipt.get('token')}); {RESTORE_BOTH}"
        )
    return known


def _next_receipt(lake: Lake, table: Head, after: int) -> int | None:
    return next(
        (
            version
            for version in range(after + 1, table.receipt_version + 1)
            if version == table.receipt_version or lake.receipt(KEYS.table, version)
        ),
        None,
    )


def _record(lake: Lake, ledger: Head, known: int, version: int) -> None:
    receipt = lake.receipt(KEYS.table, version)
    before = lake.receipt(KEYS.table, known) if known >= 0 else {}
    retracted = set(ledger.receipt.get("retracted", ()))
    events = _events(lake, before, receipt, version, retracted)
    keys = {event: _keys(events, event) for event in EVENTS}
    gone = retracted.difference(*(keys[event] for event in EVENTS if event != EDITED))
    told = {
        "version": version,
        "token": receipt["token"],
        "campaigns": {event: len(found) for event, found in keys.items()},
        "retracted": sorted(gone | keys[RETRACTED]),  # now: what may be republished
    }
    files = [_written(lake, events, version, receipt["token"])] if events.num_rows else []
    lake.commit(KEYS.ledger, ledger, files, [], told, transactions={LEDGER: version})
    log.info("version %d: %s", version, told["campaigns"])


def _events(
    lake: Lake, before: Mapping[str, Any], after: Mapping[str, Any], version: int, gone: set[str]
) -> pa.Table:
    """The rows of one version; none for a baseline and for what came before the first."""
    if after["baseline"] in {None, version}:
        return LEDGER_SCHEMA.empty_table()
    found = _staged(lake, after)
    if found is None:
        found = _compared(lake, before, after, version)
    returned = pc.and_(
        pc.equal(found["event"], PUBLISHED),
        pc.is_in(found["nhtsa_id"], value_set=pa.array(sorted(gone), pa.string())),
    )
    columns = {name: found[name] for name in found.schema.names} | {
        "event": pc.if_else(returned, REPUBLISHED, found["event"]),
        "version": pa.array([version] * found.num_rows, pa.int64()),
        "observed_at": pa.array(
            [datetime.fromisoformat(after["observed_at"])] * found.num_rows, TIMESTAMP
        ),
    }
    return pa.table(columns).select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA).sort_by(ORDER)


def _staged(lake: Lake, receipt: Mapping[str, Any]) -> pa.Table | None:
    """What publish found when it compared: it is as good as comparing again, while it is there."""
    staged = receipt.get("events")
    if not staged:
        return None
    try:
        body = lake.get(staged["key"])
    except Missing:
        return None
    if hashlib.sha256(body).hexdigest() != staged["sha256"]:
        return None
    return pa.ipc.open_stream(pa.BufferReader(body)).read_all()


def _compared(
    lake: Lake, before: Mapping[str, Any], after: Mapping[str, Any], version: int
) -> pa.Table:
    nothing_kept = pa.array([], pa.string())
    try:
        return compare(
            lake, year_states(before), year_states(after), nothing_kept, with_events=True
        ).events
    except Missing as error:
        raise LedgerTorn(
            f"the ledger cannot tell what version {version} changed: {error}. Restore the file "
            "from a copy; until then the ledger stays where it is, and skips nothing"
        ) from None


def _keys(events: pa.Table, event: str) -> set[str]:
    chosen: set[str] = set(events.filter(pc.equal(events["event"], event))["nhtsa_id"].to_pylist())
    return chosen


def _written(lake: Lake, events: pa.Table, version: int, token: str) -> DataFile:
    """Under a name that a second try gives again, to the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(events.combine_chunks(), sink, compression="zstd")
    body = sink.getvalue().to_pybytes()
    path = KEYS.ledger_file(version, token, hashlib.sha256(body).hexdigest())
    lake.put(f"{KEYS.ledger}/{path}", body)
    shared = {name: events[name][0].as_py() for name in ("version", "observed_at")}
    return DataFile(path, "", events.num_rows, values=shared)

"""The writer of every ledger: brought up to its table's head, one commit a version; and read.

What a version changed is the pipeline's to say; that each version is told exactly once, in order
and of one history with the table, is this module's.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.errors import PermanentError
from include.first.bucket import REQUESTS_AT_ONCE, CommitConflict
from include.first.contract import TIMESTAMP
from include.first.keys import Keys
from include.first.lake import DataFile, Head, Lake, LakeError, let_others_pass
from include.first.ledger import EDITED, EVENTS, PUBLISHED, REPUBLISHED, RETRACTED

log = logging.getLogger(__name__)
LEDGER = "ledger"  # under this name each commit carries the table's version that it tells of
WRITERS = 20  # as many may be in line; each needs one commit to get past another
RESTORE_BOTH = "restore both from the same copy, or delete both to begin anew"
Receipt = Mapping[str, Any]
# The events from one receipt's version to the other's, which has this number; a return not yet
# told apart from a publication.
Changes = Callable[[Lake, Receipt, Receipt, int], pa.Table]


class LedgerTorn(PermanentError):
    """The ledger and the table are not of one history, or a link between them is missing."""


@dataclass(frozen=True)
class LedgerWriter:
    """The ledger of one table. `things` is what the receipts call what has a key."""

    keys: Keys
    key: str
    schema: pa.Schema
    things: str
    changes: Changes

    def bring_to_head(self, lake: Lake) -> list[int]:
        """Record each version of the table that the ledger lacks, exactly once; returns which."""
        recorded = []
        while (version := self._record_next(lake)) is not None:
            recorded.append(version)
        return recorded

    def refuse_other_history(self, lake: Lake) -> None:
        """Where ledger and table do not belong together, before anything is read or committed."""
        self._known(lake, lake.head(self.keys.ledger), lake.head(self.keys.table))

    def state(self, lake: Lake) -> tuple[int | None, int]:
        """The newest version of the table that the ledger tells of, and the newest there is."""
        ledger, table = lake.head(self.keys.ledger), lake.head(self.keys.table)
        return ledger.receipt.get("version"), table.receipt_version

    def read(
        self,
        lake: Lake,
        *,
        since: datetime | None = None,
        versions: range | None = None,
        columns: list[str] | None = None,
    ) -> Iterator[pa.Table]:
        """The ledger's rows in the order of versions, a table for each that has any."""
        files = [
            f"{self.keys.ledger}/{path}"
            for path, file in sorted(lake.head(self.keys.ledger).files.items())
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

    def _record_next(self, lake: Lake) -> int | None:
        """Record the oldest version that the ledger lacks; None when it lacks none.

        Each try loads the ledger once, and the number of its newest version is what it goes on
        from: who comes second fails at the log entry, loads again, and finds that version
        recorded.
        """
        tried, trouble = -1, None
        for _ in range(WRITERS):
            ledger, table = lake.head(self.keys.ledger), lake.head(self.keys.table)
            known = self._known(lake, ledger, table)
            if trouble and known < tried:
                raise trouble
            if trouble:  # only the answer was lost
                return tried
            version = _next_receipt(lake, table, after=known)
            if version is None:
                return None
            if ledger.handle is None:
                lake.create(self.keys.ledger, self.schema, indexed_columns=2)
                continue
            try:
                self._record(lake, ledger, known, version)
            except CommitConflict as conflict:
                log.info("%s; looking again what is left to record", conflict)
                let_others_pass()
            except LakeError as error:
                tried, trouble = version, error
            else:
                return version
        raise LakeError(
            f"{self.keys.ledger}: {WRITERS} other writers committed first, one after the other; "
            "nothing is lost, the next run goes on from there"
        )

    def _known(self, lake: Lake, ledger: Head, table: Head) -> int:
        """The newest version that the ledger tells of, -1 for none; it must be of this table."""
        # The same number as the commit's transaction, which Delta would read the whole log for.
        known: int = ledger.receipt.get("version", -1)
        if known < 0:
            return -1
        folder = f"s3://{lake.bucket}/"
        if known > table.receipt_version:
            newest = f"is at version {table.receipt_version}" if table.receipt else "has none"
            raise LedgerTorn(
                f"{folder}{self.keys.ledger} tells of version {known} of "
                f"{folder}{self.keys.table}, which {newest}; {RESTORE_BOTH}"
            )
        receipt = table.receipt
        if known < table.receipt_version:
            receipt = lake.receipt(self.keys.table, known)
        if receipt.get("token") != ledger.receipt["token"]:
            raise LedgerTorn(
                f"{folder}{self.keys.ledger} tells of another version {known} (read "
                f"{ledger.receipt['token']}) than {folder}{self.keys.table} has (read "
                f"{receipt.get('token')}); {RESTORE_BOTH}"
            )
        return known

    def _record(self, lake: Lake, ledger: Head, known: int, version: int) -> None:
        receipt = lake.receipt(self.keys.table, version)
        before = lake.receipt(self.keys.table, known) if known >= 0 else {}
        retracted = set(ledger.receipt.get("retracted", ()))
        events = self._events(lake, before, receipt, version, retracted)
        found = {event: self._keys_of(events, event) for event in EVENTS}
        gone = retracted.difference(*(found[event] for event in EVENTS if event != EDITED))
        told = {
            "version": version,
            "token": receipt["token"],
            self.things: {event: len(keys) for event, keys in found.items()},
            "retracted": sorted(gone | found[RETRACTED]),  # now: what may be republished
        }
        token = receipt["token"]
        files = [self._written(lake, events, version, token)] if events.num_rows else []
        lake.commit(self.keys.ledger, ledger, files, [], told, transactions={LEDGER: version})
        log.info("version %d: %s", version, told[self.things])

    def _events(
        self, lake: Lake, before: Receipt, after: Receipt, version: int, gone: set[Any]
    ) -> pa.Table:
        """The rows of one version; none for a baseline and for what came before the first."""
        if after["baseline"] in {None, version}:
            return self.schema.empty_table()
        found = self.changes(lake, before, after, version)
        kind = self.schema.field(self.key).type
        returned = pc.and_(
            pc.equal(found["event"], PUBLISHED),
            pc.is_in(found[self.key], value_set=pa.array(sorted(gone), kind)),
        )
        observed_at = datetime.fromisoformat(after["observed_at"])
        columns = {name: found[name] for name in found.schema.names} | {
            "event": pc.if_else(returned, REPUBLISHED, found["event"]),
            "version": pa.array([version] * found.num_rows, pa.int64()),
            "observed_at": pa.array([observed_at] * found.num_rows, TIMESTAMP),
        }
        rows = pa.table(columns).select(self.schema.names).cast(self.schema)
        return rows.sort_by([(self.key, "ascending"), ("field", "ascending")])

    def _keys_of(self, events: pa.Table, event: str) -> set[Any]:
        return set(events.filter(pc.equal(events["event"], event))[self.key].to_pylist())

    def _written(self, lake: Lake, events: pa.Table, version: int, token: str) -> DataFile:
        """Under a name that a second try gives again, to the same bytes."""
        sink = pa.BufferOutputStream()
        pq.write_table(events.combine_chunks(), sink, compression="zstd")
        body = sink.getvalue().to_pybytes()
        path = self.keys.ledger_file(version, token, hashlib.sha256(body).hexdigest())
        lake.put(f"{self.keys.ledger}/{path}", body)
        shared = {name: events[name][0].as_py() for name in ("version", "observed_at")}
        return DataFile(path, "", events.num_rows, values=shared)


def _next_receipt(lake: Lake, table: Head, after: int) -> int | None:
    return next(
        (
            version
            for version in range(after + 1, table.receipt_version + 1)
            if version == table.receipt_version or lake.receipt(table.table, version)
        ),
        None,
    )

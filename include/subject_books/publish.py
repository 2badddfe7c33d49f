"""Compare with the newest version, check, commit; then bring the plain names in line."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.first.lake import Lake, LakeError, let_others_pass
from include.first.quality import Check, require
from include.subject_books.snapshot import KINDS, PARQUET, Snapshot
from include.subject_books.tables import PUBLISHED, VERSION, key_of
from include.subject_books.versions import (
    KEYS,
    Version,
    committed_as,
    newest,
    refuse_other_source,
)

log = logging.getLogger(__name__)
PUBLISHES = 20  # as many publishers may be in line; each needs one commit to get past another
LEAST_KEPT = 0.5  # of the version before, and of the authors' records


class Published(TypedDict):
    """What a run did, or would have done."""

    token: str
    subject: str
    source: str
    observed_at: str
    folder: str
    rows: dict[str, int]
    work_count: int
    oddities: dict[str, int]
    checks: list[dict[str, str]]
    changes: dict[str, dict[str, int]]  # by table: added, removed, changed
    version: int | None  # None: nothing was committed
    head: int  # the newest version afterwards; 0 before the first
    outcome: str  # published, unchanged, overtaken or dry run


def publish(
    lake: Lake, snapshot: Snapshot, *, dry_run: bool, accept: Mapping[str, str] | None = None
) -> Published:
    """Make the snapshot the newest version, or change nothing.

    Who loses the race for a number compares again with the winner's version.
    """
    read = snapshot["read"]
    subject, trouble = read["subject"], None
    for _ in range(PUBLISHES):
        if mine := committed_as(lake, subject, read["token"], read["head_version"]):
            return _told(mine.receipt, mine.number, mine.number, "published")
        if trouble:
            raise trouble
        head = newest(lake, subject)
        refuse_other_source(head, read["source"])
        receipt = _receipt(lake, snapshot, head)
        receipt["checks"] = [
            check.told() for check in require(_checks(snapshot, head), accept or {})
        ]
        if _is_older(read["observed_at"], head):
            return _told(receipt, None, head.number, "overtaken")
        if head.receipt.get("sha256") == snapshot["sha256"]:
            return _told(receipt, None, head.number, "unchanged")
        if dry_run:
            return _told(receipt, None, head.number, "dry run")
        try:
            lake.put(KEYS.version(subject, head.number + 1), _body(receipt))
        except LakeError as error:
            if newest(lake, subject).number > head.number:
                log.info("another run of %s committed first; comparing again", subject)
                let_others_pass()
            else:
                trouble = error  # the answer may be lost and not the commit: look again
    raise LakeError(
        f"{subject}: {PUBLISHES} other runs committed first, one after the other; the newest "
        "version is theirs. Run again when fewer run"
    )


def project(lake: Lake, subject: str) -> None:
    """Bring the plain names in line with the newest version, until it does not move."""
    while (head := newest(lake, subject)).number:
        folder = head.receipt["folder"]
        # A number alone would not tell it from one that was lost, and made again, after a restore.
        made_from = {"version": str(head.number), "token": head.receipt["token"]}
        for table in PUBLISHED:
            for kind in KINDS:
                plain = KEYS.plain(subject, table.name, kind)
                if lake.made_from(plain) != made_from:
                    lake.project_copy(KEYS.file_of(folder, table.name, kind), plain, made_from)
        if lake.made_from(KEYS.current(subject)) != made_from:
            body = _body({**head.receipt, "version": head.number})
            lake.project(KEYS.current(subject), body, made_from)
        if newest(lake, subject).number == head.number:
            return


def _is_older(observed_at: str, head: Version) -> bool:
    return bool(observed_at < head.receipt.get("observed_at", ""))


def _receipt(lake: Lake, snapshot: Snapshot, head: Version) -> dict[str, Any]:
    read = snapshot["read"]
    told = ("token", "run_id", "subject", "limit", "source", "observed_at", "work_count")
    return {
        **{name: read[name] for name in told},  # type: ignore[literal-required]
        "contract": VERSION,
        "folder": snapshot["folder"],
        "sha256": snapshot["sha256"],
        "files": snapshot["files"],
        "rows": _rows(snapshot["files"]),
        "oddities": snapshot["oddities"],
        "changes": _changes(lake, snapshot["folder"], head),
    }


def _rows(files: list[Any]) -> dict[str, int]:
    return {file["name"]: file["rows"] for file in files if file["kind"] == PARQUET}


def _checks(snapshot: Snapshot, head: Version) -> list[Check]:
    read, rows = snapshot["read"], _rows(snapshot["files"])
    books, authors = rows["books"], rows["authors"]
    before = head.receipt.get("rows", {}).get("books", 0)
    known = snapshot["authors_with_record"]
    same_limit = head.receipt.get("limit", read["limit"]) <= read["limit"]
    return [
        Check(
            "books that came",
            read["came"] == read["promised"],
            f"{read['came']:,} of {read['promised']:,} books came, in {len(read['pages'])} pages",
            "Open Library may be in the middle of a change: run again later",
            can_be_accepted=True,
        ),
        Check(
            "books that stayed",
            not same_limit or books >= LEAST_KEPT * before,
            f"{books:,} books, {before:,} in the version before",
            "look at the subject's page; Open Library may have lost part of its index",
            can_be_accepted=True,
        ),
        Check(
            "authors with a record",
            known >= LEAST_KEPT * authors,
            f"{known:,} of {authors:,} authors have a record",
            "Open Library may have lost its records for a while: run again later",
            can_be_accepted=True,
        ),
    ]


def _changes(lake: Lake, folder: str, head: Version) -> dict[str, dict[str, int]]:
    """By table: rows that came, that went, and that are there as before but for a value."""
    changes = {}
    for table in PUBLISHED:
        now = lake.read_parquet(KEYS.file_of(folder, table.name, PARQUET))
        was = now.slice(0, 0)
        if head.number:
            was = lake.read_parquet(KEYS.file_of(head.receipt["folder"], table.name, PARQUET))
        changes[table.name] = compare(was, now, key_of(table))
    return changes


def compare(was: pa.Table, now: pa.Table, key: list[str]) -> dict[str, int]:
    def ids(rows: pa.Table, columns: list[str]) -> pa.Array:
        texts = [pc.fill_null(rows[name].cast(pa.string()), "\0") for name in columns]
        return pc.binary_join_element_wise(*texts, "\1")

    keys_was, keys_now = ids(was, key), ids(now, key)
    stayed = pc.sum(pc.is_in(keys_now, keys_was)).as_py() or 0
    columns = now.column_names if set(now.column_names) == set(was.column_names) else key
    same = pc.sum(pc.is_in(ids(now, columns), ids(was, columns))).as_py() or 0
    return {
        "added": now.num_rows - stayed,
        "removed": was.num_rows - stayed,
        "changed": stayed - same,
    }


def _body(receipt: Mapping[str, Any]) -> bytes:
    return json.dumps(receipt, indent=1, sort_keys=True, ensure_ascii=False).encode()


def _told(receipt: Mapping[str, Any], version: int | None, head: int, outcome: str) -> Published:
    return Published(
        token=receipt["token"],
        subject=receipt["subject"],
        source=receipt["source"],
        observed_at=receipt["observed_at"],
        folder=receipt["folder"],
        rows=receipt["rows"],
        work_count=receipt["work_count"],
        oddities=receipt["oddities"],
        checks=receipt["checks"],
        changes=receipt["changes"],
        version=version,
        head=head,
        outcome=outcome,
    )

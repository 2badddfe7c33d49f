"""The versions of the table that changed data, and from when on each was what was known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Head, Lake, LakeError
from include.vehicle_recalls.contract import CONTRACT

KEYS = Keys(CONTRACT.name)


class NoVersion(PermanentError):
    """There is no table yet, or not here."""


class Version(NamedTuple):
    number: int
    receipt: Mapping[str, Any]
    since: datetime  # by then it and all versions before it had been observed


def head_with_data(lake: Lake) -> Head:
    """The table's head; a command has nothing to do where there is none."""
    head = lake.head(KEYS.table)
    if not head.receipt:
        raise NoVersion(
            f"s3://{lake.bucket}/{KEYS.table} has no version yet; run the pipeline first, or set "
            "LAKE_BUCKET to another bucket"
        )
    return head


def versions_of(lake: Lake, head: Head) -> list[Version]:
    """All versions up to the head, oldest first.

    A read that took long may be committed after one that was observed later. What was known at a
    moment is then the state that had both, so that the answer for a day never changes.
    """
    numbers = range(1, head.receipt_version + 1)
    receipts = lake.at_once(lambda number: _receipt(lake, number), numbers)
    versions: list[Version] = []
    for number, receipt in zip(numbers, receipts, strict=True):
        if receipt:
            observed = datetime.fromisoformat(receipt["observed_at"])
            since = max(observed, versions[-1].since) if versions else observed
            versions.append(Version(number, receipt, since))
    return versions


def _receipt(lake: Lake, number: int) -> Mapping[str, Any]:
    try:
        return lake.receipt(KEYS.table, number)
    except (ValueError, LookupError, TypeError, AttributeError):
        where = f"s3://{lake.bucket}/{KEYS.table}"
        raise LakeError(
            f"log entry {number} of {where} is damaged and cannot be read; restore it from a copy"
        ) from None

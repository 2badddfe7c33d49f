"""What the commands share: how a day or a number is written, and the versions of a dataset."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import receipt_at
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version

REST_OF_DAY = timedelta(days=1, microseconds=-1)


class Period(NamedTuple):
    first: datetime
    last: datetime


class KnownVersion(NamedTuple):
    number: int
    receipt: Mapping[str, Any]
    known_at: datetime  # when it and all versions before it had been read


def day_or_time(text: str) -> Period:
    """All of a day in UTC, or a point in time; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date: write 2026-11-01, or 2026-11-01T09:30:00Z"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    is_day = len(text) <= len("2026-11-01")
    return Period(moment, moment + REST_OF_DAY if is_day else moment)


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: write one such as 12")
    return int(text)


def spellings(key: str) -> list[str]:
    """A key as it was typed, and as publishers spell keys."""
    return [key, key.strip(), key.strip().upper()]


def current_or_refuse(store: Store, dataset: Dataset) -> Version:
    current = load_version(store, Keys(dataset.name).table)
    if not current.receipt:
        raise PermanentError(
            f"{store.url(Keys(dataset.name).table)} has no version yet; run the pipeline first, or "
            "set LAKE_BUCKET to another bucket"
        )
    return current


def versions_of(store: Store, current: Version) -> list[KnownVersion]:
    """All versions up to the current one, oldest first.

    A slow read may be committed after a later one. The answer for that moment is the version that
    has both, so that it never changes.
    """
    numbers = range(1, current.receipt_number + 1)
    receipts = parallel_map(lambda number: receipt_at(store, current, number), numbers)
    versions: list[KnownVersion] = []
    for number, receipt in zip(numbers, receipts, strict=True):
        if receipt:
            known_at = datetime.fromisoformat(receipt["observed_at"])
            if versions:
                known_at = max(known_at, versions[-1].known_at)
            versions.append(KnownVersion(number, receipt, known_at))
    return versions

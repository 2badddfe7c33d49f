"""What the commands share: how a question is written, and the versions that it is about."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple, TypeVar

from include.cli.output import FORMATS, TABLE, Output
from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.ledger import events_known, receipt_at
from include.lake.report import command
from include.lake.store import Store, parallel_map
from include.lake.table import Version, load_version

T = TypeVar("T")


class KnownVersion(NamedTuple):
    number: int
    receipt: Mapping[str, Any]
    known_at: datetime  # when it and all versions before it had been read


def moment(text: str) -> date | datetime:
    """A day or a point in time as people write them."""
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date: write 2026-11-01, or 2026-11-01T09:30:00Z")


def start_of(when: date | datetime) -> datetime:
    """The first moment of a day in UTC; a time without a zone is UTC."""
    if isinstance(when, datetime):
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return datetime.combine(when, time(tzinfo=UTC))


def end_of(when: date | datetime) -> datetime:
    """The first moment after it."""
    step = timedelta(microseconds=1) if isinstance(when, datetime) else timedelta(days=1)
    start = start_of(when)
    return start + min(step, datetime.max.replace(tzinfo=UTC) - start)


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - digits
        raise ValueError(f"{text!r} is not a whole number: write one such as 12")
    return int(text)


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """For argparse, which shows the message of no other error."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def add_format(parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS) -> None:
    parser.add_argument(
        "--format",
        choices=formats,
        default=TABLE,
        help="table (for people) by default; the others are raw, as the publisher sent the text",
    )


def add_limit(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--limit", type=argument(whole_number), metavar="N", help=f"show at most N {what}"
    )


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

    A read that took long may be committed after one that was read later. What was known at a
    moment is then the version that had both, so that the answer for a day never changes.
    """
    numbers = range(1, current.receipt_number + 1)
    receipts = parallel_map(lambda number: receipt_at(store, current, number), numbers)
    versions: list[KnownVersion] = []
    for number, receipt in zip(numbers, receipts, strict=True):
        if receipt:
            observed = datetime.fromisoformat(receipt["observed_at"])
            known_at = max(observed, versions[-1].known_at) if versions else observed
            versions.append(KnownVersion(number, receipt, known_at))
    return versions


def note_if_behind(store: Store, dataset: Dataset, current: Version, output: Output) -> None:
    """Say so when the ledger lacks versions, which only an interrupted run leaves."""
    ledger = load_version(store, Keys(dataset.name).ledger)
    known, newest = events_known(store, ledger, current)
    if newest > known:
        output.note(
            f"the ledger has events up to version {known}, the table is at version {newest}; "
            f"`{command(f'refresh --dataset {dataset.name}')}` brings it up to date"
        )

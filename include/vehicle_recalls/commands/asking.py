"""What the commands that read have in common: how a question is spelled, and what it is put to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Lake
from include.vehicle_recalls.commands.formats import FORMATS, TABLE
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LedgerTorn, ledger_state

KEYS = Keys(CONTRACT.name)
LONGEST_VERSION = 15  # digits
LONGEST = 40  # characters of a campaign number; the contract knows no limit, and a typist does
Moment = date | datetime
T = TypeVar("T")


class Unanswerable(ValueError):
    """The question itself is wrong; the message says how to ask."""


def campaign(text: str) -> str:
    """A campaign number as it was typed; the table may have any text, and most are alike."""
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise Unanswerable(
            f"{text!r} is no campaign number: write up to {LONGEST} characters, such as 24V436000"
        )
    return text


def spellings(text: str) -> list[str]:
    """How the table may have a campaign number that was typed so; the likest first."""
    found = campaign(text)
    return list(dict.fromkeys([found, found.strip(), found.strip().upper()]))


def version(text: str) -> int:
    """The number of a version of the table."""
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_VERSION:
        raise Unanswerable(f"{text!r} is no version: write its number, such as 12")
    return int(text)


def moment(text: str) -> Moment:
    """A day or an instant as people write them."""
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    raise Unanswerable(
        f"{text!r} is no date: write 2026-11-01, or 2026-11-01T09:30:00Z for an instant"
    )


def begins(when: Moment) -> datetime:
    """The first instant of a day in UTC; an instant without a zone is taken to be in UTC."""
    if isinstance(when, datetime):
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return datetime.combine(when, time(tzinfo=UTC))


def is_over(when: Moment) -> datetime:
    """The first instant that is no longer of it."""
    step = timedelta(microseconds=1) if isinstance(when, datetime) else timedelta(days=1)
    return begins(when) + step


def one_of(known: Collection[str], name: str, asked: Collection[str]) -> None:
    """Refuse what there is not, and say what there is."""
    if unknown := sorted(set(asked) - set(known)):
        raise Unanswerable(f"there is no {name} {unknown[0]!r}; there are {', '.join(known)}")


def option(parse: Callable[[str], T]) -> Callable[[str], T]:
    """For argparse, which keeps the message of no other error."""

    def asked(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return asked


def add_whose(parser: argparse.ArgumentParser) -> None:
    """Which recalls are asked for."""
    parser.add_argument(
        "--nhtsa-id",
        type=option(campaign),
        nargs="+",
        action="extend",
        default=[],
        metavar="ID",
        help="only these campaigns, such as 24V436000",
    )
    parser.add_argument(
        "--manufacturer",
        metavar="TEXT",
        help="only recalls whose manufacturer, now or ever in the ledger, has this in its name",
    )


def add_format(parser: argparse.ArgumentParser, formats: Collection[str] = FORMATS) -> None:
    parser.add_argument(
        "--format", choices=formats, default=TABLE, help="table, for people, if not said"
    )


def recorded(lake: Lake, note: Callable[[str], None]) -> None:
    """Look whether the ledger can be read; a note says so where the table is ahead of it."""
    known, newest = ledger_state(lake)
    where = f"s3://{lake.bucket}/"
    if known is not None and known > newest:
        raise LedgerTorn(
            f"{where}{KEYS.ledger} tells of version {known} of {where}{KEYS.table}, which is at "
            f"version {max(newest, 0)}; restore both from the same copy"
        )
    if newest < 0:
        raise nothing_there(lake)
    if known is None or known < newest:
        upto = "nothing yet" if known is None else f"versions up to {known}"
        note(
            f"the ledger tells of {upto}, and the table is at version {newest}; "
            "`python -m include.vehicle_recalls project` brings it up to date"
        )


class NothingThere(PermanentError):
    """The lake has no recalls yet."""


def nothing_there(lake: Lake) -> NothingThere:
    return NothingThere(
        f"s3://{lake.bucket}/{KEYS.table} has no version yet; run the pipeline first, or set "
        "LAKE_BUCKET to another bucket"
    )

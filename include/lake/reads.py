"""A read of a source: what every task of a run starts from."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from include.data.contract import Dataset
from include.errors import PermanentError
from include.lake.keys import Keys, new_read_id
from include.lake.store import Store
from include.lake.table import Version, load_version

# The rows that a read may retract: {} every row, a mapping the rows that have these values, and
# None no row, because a key that is missing may be in a partition that was not read.
Covers = Mapping[str, Sequence[Any]] | None


class SourceMismatch(PermanentError):
    """The table was made from another source."""


class SchemaMismatch(PermanentError):
    """The table has other columns than the contract."""


class Source(TypedDict):
    dataset: str  # as the publisher names it
    publisher: str  # "official", or "made-up:7" for made-up data of seed 7


class Moment(TypedDict):
    """When a source was read, by the source's clock; ISO 8601 in UTC."""

    began_at: str
    answered_at: str
    modified_at: str  # what the source gave as its last change; empty if it gives none


NEVER = Moment(began_at="", answered_at="", modified_at="")


class Read(TypedDict):
    read_id: str
    run_id: str
    source: Source
    covers: dict[str, list[Any]] | None
    since_version: int  # the current version when the read began
    batches: int  # how many were planned
    replay_of: str | None  # the read whose landed pages are used instead of the API


def is_later(known: Moment, than: Moment) -> bool:
    """Whether the read of `known` is the later one.

    A read that began after the other one was answered is later, whatever the source gives as its
    last change. Reads that overlap are ordered by that change, then by the time of the answer.
    """
    if than["began_at"] > known["answered_at"]:
        return False
    if known["began_at"] > than["answered_at"]:
        return True
    return (known["modified_at"], known["answered_at"]) > (than["modified_at"], than["answered_at"])


def start_read(
    store: Store,
    dataset: Dataset,
    source: Source,
    run_id: str,
    *,
    covers: Covers,
    batches: int = 1,
    replay_of: str | None = None,
) -> tuple[Read, Version]:
    """Begin a read; refuse a source or columns that the table does not have."""
    current = load_version(store, Keys(dataset.name).table)
    refuse_other_source(dataset, current.receipt, source)
    declared = dataset.column_types
    made = current.receipt.get("columns", declared)
    if differ := sorted({name for name, _ in made.items() ^ declared.items()}):
        raise SchemaMismatch(
            f"the table {dataset.name} has other columns than its contract "
            f"({', '.join(differ)}); nothing was read. Use another bucket for a contract with "
            "other columns"
        )
    read = Read(
        read_id=new_read_id(),
        run_id=run_id,
        source=source,
        covers=None if covers is None else {name: list(covers[name]) for name in covers},
        since_version=current.number,
        batches=batches,
        replay_of=replay_of,
    )
    return read, current


def refuse_other_source(dataset: Dataset, receipt: Mapping[str, Any], source: Source) -> None:
    known = receipt.get("source", source)
    if known != source:
        raise SourceMismatch(
            f"the table {dataset.name} holds {known['dataset']} ({known['publisher']}), the source "
            f"is {source['dataset']} ({source['publisher']}); nothing was published. "
            "Use another bucket for another source"
        )

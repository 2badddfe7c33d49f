"""From the API to `raw/`: a census that plans the read, and pages landed as they came."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

import pyarrow as pa

from include.errors import PermanentError
from include.first.keys import Keys, mint_token
from include.first.lake import Head, Lake, columns_unlike
from include.vehicle_recalls.batches import BatchRef, plan_all, plan_some
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.source import Batch, RecallsApi, SourceState

log = logging.getLogger(__name__)
KEYS = Keys(CONTRACT.name)
TABLE_SCHEMA = CONTRACT.schema.append(pa.field("year", pa.int32()))
BATCH_ROWS = 50_000
READS = 3  # how often a batch is read anew when the source changes under it


class SourceChanged(Exception):
    """The source did not hold still while it was read, or cannot be what was asked for."""


class TornRead(PermanentError):
    """The batches of one run do not belong together; only a new run can read them anew."""


class OtherSource(PermanentError):
    """Data of two sources never meets in one bucket."""


class ContractBroken(PermanentError):
    """The source's columns are not what the contract says."""


class Read(TypedDict):
    """One read of the source: what every task of the run starts from."""

    token: str
    run_id: str
    years: list[int]  # empty: all of them
    known_years: list[int]
    head_version: int
    dataset: str
    publisher: str
    source_rows: int  # of the years that are read, as the census counted them
    source_last_modified: str  # at the census
    parts: int  # batches planned
    replay_of: str | None  # the read whose landed bytes are taken instead of the API's


class Part(TypedDict):
    """What one chain of tasks is given to do."""

    read: Read
    batch: BatchRef
    folder: NotRequired[str]  # of a replay: the landing that is taken, under the token replayed


class PageRef(TypedDict):
    key: str
    sha256: str
    rows: int


class Landed(TypedDict):
    """One batch as it lies in `raw/`."""

    read: Read
    batch: BatchRef
    folder: str  # in `raw/`, under the token
    pages: list[PageRef]
    last_modified: str
    answered_at: str
    new_columns: list[str]


def take_census(source: RecallsApi, lake: Lake, years: Sequence[int], run_id: str) -> list[Part]:
    """Ask the source for its rows per year, and plan what is read together."""
    years = sorted({int(year) for year in years})
    census = source.census()
    head = lake.head(KEYS.table)
    if not years and not census.rows_by_year:
        raise SourceChanged(
            f"the source {census.state.dataset} has no rows; nothing was changed. "
            "It may be in the middle of a refresh: run again later"
        )
    refuse_other_source(head, census.state.dataset, census.state.publisher)
    refuse_other_columns(head)
    known = {int(year) for year in head.receipt.get("years", {})}
    read = Read(
        token=mint_token(),
        run_id=run_id,
        years=years,
        known_years=sorted(set(census.rows_by_year) | known | set(years)),
        head_version=head.version,
        dataset=census.state.dataset,
        publisher=census.state.publisher,
        source_rows=sum(census.rows_by_year.get(year, 0) for year in years)
        if years
        else sum(census.rows_by_year.values()) + census.undated,
        source_last_modified=census.state.last_modified,
        parts=0,
        replay_of=None,
    )
    if years:
        batches = plan_some(census.rows_by_year, read["years"], BATCH_ROWS)
    else:
        batches = plan_all(census.rows_by_year, read["known_years"], BATCH_ROWS)
    read["parts"] = len(batches)
    return [Part(read=read, batch=batch) for batch in batches]


def refuse_other_source(head: Head, dataset: str, publisher: str) -> None:
    asked = {"dataset": dataset, "publisher": publisher}
    if (holds := head.receipt.get("source", asked)) != asked:
        raise OtherSource(
            f"the table holds {holds['dataset']} ({holds['publisher']}), the source is "
            f"{dataset} ({publisher}); nothing was read. Use another bucket for another source"
        )


def refuse_other_columns(head: Head) -> None:
    """Older versions are read by today's contract, and a table's columns stay as they are."""
    if differ := columns_unlike(head, TABLE_SCHEMA):
        raise ContractBroken(
            "the table has other columns or types than the contract "
            f"({', '.join(differ)}); nothing was read. A contract with other columns needs a "
            "bucket of its own"
        )


def land(source: RecallsApi, lake: Lake, part: Part) -> Landed:
    """Put every page of a batch into `raw/` and shake hands on the count.

    Rows counted before and after must equal the distinct rows landed, and the source must say
    one last-modified throughout. If not, the batch is read anew under a name of its own.
    """
    read, batch = part["read"], Batch(**part["batch"])
    troubles = []
    for _ in range(READS):
        before, first = source.count(batch)
        folder = f"{batch.label}-{mint_token()}"
        pages, ids, states, new_columns = _land_pages(
            source, lake, read["token"], batch, folder, expected=before
        )
        after, last = source.count(batch)
        trouble = _disagreement(before, after, ids, [first, *states, last], read)
        if trouble is None:
            landed = Landed(
                read=read,
                batch=part["batch"],
                folder=folder,
                pages=pages,
                last_modified=first.last_modified,
                answered_at=first.answered_at,
                new_columns=new_columns,
            )
            sign(lake, landed)
            return landed
        log.warning("%s is read again: %s", batch.label, trouble)
        troubles.append(trouble)
    raise SourceChanged(
        f"years {batch.label} could not be read whole in {READS} tries ({troubles[-1]}); "
        "nothing was published. Run again when the source holds still"
    )


def sign(lake: Lake, landed: Landed) -> None:
    """Say beside the pages that they are all there, so that they can be taken again."""
    key = KEYS.landed(landed["read"]["token"], landed["folder"])
    lake.put(key, json.dumps(landed, sort_keys=True).encode())


def _land_pages(
    source: RecallsApi, lake: Lake, token: str, batch: Batch, folder: str, *, expected: int
) -> tuple[list[PageRef], list[pa.ChunkedArray], list[SourceState], list[str]]:
    pages: list[PageRef] = []
    ids: list[pa.ChunkedArray] = []
    states: list[SourceState] = []
    new_columns: list[str] = []
    for number, page in enumerate(source.pages(batch)):
        new_columns = check_columns(page.columns)
        key = KEYS.raw(token, folder, number)
        lake.put(key, page.gzipped)
        sha256 = hashlib.sha256(page.gzipped).hexdigest()
        pages.append(PageRef(key=key, sha256=sha256, rows=len(page.ids)))
        ids.append(page.ids)
        states.append(page.state)
        log.info("landed %s: %d rows, %d bytes", key, len(page.ids), len(page.gzipped))
        if sum(landed["rows"] for landed in pages) > expected:
            break  # a source that ignores the offset would go on for ever
    return pages, ids, states, new_columns


def _disagreement(
    before: int,
    after: int,
    ids: Iterable[pa.ChunkedArray],
    states: Sequence[SourceState],
    read: Read,
) -> str | None:
    chunks = [chunk for page in ids for chunk in page.chunks]
    landed = pa.chunked_array(chunks, type=pa.string())
    distinct = len(landed.unique().drop_null())
    if before != after:
        return f"the source counted {before} rows before and {after} after"
    if len(landed) != distinct:
        return f"{len(landed)} rows came but only {distinct} different ones"
    if distinct != before:
        return f"the source counted {before} rows but {distinct} came"
    moments = sorted({state.last_modified for state in states})
    if len(moments) > 1:
        return f"the source was replaced while it was read ({moments[0]}, then {moments[-1]})"
    if {(s.dataset, s.publisher) for s in states} != {(read["dataset"], read["publisher"])}:
        return "the source is not the one that the census asked"
    return None


def check_columns(columns: dict[str, str]) -> list[str]:
    """Hold the declared columns against the contract; return those it does not know."""
    problems = []
    for column in CONTRACT.columns:
        if column.source.startswith(":"):
            continue  # system fields are asked for by name and carry no declaration
        declared = columns.get(column.source)
        if declared is None:
            problems.append(f"`{column.source}` is missing")
        elif declared not in column.source_types:
            expected = " or ".join(column.source_types)
            problems.append(f"`{column.source}` is {declared}, not {expected}")
    if problems:
        raise ContractBroken(
            f"the source's columns changed: {'; '.join(problems)}. Nothing was published. "
            "If the change is meant, change include/vehicle_recalls/contract.py to match"
        )
    known = {column.source for column in CONTRACT.columns}
    new = sorted(name for name in columns if name not in known and not name.startswith(":"))
    if new:
        log.warning("new columns at the source, kept in raw only: %s", ", ".join(new))
    return new

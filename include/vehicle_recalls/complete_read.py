"""A batch of report years, landed completely: the counts agree and the source held still."""

import logging
import secrets
from collections.abc import Sequence
from typing import TypedDict

from include.errors import PermanentError
from include.lake.landing import Page, RawPages, finish_landing, land_page
from include.lake.reads import Moment, Read
from include.lake.store import Store
from include.vehicle_recalls.batches import Years
from include.vehicle_recalls.client import RecallsApi, SourceState
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.transform import check_columns

log = logging.getLogger(__name__)
MAX_READS = 3  # of a batch, while the source changes under it


class SourceChanged(Exception):
    """The source changed while it was read; a later run may find it still."""


class BatchPlan(TypedDict):
    """What one chain of tasks is given to do."""

    read: Read
    years: Years
    partitions: list[str]  # report years that the source or the current version knows
    counted_rows: int  # of all batches, when the read was planned
    counted_at: str  # the source's last change then
    replay: str | None  # the label of the landing that is read instead of the API


def land_complete(api: RecallsApi, store: Store, batch: BatchPlan) -> RawPages:
    """Land every page as it came; read the batch again when the counts do not agree."""
    years, problem = batch["years"], ""
    for _ in range(MAX_READS):
        label = f"{years['label']}-{secrets.token_hex(4)}"
        before, first = api.count(years)
        pages, states, row_ids, new_columns = _land_pages(api, store, batch, label, before)
        after, last = api.count(years)
        states = [first, *states, last]
        problem = _disagreement(before, after, row_ids, states, batch["read"])
        if not problem:
            return finish_landing(
                store,
                RECALLS,
                batch["read"],
                pages,
                Moment(
                    began_at=first.answered_at,
                    answered_at=last.answered_at,
                    modified_at=first.modified_at,
                ),
                label=label,
                batch=years["label"],
                partitions=batch["partitions"],
                facts={"years": years, "new_columns": new_columns},
            )
        log.warning("reading %s again: %s", years["label"], problem)
    raise SourceChanged(
        f"the years {years['label']} could not be read completely in {MAX_READS} tries "
        f"({problem}); nothing was published. Run again when the source does not change"
    )


def _land_pages(
    api: RecallsApi, store: Store, batch: BatchPlan, label: str, expected: int
) -> tuple[list[Page], list[SourceState], list[str], list[str]]:
    pages, states, row_ids, new_columns = [], [], [], []
    for number, page in enumerate(api.pages(batch["years"])):
        new_columns = check_columns(page.columns)
        rows = len(page.row_ids)
        pages.append(
            land_page(store, RECALLS, batch["read"], label, number, page.gzipped, rows=rows)
        )
        states.append(page.state)
        row_ids += page.row_ids
        if len(row_ids) > expected:
            break  # a source that ignores the offset would go on forever
    return pages, states, row_ids, new_columns


def _disagreement(
    before: int, after: int, row_ids: Sequence[str], states: Sequence[SourceState], read: Read
) -> str:
    """Why a batch is not complete; empty when every count agrees and the source held still."""
    distinct = len(set(row_ids))
    if before != after:
        return f"the source counted {before} rows before and {after} after"
    if len(row_ids) != distinct:
        return f"{len(row_ids)} rows came, but only {distinct} different ones"
    if distinct != before:
        return f"the source counted {before} rows, but {distinct} came"
    if len({state.modified_at for state in states}) > 1:
        return "the source was replaced meanwhile"
    if any(state.source != read["source"] for state in states):
        raise PermanentError("the answers of one read are of different sources; look at the host")
    return ""

"""The checks of the distributed run can fail: each on a lake that was tampered with."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes.control import Control
from include.lake.store import Store
from include.vehicle_recalls.aggregates import file_name
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.pipeline import run
from local.processes import LocalError
from tests.distributed.proof import KEYS, Outcome, prove, prove_same, read, retried

SUMMED, YEAR = file_name("recalls_per_component_per_year"), "2019.parquet"


def put(store: Store, name: str, rows: pa.Table) -> None:
    body = io.BytesIO()
    pq.write_table(rows, body)
    store.replace(KEYS.plain(name), body.getvalue())


@pytest.mark.slow
def test_a_sound_lake_passes_and_a_lost_or_doubled_row_does_not(
    store: Store, recalls_url: str
) -> None:
    """Rows of the year files, their keys and the sums are all looked at, and all told."""
    run(lambda: RecallsApi(recalls_url), store)
    outcome = prove(store, recalls_url)
    assert outcome.rows > 1_000
    year = read(store, YEAR)
    put(store, YEAR, pa.concat_tables([year.slice(1), year.slice(1, 1)]))
    with pytest.raises(LocalError, match=rf"different keys in them: {outcome.rows - 1} instead of"):
        prove(store, recalls_url)
    put(store, YEAR, year.slice(1))
    with pytest.raises(LocalError, match="rows in the year files"):
        prove(store, recalls_url)
    put(store, YEAR, year)
    put(store, SUMMED, read(store, SUMMED).slice(1))
    with pytest.raises(LocalError, match="the sum of recalls_per_component_per_year"):
        prove(store, recalls_url)


@pytest.mark.slow
def test_a_second_commit_and_other_bytes_are_told(
    store: Store, recalls_url: str, replica: Control
) -> None:
    """Exactly one commit, and the bytes of the run that nobody disturbed."""
    run(lambda: RecallsApi(recalls_url), store)
    undisturbed = prove(store, recalls_url)
    prove_same(undisturbed, undisturbed)
    with pytest.raises(LocalError, match="the years' bytes"):
        prove_same(Outcome(undisturbed.rows, {**undisturbed.sha256, "2019": "other"}), undisturbed)
    replica.day += 1
    run(lambda: RecallsApi(recalls_url), store)
    with pytest.raises(LocalError, match="commits: 2 instead of 1"):
        prove(store, recalls_url)


def test_a_task_that_was_not_tried_again_is_told() -> None:
    """One that seems to have ended on the killed worker, or never ended at all."""
    task = {"task_id": "batch.extract", "map_index": 3}
    retried(task, [{"state": "failed"}, {"state": "success"}])
    for states in (["success"], ["failed"], ["failed", "failed"]):
        with pytest.raises(LocalError, match=r"batch\.extract \[3\] was at work"):
            retried(task, [{"state": state} for state in states])

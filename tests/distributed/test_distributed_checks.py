"""Each check of the distributed test fails on a damaged result."""

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
from tests.distributed.checks import KEYS, check_equal, check_lake, check_retry, read

AGGREGATION, YEAR = file_name("recalls_per_component_per_year"), "2019.parquet"


def put(store: Store, name: str, rows: pa.Table) -> None:
    body = io.BytesIO()
    pq.write_table(rows, body)
    store.replace(KEYS.plain(name), body.getvalue())


@pytest.mark.slow
def test_check_lake_finds_lost_and_duplicate_rows(store: Store, recalls_url: str) -> None:
    run(lambda: RecallsApi(recalls_url), store)
    outcome = check_lake(store, recalls_url)
    assert outcome.rows > 1_000
    year = read(store, YEAR)
    put(store, YEAR, pa.concat_tables([year.slice(1), year.slice(1, 1)]))
    with pytest.raises(LocalError, match=rf"distinct keys: {outcome.rows - 1} instead of"):
        check_lake(store, recalls_url)
    put(store, YEAR, year.slice(1))
    with pytest.raises(LocalError, match="rows in the year files"):
        check_lake(store, recalls_url)
    put(store, YEAR, year)
    put(store, AGGREGATION, read(store, AGGREGATION).slice(1))
    with pytest.raises(LocalError, match="the sum of recalls_per_component_per_year"):
        check_lake(store, recalls_url)


@pytest.mark.slow
def test_checks_find_a_second_commit_and_different_bytes(
    store: Store, recalls_url: str, replica: Control
) -> None:
    run(lambda: RecallsApi(recalls_url), store)
    undisturbed = check_lake(store, recalls_url)
    check_equal(undisturbed, undisturbed)
    changed = undisturbed._replace(sha256={**undisturbed.sha256, "2019": "other"})
    with pytest.raises(LocalError, match="the hashes of the year files"):
        check_equal(changed, undisturbed)
    replica.day += 1
    run(lambda: RecallsApi(recalls_url), store)
    with pytest.raises(LocalError, match="commits: 2 instead of 1"):
        check_lake(store, recalls_url)


def test_check_retry_finds_a_task_without_a_successful_retry() -> None:
    task = {"task_id": "batch.extract", "map_index": 3}
    check_retry(task, [{"state": "failed"}, {"state": "success"}])
    for states in (["success"], ["failed"], ["failed", "failed"]):
        with pytest.raises(LocalError, match=r"batch\.extract \[3\] ran on the killed worker"):
            check_retry(task, [{"state": state} for state in states])

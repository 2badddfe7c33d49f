"""Each check before the commit, broken alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from include.lake import Head, Lake
from include.quality import AuditFailed
from include.vehicle_recalls import publish as publishing
from include.vehicle_recalls.accept import QUARANTINE_SCHEMA
from include.vehicle_recalls.extract import Part, land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.reconcile import Plan, reconcile
from include.vehicle_recalls.run import run
from include.vehicle_recalls.write import Written, write_parquet
from tests.vehicle_recalls.test_histories import SmallSource

Break = Callable[[Plan], Plan]
ONE_MORE = pa.Table.from_pylist(
    [{"nhtsa_id": "K9", "reasons": "?", "raw": "{}"}], schema=QUARANTINE_SCHEMA
)
LANDED = "landed = accepted + quarantined"
READ = "rows in the years read = accepted + kept"
UNIQUE = "nhtsa_id is unique over all years"
BROKEN = [
    pytest.param(
        LANDED,
        lambda plan: replace(plan, quarantine=pa.concat_tables([plan.quarantine, ONE_MORE])),
        id="one more in quarantine",
    ),
    pytest.param(
        LANDED,
        lambda plan: replace(plan, quarantine=plan.quarantine.slice(1)),
        id="one less in quarantine",
    ),
    pytest.param(
        LANDED, lambda plan: replace(plan, set_aside=plan.set_aside + 1), id="one more set aside"
    ),
    pytest.param(READ, lambda plan: replace(plan, rows_read=plan.rows_read - 1), id="a row lost"),
    pytest.param(READ, lambda plan: replace(plan, rows_read=plan.rows_read + 1), id="a row extra"),
    pytest.param(READ, lambda plan: replace(plan, kept=plan.kept + 1), id="one more kept"),
    pytest.param(READ, lambda plan: replace(plan, accepted=plan.accepted + 1), id="one accepted"),
    pytest.param(
        UNIQUE, lambda plan: replace(plan, distinct_keys=plan.distinct_keys - 1), id="a key twice"
    ),
    pytest.param(
        UNIQUE, lambda plan: replace(plan, distinct_keys=plan.distinct_keys + 1), id="a key extra"
    ),
]


def row(key: str, year: int, affected: int = 1) -> dict[str, str]:
    return {
        "nhtsa_id": key,
        "report_received_date": f"{year}-03-01T00:00:00.000",
        "manufacturer": "A",
        "potentially_affected": str(affected),
    }


@dataclass
class Ready:
    """A second read, all but published: K1 was edited, K3 broke and so is kept from before."""

    head: Head
    parts: list[Part]
    batches: list[Written]
    plan: Plan

    def failed(self, plan: Plan, head: Head | None = None) -> list[str]:
        checks = publishing._audit(head or self.head, self.parts[0]["read"], self.batches, plan)
        return [check.name for check in checks if not check.passed]


@pytest.fixture(scope="module")
def lake(s3_url: str, s3: BaseClient) -> Lake:
    """One bucket for all: no test of this file changes what is in the table."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    return Lake.connect(
        bucket, endpoint_url=s3_url, region="us-east-1", access_key="test", secret_key="test"
    )


@pytest.fixture(scope="module")
def ready(lake: Lake) -> Ready:
    source = SmallSource([row("K1", 2019), row("K2", 2020), row("K3", 2019)])
    run(source, lake)
    source.rows, source.refresh = [row("K1", 2019, 2), row("K2", 2020), row("K3", 2019, -1)], 1
    parts = take_census(source, lake, [], "a test")
    batches = [write_parquet(lake, partition(lake, land(source, lake, part))) for part in parts]
    head = lake.head(publishing.KEYS.table)
    plan = reconcile(lake, head, parts[0]["read"], batches)
    return Ready(head, parts, batches, plan)


def test_a_sound_read_passes_every_check(ready: Ready):
    """Nothing fails on a read that has an edit, a row in quarantine and a row that is kept."""
    assert (ready.plan.kept, ready.plan.quarantine.num_rows) == (1, 1)
    assert ready.failed(ready.plan) == []


@pytest.mark.parametrize(("check", "broken"), BROKEN)
def test_a_count_that_is_off_by_one_fails_its_check_alone(ready: Ready, check: str, broken: Break):
    """Of all checks exactly the one that says so fails, whichever side is off."""
    assert ready.failed(broken(ready.plan)) == [check]


@pytest.mark.parametrize("part", ["dataset", "publisher"])
def test_a_table_of_another_source_fails(ready: Ready, part: str):
    """A table that holds another dataset, or another publisher's, takes no rows of this read."""
    other = ready.head.receipt["source"] | {part: "another"}
    head = replace(ready.head, receipt=ready.head.receipt | {"source": other})
    assert ready.failed(ready.plan, head) == ["one source"]


def test_where_nothing_changes_no_keys_are_counted(ready: Ready):
    """A plan that counted no keys is not held to a count of them."""
    assert ready.failed(replace(ready.plan, distinct_keys=None)) == []


def test_a_failed_check_leaves_the_table_as_it_was(ready: Ready, lake: Lake, monkeypatch):
    """One failed check stops the commit, and the error names it."""
    broken = replace(ready.plan, rows_read=ready.plan.rows_read - 1)
    monkeypatch.setattr(publishing, "reconcile", lambda *_: broken)
    with pytest.raises(AuditFailed, match="rows in the years read"):
        publishing.publish(lake, ready.parts, ready.batches, dry_run=False)
    assert lake.head(publishing.KEYS.table).version == ready.head.version

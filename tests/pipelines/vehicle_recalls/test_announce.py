"""The task `announce` sends an asset event for each changed year."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.task_runner import _handle_current_task_success

from include.lake.store import Store
from plugins.assets import RECALLS
from tests.pipelines.dag_runs import connect_lake, load_dag

RECEIPT: dict[str, Any] = {
    "version": 7,
    "outcome": "published",
    "read_id": "20261128T220315-0a1b2c3d",
    "source": {"publisher": "made-up:1"},
    "observed_at": "2026-11-28T22:03:15Z",
    "counts": {"rows": 30_000},
    "changed": ["2019", "2024"],
}


@pytest.fixture(scope="module")
def announce() -> Any:
    return load_dag("vehicle_recalls").get_task("announce")


def run_announce(announce: Any, receipt: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the task; return the message that Airflow sends to the server."""
    ti = SimpleNamespace(
        task=announce.prepare_for_execution(), stats_tags={}, rendered_map_index=None
    )
    context: Any = {"task": ti.task, "outlet_events": OutletEventAccessors()}
    names = announce.python_callable.__globals__
    monkeypatch.setitem(names, "get_current_context", lambda: context)
    announce.python_callable(receipt)
    message, state = _handle_current_task_success(context, ti)  # type: ignore[arg-type]
    assert state == "success"
    return message


def test_announce_sends_an_event_with_location_for_each_changed_year(
    announce: Any, store: Store, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_lake(monkeypatch, store, s3_url)
    message = run_announce(announce, RECEIPT, monkeypatch)
    assert [outlet.name for outlet in message.task_outlets] == [RECALLS.name]
    assert sorted(event["partition_key"] for event in message.outlet_events) == ["2019", "2024"]
    for event in message.outlet_events:
        assert event["extra"]["headline"] == "version 7, 30,000 rows"
        assert event["extra"]["where"] == f"s3://{store.bucket}/vehicle_recalls/table"
        assert event["extra"]["read_id"] == RECEIPT["read_id"]


@pytest.mark.parametrize("unchanged", [{"changed": []}, {"version": None}], ids=str)
def test_announce_of_unchanged_run_sends_no_event(
    announce: Any, unchanged: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = run_announce(announce, RECEIPT | unchanged, monkeypatch)
    assert list(message.task_outlets) == []
    assert list(message.outlet_events) == []
    assert announce.outlets == [RECALLS]

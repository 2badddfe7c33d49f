"""What Airflow does not count itself, as it arrives where StatsD is listened to."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

from plugins.policy.every_dag import measure

DAGS = Path(__file__).resolve().parents[3] / "dags"
RUN: dict[str, Any] = {
    "observed_at": "2026-11-21T11:50:35Z",
    "checks": [{"outcome": "passed"}, {"outcome": "accepted"}, {"outcome": "warning"}],
    "counts": {"quarantined": 3, "set_aside": 3},
    "years_read": [],
    "dry_run": False,
    "replay_of": None,
    "state": "unchanged",
    "outcome": "unchanged",
}
# What a run says that was not the newest read, or none.
LATE = {
    "vehicle_recalls": {"replay_of": "20261120T115035-73500232"},
    "site_outages": {"state": "known from a later read"},
    "shoe_prices": {"state": "known from a later read"},
    "vin_snapshots": {"state": "known from a later export"},
    "subject_books": {"outcome": "overtaken"},
}
SETS_ASIDE = {"vehicle_recalls": 3, "site_outages": 3, "shoe_prices": 3}
PIPELINES = sorted(path.stem for path in DAGS.glob("*.py"))


def lines(pipeline: str, set_aside: int) -> list[str]:
    return [
        f"airflow.headwaters.read_at,pipeline={pipeline}:1795261835.0|g",
        f"airflow.headwaters.set_aside,pipeline={pipeline}:{set_aside}|g",
        f"airflow.headwaters.accepted,pipeline={pipeline}:1|g",
    ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The lines that were sent so far; a last one of our own says that no other is on its way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(30)
        settings = {"ON": True, "HOST": "127.0.0.1", "INFLUXDB_ENABLED": True}
        for name, value in (settings | {"PORT": listener.getsockname()[1]}).items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", str(value))
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)

        def told() -> list[str]:
            stats.incr("end")
            return list(iter(lambda: listener.recv(1000).decode(), "airflow.end:1|c"))

        yield told
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The last task of a DAG, with a run that another has published."""

    def report(pipeline: str, run: dict[str, Any]) -> None:
        dag = DagBag(str(DAGS / f"{pipeline}.py")).dags[pipeline]
        function = dag.get_task("report").python_callable
        module = importlib.import_module(f"include.{pipeline}.report")
        monkeypatch.setattr(module, "render", lambda *_: "# A screen")
        if pipeline == "vehicle_recalls":
            monkeypatch.setattr(module, "project_reports", lambda _: [])
            monkeypatch.setitem(function.__globals__, "tell", lambda *_: None)
        monkeypatch.setitem(function.__globals__, "lake", lambda: None)
        loaded = [{} if run["dry_run"] else {"version": 1}] if pipeline == "subject_books" else []
        function(run, *loaded)

    return report


def test_a_read_is_told_with_its_instant(told: Callable[[], list[str]]) -> None:
    """When the source was read, rows that were set aside, and failed checks that were accepted."""
    measure("vehicle_recalls", RUN, 3)
    assert told() == lines("vehicle_recalls", 3)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_report_tells(
    pipeline: str, report: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    """The last task of each pipeline does, under the name of its file."""
    report(pipeline, RUN)
    assert told() == lines(pipeline, SETS_ASIDE.get(pipeline, 0))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_rehearsal_is_no_read(
    pipeline: str, report: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    """A dry run leaves the age of the data as it is."""
    report(pipeline, RUN | {"dry_run": True})
    assert told() == []


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_what_was_overtaken_is_not_told(
    pipeline: str, report: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    """A replay, and a read that is older than what the table knows, say nothing of the newest."""
    report(pipeline, RUN | LATE[pipeline])
    assert told() == []


def test_some_years_are_not_the_source(
    report: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    """After a read of some years the others are as old as before."""
    report("vehicle_recalls", RUN | {"years_read": [2019]})
    assert told() == []


def test_nobody_listens(report: Callable[..., None]) -> None:
    """Without metrics a report is made as with them."""
    report("vin_snapshots", RUN)

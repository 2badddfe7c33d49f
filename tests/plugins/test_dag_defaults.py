"""Defaults of all DAGs: retries, params, conf, the report file and metrics."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk import Param, RetryAction
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
from airflow.utils.file import find_path_from_directory

from include.data.checks import FAILED, PASSED, WAIVED, WARNING, ChecksFailed
from include.errors import PermanentError
from include.http.errors import AuthError, SourceUnavailable
from include.lake.publish import DRY_RUN, OUTDATED, PUBLISHED, UNCHANGED
from include.lake.store import Store, StoreError, StoreRefused
from plugins.dag_defaults import (
    DEFAULTS,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
    waive_param,
)

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
KNOWN = {"years": 1, "dry_run": 2}
RECEIPT: dict[str, Any] = {
    "outcome": UNCHANGED,
    "covers": {},
    "outdated": [],
    "replay_of": None,
    "observed_at": "2026-11-21T11:50:35Z",
    "counts": {"quarantined": 3},
    "checks": [{"outcome": outcome} for outcome in (PASSED, WAIVED, WARNING, FAILED)],
}
LINES = [
    "airflow.headwaters.read_at,pipeline=vehicle_recalls:1795261835.0|g",
    "airflow.headwaters.quarantined,pipeline=vehicle_recalls:3|g",
    "airflow.headwaters.waived,pipeline=vehicle_recalls:1|g",
]


def test_airflow_loads_only_the_recalls_plugin() -> None:
    """Airflow would load any other module twice: as a plugin, and when a DAG imports it."""
    found = find_path_from_directory(PLUGINS, ".airflowignore", "glob")
    loaded = {Path(path).relative_to(PLUGINS) for path in found if path.endswith(".py")}
    assert loaded == {Path("ui/recalls_plugin.py")}


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (PermanentError, RetryAction.FAIL),
        (ChecksFailed, RetryAction.FAIL),
        (AuthError, RetryAction.FAIL),
        (StoreRefused, RetryAction.FAIL),
        (SourceUnavailable, RetryAction.DEFAULT),
        (StoreError, RetryAction.DEFAULT),
    ],
)
def test_retry_policy_retries_all_but_permanent_errors(
    kind: type[Exception], action: RetryAction
) -> None:
    policy: Any = DEFAULTS["retry_policy"]
    assert policy.evaluate(kind("what, where, what to do"), 1, 2).action == action


@pytest.mark.parametrize(
    ("param", "value", "is_valid"),
    [
        (dry_run_param(), True, True),
        (dry_run_param(), "yes", False),
        (dry_run_param(), None, True),
        (waive_param("{}"), {}, True),
        (waive_param("{}"), {"rows per year": "NHTSA withdrew them"}, True),
        (waive_param("{}"), {"rows per year": ""}, False),
        (waive_param("{}"), {"rows per year": 7}, False),
        (waive_param("{}"), ["rows per year"], False),
    ],
)
def test_param_refuses_invalid_value(param: Param, value: object, *, is_valid: bool) -> None:
    if is_valid:
        assert param.resolve(value) == value
    else:
        with pytest.raises(ParamValidationError):
            param.resolve(value)


def test_store_opens_the_bucket_of_the_lake_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = quote('{"service_config": {"s3": {"bucket_name": "lake"}}}')
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", f"aws://key:secret@/?__extra__={extra}")
    opened = store()
    assert isinstance(opened, Store)
    assert opened.bucket == "lake"


@pytest.mark.parametrize("conf", [None, {}, {"years": []}, {"years": [], "dry_run": True}], ids=str)
def test_refuse_unknown_conf_accepts_known_keys(conf: Any) -> None:
    refuse_unknown_conf(conf, KNOWN)


def test_refuse_unknown_conf_names_unknown_and_known_keys() -> None:
    with pytest.raises(AirflowFailException) as caught:
        refuse_unknown_conf({"year": 1, "dryrun": 2, "years": 3}, KNOWN)
    assert str(caught.value) == (
        "the run's conf has dryrun, year, which this DAG does not know; it takes years, dry_run"
    )


def test_show_writes_the_log_and_the_screen_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    monkeypatch.delenv("HEADWATERS_SCREEN", raising=False)
    assert show("# Title\n\n- a fact\n") == "# Title\n\n- a fact\n"
    assert [line.message for line in caplog.records] == ["# Title", "", "- a fact"]
    monkeypatch.setenv("HEADWATERS_SCREEN", str(tmp_path / "screen.txt"))
    show("# Größe\n")
    assert (tmp_path / "screen.txt").read_text(encoding="utf-8") == "# Größe\n"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Returns the lines that StatsD received before a final line `end`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(30)
        settings = {"ON": True, "HOST": "127.0.0.1", "INFLUXDB_ENABLED": True}
        for name, value in (settings | {"PORT": listener.getsockname()[1]}).items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", str(value))
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)

        def received() -> list[str]:
            stats.incr("end")
            return list(iter(lambda: listener.recv(1000).decode(), "airflow.end:1|c"))

        yield received
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


@pytest.mark.parametrize(
    "read",
    [{"outcome": UNCHANGED}, {"outcome": PUBLISHED}, {"covers": {"site_id": ["kingfisher"]}}],
    ids=str,
)
def test_measure_sends_published_and_unchanged_reads(
    received: Callable[[], list[str]], read: dict[str, Any]
) -> None:
    measure("vehicle_recalls", RECEIPT | read)
    assert received() == LINES


@pytest.mark.parametrize(
    "read",
    [
        {"outcome": DRY_RUN},
        {"outcome": OUTDATED},
        {"covers": None},
        {"replay_of": "20261120T115035-73500232"},
        {"outcome": PUBLISHED, "outdated": ["2019"]},
    ],
    ids=str,
)
def test_measure_ignores_other_reads(
    received: Callable[[], list[str]], read: dict[str, Any]
) -> None:
    measure("vehicle_recalls", RECEIPT | read)
    assert received() == []


def test_measure_without_metrics_does_nothing() -> None:
    measure("vehicle_recalls", RECEIPT)

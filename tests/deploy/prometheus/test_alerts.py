"""Every alert fires and stays silent when it should, on metrics that exist."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow._shared.observability.metrics.metrics_registry import MetricsRegistry

ROOT = Path(__file__).resolve().parents[3]
OPS = ROOT / "deploy" / "prometheus"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
TESTS = yaml.safe_load((OPS / "alerts_test.yml").read_text())["tests"]
PROMTOOL = shutil.which("promtool")
ALWAYS = "AlertsWork"


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of the Debian package prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_accepts(command: list[str]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *command], cwd=OPS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", RULES)
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: str) -> None:
    fires = {
        bool(case["exp_alerts"])
        for test in TESTS
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    }
    assert fires == ({True} if alert == ALWAYS else {True, False})


@pytest.mark.parametrize("alert", RULES)
def test_every_alert_uses_metrics_that_are_sent(alert: str) -> None:
    """By Airflow, by Headwaters, or by Prometheus itself."""
    measured = (ROOT / "plugins" / "dag_defaults.py").read_text()
    ours = set(re.findall(r'^        "(\w+)": ', measured, re.MULTILINE))
    sent = {f"airflow_headwaters_{name}" for name in ours} | {"up"}
    for metric in MetricsRegistry()._metrics.values():
        name = "airflow_" + metric["name"].replace(".", "_")
        sent |= {f"{name}_count"} if metric["type"] == "timer" else {name}
    named = set(re.findall(r"\b(airflow_\w+|up)\b", RULES[alert]["expr"]))
    assert bool(named) != (alert == ALWAYS)
    assert named <= sent


def test_operations_page_lists_every_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z][a-z]\w+)` \|", page, re.MULTILINE)) == set(RULES)


def test_containers_send_metrics_to_the_exporter_that_prometheus_reads() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    (job,) = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
    ((target,),) = (asked["targets"] for asked in job["static_configs"])
    exporter, port = target.split(":")
    heard = re.findall(r"udp=:(\d+)", " ".join(services[exporter]["command"]))
    assert f":{port}/" in services[exporter]["healthcheck"]["test"][-1]
    assert heard == ["8125"]  # Airflow's own choice
    for part in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        settings = services[part]["environment"]
        assert settings["AIRFLOW__METRICS__STATSD_HOST"] == exporter
        assert settings["AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED"] == "True"
    (kept,) = re.findall(r"retention\.time=(\d+)d", " ".join(services["prometheus"]["command"]))
    assert int(kept) > max(map(int, re.findall(r"\[(\d+)d\]", (OPS / "alerts.yml").read_text())))

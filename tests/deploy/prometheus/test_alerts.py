"""Every alert has promtool tests and uses metrics that exist."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow._shared.observability.metrics.metrics_registry import MetricsRegistry

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
PROMTOOL = shutil.which("promtool")
ALWAYS_FIRES = "AlertsWork"


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (Debian package: prometheus)")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_passes(command: list[str]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", RULES)
def test_alert_has_a_firing_and_a_silent_case(alert: str) -> None:
    fires = {
        bool(case["exp_alerts"])
        for test in TESTS
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    }
    assert fires == ({True} if alert == ALWAYS_FIRES else {True, False})


@pytest.mark.parametrize("alert", RULES)
def test_alert_uses_existing_metrics(alert: str) -> None:
    """Airflow, Headwaters or Prometheus itself sends them."""
    measured = (ROOT / "plugins" / "dag_defaults.py").read_text()
    own = set(re.findall(r'^        "(\w+)": ', measured, re.MULTILINE))
    sent = {f"airflow_headwaters_{name}" for name in own} | {"up"}
    for metric in MetricsRegistry()._metrics.values():
        name = "airflow_" + metric["name"].replace(".", "_")
        sent |= {f"{name}_count"} if metric["type"] == "timer" else {name}
    named = set(re.findall(r"\b(airflow_\w+|up)\b", RULES[alert]["expr"]))
    assert bool(named) != (alert == ALWAYS_FIRES)
    assert named <= sent


def test_operations_page_lists_every_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z][a-z]\w+)` \|", page, re.MULTILINE)) == set(RULES)


def test_containers_send_metrics_to_the_scraped_exporter() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    ((target,),) = (scraped["targets"] for scraped in job["static_configs"])
    exporter, port = target.split(":")
    listens_on = re.findall(r"udp=:(\d+)", " ".join(services[exporter]["command"]))
    assert f":{port}/" in services[exporter]["healthcheck"]["test"][-1]
    assert listens_on == ["8125"]  # Airflow's default
    for part in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        settings = services[part]["environment"]
        assert settings["AIRFLOW__METRICS__STATSD_HOST"] == exporter
        assert settings["AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED"] == "True"
    (days,) = re.findall(r"retention\.time=(\d+)d", " ".join(services["prometheus"]["command"]))
    assert int(days) > max(map(int, re.findall(r"\[(\d+)d\]", (FOLDER / "alerts.yml").read_text())))

"""The rules of the alerts: each can fire, each can be silent, each looks at what there is."""

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


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: apt-get install prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_prometheus_takes_it(command: list[str]) -> None:
    """Its own tool reads the settings and the rules, and tries every rule."""
    done = subprocess.run(
        [str(PROMTOOL), *command], cwd=OPS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", RULES)
def test_every_alert_is_tried_both_ways(alert: str) -> None:
    """One case makes it fire, another must not; the one that always fires has no other."""
    fires = {
        bool(case["exp_alerts"])
        for test in TESTS
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    }
    assert fires == ({True} if alert == ALWAYS else {True, False})


@pytest.mark.parametrize("alert", RULES)
def test_every_alert_looks_at_what_there_is(alert: str) -> None:
    """A metric that nobody sends would never alert: each is Airflow's, ours, or Prometheus' own."""
    measured = (ROOT / "plugins" / "dag_defaults.py").read_text()
    ours = set(re.findall(r'^        "(\w+)": ', measured, re.MULTILINE))
    sent = {f"airflow_headwaters_{name}" for name in ours} | {"up"}
    for metric in MetricsRegistry()._metrics.values():
        name = "airflow_" + metric["name"].replace(".", "_")
        sent |= {f"{name}_count"} if metric["type"] == "timer" else {name}
    named = set(re.findall(r"\b(airflow_\w+|up)\b", RULES[alert]["expr"]))
    assert bool(named) != (alert == ALWAYS)
    assert named <= sent


def test_every_alert_is_explained() -> None:
    """docs/operations.md says of each why it fires and what to do, and of no other."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z][a-z]\w+)` \|", page, re.MULTILINE)) == set(RULES)


def test_the_containers_send_where_prometheus_asks() -> None:
    """One exporter hears every part of Airflow, and the past is kept as long as rules look back."""
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

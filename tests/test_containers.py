"""Dockerfile and compose file agree with the code; `make test-containers` starts them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import conf
from botocore.client import BaseClient
from packaging.specifiers import SpecifierSet

from local.containers import ASSIGNMENT, PROFILES, SECRETS, SETTINGS
from local.processes import free_port

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = {
    found[1]: found[2]
    for found in re.finditer(
        r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
}
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text()
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def _substituted(text: str, settings: Mapping[str, str]) -> str:
    """Substitute variables as compose does; a required one becomes its name in brackets."""

    def value(found: re.Match[str]) -> str:
        default = f"<{found['name']}>" if found["kind"] == "?" else found["rest"] or ""
        return settings.get(found["name"]) or default

    return VARIABLE.sub(value, text)


def settings_of(profile: str, **user: str) -> dict[str, str]:
    found = dict(user)
    for name in PROFILES[profile].settings:
        for key, value in ASSIGNMENT.findall((SETTINGS / name).read_text()):
            found[key] = _substituted(value, found)
    return found


def services_of(profile: str, **user: str) -> dict[str, dict[str, Any]]:
    """The services of a profile, as compose starts them."""
    settings = settings_of(profile, **user)

    def substituted(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: substituted(value) for key, value in node.items()}
        if isinstance(node, list):
            return [substituted(value) for value in node]
        return _substituted(node, settings) if isinstance(node, str) else node

    return {
        name: substituted(service)
        for name, service in yaml.safe_load(COMPOSE_TEXT)["services"].items()
        if set(service.get("profiles", ())) <= set(PROFILES[profile].services)
    }


SERVICES = {profile: services_of(profile) for profile in PROFILES}
ALL = services_of("celery")  # the profile with every service
every_profile = pytest.mark.parametrize("profile", PROFILES)


def _one_shot(service: dict[str, Any]) -> bool:
    return str(service["restart"]).startswith("on-failure")


def _connection(profile: str, connection: str, **user: str) -> dict[str, Any]:
    scheduler = services_of(profile, **user)["scheduler"]
    return json.loads(scheduler["environment"][f"AIRFLOW_CONN_{connection}"])


def _locked(lock: str, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert found, f"{package} is not in {lock}"
    return found[1]


def test_base_image_has_the_locked_airflow_and_a_supported_python() -> None:
    image = re.search(
        r"^ARG BASE_IMAGE=apache/airflow:([\d.]+)-python([\d.]+)$", DOCKERFILE, re.MULTILINE
    )
    assert image
    assert image[1] == _locked("requirements.txt", "apache-airflow")
    assert f"{image[2]}.1" in SpecifierSet(PROJECT["requires-python"])


def test_images_install_locked_hashes_and_do_not_run_as_root() -> None:
    assert re.search(
        r"^RUN uv pip install .*--require-hashes .*requirements\.txt",
        DOCKERFILE,
        re.MULTILINE | re.DOTALL,
    )
    assert all(stage.rstrip().splitlines()[-1] != "USER 0" for stage in STAGES.values())
    assert re.findall(r"^USER (.+)$", STAGES["production"], re.MULTILINE)[-1] == "50000"
    assert re.findall(r"^USER (.+)$", STAGES["fakes"], re.MULTILINE) == ["50000"]


def test_each_image_copies_only_its_own_folders() -> None:
    copied = {
        stage: {
            Path(name).name
            for name in re.findall(r"^COPY --chmod=\d+ (\S+) \S+$", text, re.MULTILINE)
        }
        for stage, text in STAGES.items()
    }
    assert copied == {
        "locked": {"requirements.txt"},
        "fakes": {"fakes"},
        "production": {"dags", "plugins", "include", "config"},
    }
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {Path(line[1:]).name for line in lines if line.startswith("!")}
    assert allowed == {name for names in copied.values() for name in names}
    assert "*" in lines


@pytest.mark.parametrize("service", ALL)
def test_image_has_a_pinned_version(service: str) -> None:
    image, _, tag = ALL[service]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+", tag), f"{image} is not pinned"
    if image.startswith("headwaters"):
        assert tag == PROJECT["version"]


def test_each_own_image_is_built_by_one_service() -> None:
    """Two services that build one tag fail the build or restart each other."""
    built = {s["image"]: s["build"]["target"] for s in ALL.values() if "build" in s}
    version = PROJECT["version"]
    assert built == {
        f"headwaters:{version}": "production",
        f"headwaters-fakes:{version}": "fakes",
    }
    assert len([s for s in ALL.values() if "build" in s]) == len(built)


@pytest.mark.parametrize("service", ALL)
def test_container_has_minimal_privileges(service: str) -> None:
    settings = ALL[service]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["read_only"] == (service != "localstack")
    assert {"mem_limit", "pids_limit"} <= settings.keys()
    assert settings["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert ("cap_add" in settings) == (service == "postgres")


def test_localstack_has_the_locked_version() -> None:
    """It runs only S3 and checks signatures."""
    localstack = ALL["localstack"]
    version = _locked("requirements/localstack.lock", "localstack-core")
    assert localstack["image"] == f"localstack/localstack:{version}"
    assert localstack["environment"]["SERVICES"] == "s3"
    assert localstack["environment"]["S3_SKIP_SIGNATURE_VALIDATION"] == "0"


def test_localstack_hook_creates_the_bucket_at_every_start(
    s3: BaseClient, s3_url: str, tmp_path: Path
) -> None:
    hook = (SETTINGS / "create_bucket.py").read_text().replace("http://127.0.0.1:4566", s3_url)
    name = f"hook-{uuid.uuid4().hex[:8]}"
    for _ in range(2):
        environment = os.environ | {"LAKE_BUCKET": name}
        subprocess.run([sys.executable, "-c", hook], env=environment, cwd=tmp_path, check=True)
    assert name in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    (mounted,) = ALL["localstack"]["volumes"]
    assert mounted.split(":")[1].startswith("/etc/localstack/init/ready.d/")


def test_ports_are_local_and_unique_across_profiles() -> None:
    ports = [
        port
        for services in SERVICES.values()
        for service in services.values()
        for port in service.get("ports", [])
    ]
    assert len(ports) >= 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.rsplit(":", 1)[0] for port in ports}) == len(ports)
    assert services_of("live", UI_PORT="9001")["api-server"]["ports"] == ["127.0.0.1:9001:8080"]


@pytest.mark.parametrize("service", ALL)
def test_long_running_service_has_a_health_check(service: str) -> None:
    """A one-shot service has none."""
    checked = "healthcheck" in ALL[service]
    assert _one_shot(ALL[service]) != checked
    if checked:
        assert ALL[service]["healthcheck"]["start_period"] == "240s"
        assert "jobs check" not in " ".join(ALL[service]["healthcheck"]["test"])


def test_postgres_health_check_uses_tcp() -> None:
    """The temporary server that fills a new volume listens on a socket only."""
    assert "--host=127.0.0.1" in ALL["postgres"]["healthcheck"]["test"]


@every_profile
def test_dependencies_have_conditions_that_can_be_met(profile: str) -> None:
    """A dependency runs in each profile of its dependent, and its condition can be met."""
    services = SERVICES[profile]
    for service, settings in services.items():
        for name, dependency in settings.get("depends_on", {}).items():
            if name not in services:
                assert dependency.get("required") is False, f"{service} -> {name}"
                continue
            needed = (
                "service_completed_successfully" if _one_shot(services[name]) else "service_healthy"
            )
            assert dependency["condition"] == needed, f"{service} -> {name}"


@every_profile
def test_vin_service_has_a_cache_volume_and_the_lake_of_the_dags(profile: str) -> None:
    service = SERVICES[profile]["vin"]
    environment = service["environment"]
    folder = str(Path(environment["VIN_DB"]).parent)
    assert service["volumes"] == [f"vin:{folder}"]
    assert re.search(rf"mkdir {re.escape(folder)}\b", STAGES["production"])
    assert _connection(profile, "VIN_API")["host"] == f"http://vin:{service['command'][-1]}"
    lake = _connection(profile, "LAKE")
    assert lake["extra"] == {
        "endpoint_url": environment["LAKE_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "service_config": {"s3": {"bucket_name": environment["LAKE_BUCKET"]}},
    }
    assert lake["login"] == environment["AWS_ACCESS_KEY_ID"]
    assert lake["password"] == environment["AWS_SECRET_ACCESS_KEY"]
    assert SERVICES[profile]["bucket"]["environment"].items() <= environment.items()


def test_every_airflow_option_exists() -> None:
    """Airflow silently ignores a misspelled AIRFLOW__SECTION__OPTION."""
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    named = set(re.findall(r"\bAIRFLOW__[A-Z_]+__[A-Z_]+\b", COMPOSE_TEXT + DOCKERFILE))
    assert len(named) >= 10
    assert named <= known


@every_profile
def test_every_airflow_component_has_every_hook_connection(profile: str) -> None:
    named = {
        found
        for path in (ROOT / "plugins" / "hooks").glob("*_hook.py")
        for found in re.findall(r'default_conn_name\s*=\s*"(\w+)"', path.read_text())
    }
    assert named >= {"recalls_api", "vin_api", "lake"}
    worker = ["worker"] if profile == "celery" else []
    for component in ("api-server", "scheduler", "dag-processor", "triggerer", *worker):
        environment = SERVICES[profile][component]["environment"]
        actual = {name for name in environment if name.startswith("AIRFLOW_CONN_")}
        assert actual == {f"AIRFLOW_CONN_{name.upper()}" for name in named}


@every_profile
def test_host_names_in_the_network_are_services(profile: str) -> None:
    for name, service in SERVICES[profile].items():
        environment = dict(service.get("environment", {}))
        if profile != "celery":
            environment.pop("AIRFLOW__CELERY__BROKER_URL", None)
        for host in re.findall(
            r"(?:http://|airflow@|>@)([a-z-]+)(?=[:/])", json.dumps(environment)
        ):
            assert host in SERVICES[profile], f"{name} names {host}"


def test_profiles_never_mix_made_up_and_real_data() -> None:
    """Each profile has its own project (so volumes and network), bucket and sources."""
    assert COMPOSE_TEXT.count("\nname: headwaters-${PROFILE:-local}\n") == 1
    assert {settings_of(profile)["PROFILE"] for profile in PROFILES} == set(PROFILES)
    on_aws = {"LAKE_BUCKET": "mine", "LAKE_ENDPOINT_URL": "https://s3.amazonaws.com"}
    buckets = {profile: _connection(profile, "LAKE", **on_aws)["extra"] for profile in PROFILES}
    names = {p: lake["service_config"]["s3"]["bucket_name"] for p, lake in buckets.items()}
    assert names == {"local": "headwaters", "celery": "headwaters-celery", "live": "mine"}
    assert buckets["live"]["endpoint_url"] == on_aws["LAKE_ENDPOINT_URL"]
    assert buckets["local"]["endpoint_url"] == "http://localstack:4566"
    for name in ("RECALLS_API", "KRAKENFLEX_API", "SHOP_API", "ECB_API", "OPEN_LIBRARY_API"):
        assert _connection("local", name)["host"] == "http://fakes:8000"
        assert _connection("live", name)["host"].startswith("https://")
    assert "fakes" not in SERVICES["live"]
    assert SERVICES["live"]["vin"]["environment"]["VPIC_URL"].startswith("https://")


def test_workers_can_be_scaled_and_stop_gracefully() -> None:
    """A worker has no unique name or port, shares the logs, and finishes its tasks."""
    worker, redis = ALL["worker"], ALL["redis"]
    assert not {"container_name", "ports", "hostname"} & worker.keys()
    assert worker["environment"]["DUMB_INIT_SETSID"] == "0"  # SIGTERM to its main process alone
    assert re.fullmatch(r"\d+m", worker["stop_grace_period"])
    for name in ("scheduler", "api-server", "dag-processor", "triggerer", "worker"):
        assert ALL[name]["volumes"] == ["logs:/opt/airflow/logs"]
        assert ALL[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        broker = ALL[name]["environment"]["AIRFLOW__CELERY__BROKER_URL"]
        assert broker == "redis://:<REDIS_PASSWORD>@redis:6379/0"
    assert redis["environment"]["REDISCLI_AUTH"] == "<REDIS_PASSWORD>"
    assert "ports" not in redis


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_redis_requires_its_password(tmp_path: Path) -> None:
    """Runs the service's own command on loopback."""
    service, port = ALL["redis"], str(free_port())
    command = service["command"][0].replace("$$", "$")
    command = command.replace("redis-server -", f"redis-server - --bind 127.0.0.1 --port {port}")
    environment = os.environ | {"REDISCLI_AUTH": "open-sesame"}
    check = service["healthcheck"]["test"][-1].replace("redis-cli", f"redis-cli -p {port}")

    def answers(password: str) -> bool:
        env = environment | {"REDISCLI_AUTH": password}
        result = subprocess.run(["sh", "-c", check], env=env, capture_output=True, check=False)
        return result.returncode == 0

    started = [*service["entrypoint"], command]
    with subprocess.Popen(
        started, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    ) as redis:
        try:
            give_up = time.monotonic() + 30
            while not answers("open-sesame") and time.monotonic() < give_up:
                time.sleep(0.05)
            assert answers("open-sesame")
            assert not answers("wrong")
            assert not answers("")
        finally:
            redis.terminate()
    assert list(tmp_path.glob("appendonlydir/*"))  # queued tasks survive a restart


def test_only_the_live_profile_starts_with_paused_dags() -> None:
    environment = {p: SERVICES[p]["scheduler"]["environment"] for p in PROFILES}
    paused = {p: e["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] for p, e in environment.items()}
    assert {p: str(value) for p, value in paused.items()} == {
        "local": "False",
        "celery": "False",
        "live": "True",
    }


def test_compose_file_has_no_secret() -> None:
    """Secrets come from .env; compose does not start without the required ones."""
    secret = re.compile(
        r"(PASSWORD|SECRET(_KEY)?|(?<!KRAKENFLEX_)API_KEY|FERNET_KEY|CONN|AUTH|URL)$"
    )
    environments = [
        s.get("environment", {}) for s in yaml.safe_load(COMPOSE_TEXT)["services"].values()
    ]
    written = {
        f"{name}: {value}" for e in environments for name, value in e.items() if secret.search(name)
    }
    needed = {
        found["name"]
        for text in written
        for found in VARIABLE.finditer(text)
        if found["kind"] == "?"
    }
    assert needed == set(SECRETS) | {"VIN_API_KEY"}
    for profile in PROFILES:
        for connection in ("RECALLS_API", "LAKE"):
            actual = _connection(profile, connection)
            assert {actual.get("login", ""), actual.get("password", "")} <= {"", "test"}


def test_example_has_no_secret_values() -> None:
    """tests/test_docs.py checks every other ${VARIABLE} of the compose file."""
    example = (ROOT / ".env.example").read_text()
    actual = dict(re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=(.*)$", example, re.MULTILINE))
    assert set(SECRETS) <= {found["name"] for found in VARIABLE.finditer(COMPOSE_TEXT)}
    assert all(actual[name].strip() == "" for name in SECRETS)
    # No variable has a form that VARIABLE does not match.
    assert "$" not in VARIABLE.sub("", COMPOSE_TEXT).replace("$$", "")

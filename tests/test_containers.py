"""The container files against the code; `make test-containers` starts them."""

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


def _filled_in(text: str, settings: Mapping[str, str]) -> str:
    """The text as compose would make it; a secret of `.env` is its own name in brackets."""

    def value(found: re.Match[str]) -> str:
        default = f"<{found['name']}>" if found["kind"] == "?" else found["rest"] or ""
        return settings.get(found["name"]) or default

    return VARIABLE.sub(value, text)


def settings_of(profile: str, **user: str) -> dict[str, str]:
    found = dict(user)
    for name in PROFILES[profile].settings:
        for key, value in ASSIGNMENT.findall((SETTINGS / name).read_text()):
            found[key] = _filled_in(value, found)
    return found


def services_of(profile: str, **user: str) -> dict[str, dict[str, Any]]:
    """The services that run in a profile, as compose would start them."""
    settings = settings_of(profile, **user)

    def filled_in(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled_in(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled_in(value) for value in node]
        return _filled_in(node, settings) if isinstance(node, str) else node

    return {
        name: filled_in(service)
        for name, service in yaml.safe_load(COMPOSE_TEXT)["services"].items()
        if set(service.get("profiles", ())) <= set(PROFILES[profile].services)
    }


SERVICES = {profile: services_of(profile) for profile in PROFILES}
ALL = services_of("celery")  # which has every service
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


def test_the_base_image_is_the_airflow_and_the_python_of_the_lock() -> None:
    """The image's Airflow is the locked one, its Python one that the project says it runs on."""
    image = re.search(
        r"^ARG BASE_IMAGE=apache/airflow:([\d.]+)-python([\d.]+)$", DOCKERFILE, re.MULTILINE
    )
    assert image
    assert image[1] == _locked("requirements.txt", "apache-airflow")
    assert f"{image[2]}.1" in SpecifierSet(PROJECT["requires-python"])


def test_the_image_installs_the_lock_by_its_hashes_and_is_not_root() -> None:
    """A package that is not in the lock, or not with that hash, ends the build."""
    assert re.search(
        r"^RUN uv pip install .*--require-hashes .*requirements\.txt",
        DOCKERFILE,
        re.MULTILINE | re.DOTALL,
    )
    assert all(stage.rstrip().splitlines()[-1] != "USER 0" for stage in STAGES.values())
    assert re.findall(r"^USER (.+)$", STAGES["production"], re.MULTILINE)[-1] == "50000"
    assert re.findall(r"^USER (.+)$", STAGES["fakes"], re.MULTILINE) == ["50000"]


def test_the_code_of_the_dags_enters_the_image_and_the_fakes_another_one() -> None:
    """Each folder that tasks import from is copied and let through; .env and tests never are."""
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
    let_through = {Path(line[1:]).name for line in lines if line.startswith("!")}
    assert let_through == {name for names in copied.values() for name in names}
    assert "*" in lines


@pytest.mark.parametrize("service", ALL)
def test_images_are_pinned(service: str) -> None:
    """An image is named with a version, and our own with the project's."""
    image, _, tag = ALL[service]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+", tag), f"{image} is not pinned"
    if image.startswith("headwaters"):
        assert tag == PROJECT["version"]


def test_each_image_of_ours_is_built_by_one_service() -> None:
    """Two that build one tag fail on one image store, and restart everything on another."""
    built = {s["image"]: s["build"]["target"] for s in ALL.values() if "build" in s}
    version = PROJECT["version"]
    assert built == {
        f"headwaters:{version}": "production",
        f"headwaters-fakes:{version}": "fakes",
    }
    assert len([s for s in ALL.values() if "build" in s]) == len(built)


@pytest.mark.parametrize("service", ALL)
def test_containers_may_do_little(service: str) -> None:
    settings = ALL[service]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["read_only"] == (service != "localstack")
    assert {"mem_limit", "pids_limit"} <= settings.keys()
    assert settings["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert ("cap_add" in settings) == (service == "postgres")


def test_localstack_is_the_one_of_the_laptop() -> None:
    """Containers and laptop run the same LocalStack, checking signatures, with S3 and no more."""
    localstack = ALL["localstack"]
    version = _locked("requirements/localstack.lock", "localstack-core")
    assert localstack["image"] == f"localstack/localstack:{version}"
    assert localstack["environment"]["SERVICES"] == "s3"
    assert localstack["environment"]["S3_SKIP_SIGNATURE_VALIDATION"] == "0"


def test_localstack_has_its_bucket_after_every_start(
    s3: BaseClient, s3_url: str, tmp_path: Path
) -> None:
    """Its own hook makes it, twice in a row without an error."""
    hook = (SETTINGS / "create_bucket.py").read_text().replace("http://127.0.0.1:4566", s3_url)
    name = f"hook-{uuid.uuid4().hex[:8]}"
    for _ in range(2):
        environment = os.environ | {"LAKE_BUCKET": name}
        subprocess.run([sys.executable, "-c", hook], env=environment, cwd=tmp_path, check=True)
    assert name in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    (mounted,) = ALL["localstack"]["volumes"]
    assert mounted.split(":")[1].startswith("/etc/localstack/init/ready.d/")


def test_ports_are_on_this_machine_and_no_two_profiles_share_one() -> None:
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
def test_every_service_says_how_it_is(service: str) -> None:
    """What runs on has a health check with time to start; what runs once has none."""
    checked = "healthcheck" in ALL[service]
    assert _one_shot(ALL[service]) != checked
    if checked:
        assert ALL[service]["healthcheck"]["start_period"] == "240s"
        assert "jobs check" not in " ".join(ALL[service]["healthcheck"]["test"])


def test_postgres_is_asked_over_tcp() -> None:
    """The server that fills a new volume listens on a socket, and goes away again."""
    assert "--host=127.0.0.1" in ALL["postgres"]["healthcheck"]["test"]


@every_profile
def test_dependencies_wait_for_what_can_be_waited_for(profile: str) -> None:
    """A dependency runs in each profile of its dependant, and can come true."""
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
def test_the_vin_service_keeps_its_cache_and_shares_the_lake(profile: str) -> None:
    """Its cache lies on a volume that it may write; its address and its lake are the DAGs'."""
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


def test_airflow_knows_every_option() -> None:
    """Airflow ignores a misspelt AIRFLOW__SECTION__OPTION without a word; there is none."""
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    named = set(re.findall(r"\bAIRFLOW__[A-Z_]+__[A-Z_]+\b", COMPOSE_TEXT + DOCKERFILE))
    assert len(named) >= 10
    assert named <= known


@every_profile
def test_each_connection_of_the_hooks_is_given_to_every_airflow(profile: str) -> None:
    """The connections that hooks open by default are in the environment of all components."""
    named = {
        found
        for path in (ROOT / "plugins" / "hooks").glob("*_hook.py")
        for found in re.findall(r'default_conn_name\s*=\s*"(\w+)"', path.read_text())
    }
    assert named >= {"recalls_api", "vin_api", "lake"}
    worker = ["worker"] if profile == "celery" else []
    for component in ("api-server", "scheduler", "dag-processor", "triggerer", *worker):
        environment = SERVICES[profile][component]["environment"]
        given = {name for name in environment if name.startswith("AIRFLOW_CONN_")}
        assert given == {f"AIRFLOW_CONN_{name.upper()}" for name in named}


@every_profile
def test_names_inside_the_network_are_services(profile: str) -> None:
    """Every host that a connection, a database or the api-server's address names runs there."""
    for name, service in SERVICES[profile].items():
        environment = dict(service.get("environment", {}))
        if profile != "celery":
            environment.pop("AIRFLOW__CELERY__BROKER_URL", None)
        for host in re.findall(
            r"(?:http://|airflow@|>@)([a-z-]+)(?=[:/])", json.dumps(environment)
        ):
            assert host in SERVICES[profile], f"{name} names {host}"


def test_made_up_and_real_data_never_mix() -> None:
    """Each profile has its project, so its volumes and network; and its bucket and sources."""
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


def test_workers_can_be_many_and_end_warm() -> None:
    """A worker has nothing that only one can have, sees the logs of all, and ends its tasks."""
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


@pytest.mark.skipif(not shutil.which("redis-server"), reason="Redis is not on this machine")
def test_redis_wants_the_password_and_passes_its_health_check(tmp_path: Path) -> None:
    """The service's own command, run on loopback: nothing without the password, PONG with it."""
    service, port = ALL["redis"], str(free_port())
    command = service["command"][0].replace("$$", "$")
    command = command.replace("redis-server -", f"redis-server - --bind 127.0.0.1 --port {port}")
    environment = os.environ | {"REDISCLI_AUTH": "open-sesame"}
    ask = service["healthcheck"]["test"][-1].replace("redis-cli", f"redis-cli -p {port}")

    def answers(password: str) -> bool:
        env = environment | {"REDISCLI_AUTH": password}
        asked = subprocess.run(["sh", "-c", ask], env=env, capture_output=True, check=False)
        return asked.returncode == 0

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
    assert list(tmp_path.glob("appendonlydir/*"))  # what waits outlives a restart


def test_real_servers_are_not_asked_before_a_person_wants_it() -> None:
    environment = {p: SERVICES[p]["scheduler"]["environment"] for p in PROFILES}
    paused = {p: e["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] for p, e in environment.items()}
    assert {p: str(value) for p, value in paused.items()} == {
        "local": "False",
        "celery": "False",
        "live": "True",
    }


def test_no_secret_is_in_the_file() -> None:
    """Passwords and keys come from .env, and compose refuses to start without the needed ones."""
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
    assert needed == set(SECRETS) - {"VIN_API_KEY"} | {"VIN_API_KEY"}
    for profile in PROFILES:
        for connection in ("RECALLS_API", "LAKE"):
            given = _connection(profile, connection)
            assert {given.get("login", ""), given.get("password", "")} <= {"", "test"}


def test_secrets_have_no_value_in_the_example() -> None:
    """tests/test_docs.py looks for every other ${VARIABLE} of the compose file."""
    example = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=(.*)$", example, re.MULTILINE))
    assert set(SECRETS) <= {found["name"] for found in VARIABLE.finditer(COMPOSE_TEXT)}
    assert all(given[name].strip() == "" for name in SECRETS)
    # Every $ is either a variable in the one form that is checked here, or doubled.
    assert "$" not in VARIABLE.sub("", COMPOSE_TEXT).replace("$$", "")

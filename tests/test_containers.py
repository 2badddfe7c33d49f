"""The container files against the code: no engine is needed to see that they fit each other."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from botocore.client import BaseClient
from packaging.specifiers import SpecifierSet

from local.processes import free_port

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
# LocalStack takes any key. These open nothing.
NO_SECRETS = {"", "test"}


def _one_shot(service: dict[str, Any]) -> bool:
    return service.get("restart") == "no"


def _filled_in(text: str, **values: str) -> str:
    """The text as compose would make it from an environment with these values."""

    def value(found: re.Match[str]) -> str:
        default = found["rest"] if found["kind"] == "-" else f"<{found['name']}>"
        return values.get(found["name"], default)

    return VARIABLE.sub(value, text).replace("$$", "$")


def _connection(service: str, connection: str, **values: str) -> dict[str, Any]:
    text = SERVICES[service]["environment"][f"AIRFLOW_CONN_{connection}"]
    return json.loads(_filled_in(text, **values))


def _locked(lock: str, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert found, f"{package} is not in {lock}"
    return found[1]


def _airflow_commands() -> list[list[str]]:
    programs = [
        part
        for service in SERVICES.values()
        for part in (service.get("command", []), service.get("healthcheck", {}).get("test", [])[1:])
    ]
    in_shells = [
        part.split()
        for program in programs
        if program[:2] == ["bash", "-c"]
        for part in program[2].split(" && ")
    ]
    return [program[1:] for program in programs + in_shells if program[:1] == ["airflow"]]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow itself makes of the commands, and every option that it knows."""
    program = """
import json, sys
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
refused = []
for command in json.loads(sys.argv[1]):
    try:
        get_parser().parse_args(command)
    except SystemExit:
        refused.append(command)
options = [
    f"AIRFLOW__{section}__{option}".upper()
    for section, described in conf.configuration_description.items()
    for option in described["options"]
]
print(json.dumps({"refused": refused, "options": options}))
"""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    commands = [*_airflow_commands(), ["jobs", "check", "--local"]]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(commands)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


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
        r"^RUN uv pip install .*--require-hashes .*requirements\.txt", DOCKERFILE, re.MULTILINE
    )
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["50000"]
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)


def test_all_the_code_of_the_dags_enters_the_image_and_nothing_else() -> None:
    """Each folder that tasks import from is copied and let through; .env never is."""
    copied = {
        Path(source).name for source in re.findall(r"^COPY (\S+) \S+$", DOCKERFILE, re.MULTILINE)
    }
    let_through = {
        Path(line[1:]).name
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    imported = {name for name in ("dags", "plugins", "include", "config") if (ROOT / name).exists()}
    assert copied == let_through == imported | {"requirements.txt"}
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_image_finds_its_code_where_it_was_copied() -> None:
    """The import root, the DAGs and the plugins are below the folder that the code is copied to."""
    folder = re.search(r"^WORKDIR (\S+)$", DOCKERFILE, re.MULTILINE)
    assert folder
    for name, below in {
        "PYTHONPATH": f":{folder[1]}/config",
        "AIRFLOW__CORE__DAGS_FOLDER": "/dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": "/plugins",
    }.items():
        assert re.search(rf"\b{name}={re.escape(folder[1] + below)}(\s|$)", DOCKERFILE)


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned(service: str) -> None:
    """An image is named with a version, and our own with the project's."""
    image, _, tag = SERVICES[service]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+", tag), f"{image} is not pinned"
    if image == "headwaters":
        assert tag == PROJECT["version"]


def test_localstack_is_the_one_of_the_laptop() -> None:
    """Containers and laptop run the same LocalStack, checking signatures, with S3 and no more."""
    localstack = SERVICES["localstack"]
    version = _locked("requirements/localstack.lock", "localstack-core")
    assert localstack["image"] == f"localstack/localstack:{version}"
    assert localstack["environment"]["SERVICES"] == "s3"
    assert localstack["environment"]["S3_SKIP_SIGNATURE_VALIDATION"] == "0"


def test_ports_are_bound_to_this_machine_and_each_once() -> None:
    """No port of any service can be reached from another machine."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) >= 3
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.rsplit(":", 1)[0] for port in ports}) == len(ports)
    assert not any("network_mode" in service for service in SERVICES.values())


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_how_it_is(service: str) -> None:
    """What runs on has a health check of its own; what runs once does not start again."""
    assert _one_shot(SERVICES[service]) != ("healthcheck" in SERVICES[service])


@pytest.mark.parametrize("service", SERVICES)
def test_dependencies_wait_for_what_can_be_waited_for(service: str) -> None:
    """A dependency exists in each profile of its dependant, and can come true."""
    for name, dependency in SERVICES[service].get("depends_on", {}).items():
        needed = (
            "service_completed_successfully" if _one_shot(SERVICES[name]) else "service_healthy"
        )
        assert dependency["condition"] == needed, f"{service} -> {name}"
        assert set(SERVICES[service]["profiles"]) <= set(SERVICES[name]["profiles"])


def test_airflow_knows_every_command(airflow: dict[str, Any]) -> None:
    """Commands and health checks pass Airflow's own parser, all of its components among them."""
    started = {command[0] for command in _airflow_commands()}
    assert started == {
        "db",
        "pools",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "celery",
        "jobs",
    }
    assert airflow["refused"] == []


def test_airflow_knows_every_option(airflow: dict[str, Any]) -> None:
    """A misspelt AIRFLOW__SECTION__OPTION would be ignored in silence; there is none."""
    named = set(re.findall(r"\bAIRFLOW__[A-Z_]+__[A-Z_]+\b", COMPOSE_TEXT + DOCKERFILE))
    assert len(named) >= 10
    assert named <= set(airflow["options"])


def test_the_local_apis_start_with_these_flags_and_pass_their_health_check() -> None:
    """The service's own command is run here, on loopback, and its health check's address asked."""
    service = SERVICES["local-apis"]
    flags = dict(zip(service["command"][::2], service["command"][1::2], strict=True))
    flags |= {"--host": "127.0.0.1", "--port": "0"}
    program = [
        sys.executable,
        *service["entrypoint"][1:],
        *(part for f in flags.items() for part in f),
    ]
    path = service["healthcheck"]["test"][-1].partition(":8000")[2].replace("$$", "$")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as apis:
        try:
            ready = next(line for line in apis.stdout or () if line.startswith("ready "))
            answer = requests.get(ready.split()[1] + path, timeout=30)
        finally:
            apis.terminate()
    assert answer.status_code == 200
    assert "X-Made-Up" in answer.headers
    assert len(answer.json()) == 1


@pytest.mark.parametrize("profile", ["local", "live"])
def test_the_vin_service_starts_with_these_settings_and_guards_itself(
    profile: str, tmp_path: Path
) -> None:
    """Its own command, run on loopback, passes its health check, wants the key, makes the cache."""
    service = SERVICES[f"{profile}-vin"]
    flags = dict(zip(service["command"][::2], service["command"][1::2], strict=True))
    flags |= {"--host": "127.0.0.1", "--port": "0"}
    program = [
        sys.executable,
        *service["entrypoint"][1:],
        *(part for f in flags.items() for part in f),
    ]
    settings = {name: _filled_in(value) for name, value in service["environment"].items()}
    cache = tmp_path / Path(settings["VIN_DB"]).name
    # Without a lake: nothing is asked of it here.
    environment = (
        os.environ | settings | {"PYTHONPATH": str(ROOT), "VIN_DB": str(cache), "LAKE_BUCKET": ""}
    )
    path = service["healthcheck"]["test"][-1].partition(":8090")[2]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as served:
        try:
            url = next(line for line in served.stdout or () if line.startswith("ready ")).split()[1]
            assert requests.get(url + path, timeout=30).status_code == 200
            assert requests.get(f"{url}/export", timeout=30).status_code == 401
            key = _connection(f"{profile}-scheduler", "VIN_API")["password"]
            answer = requests.get(f"{url}/export", headers={"X-API-Key": key}, timeout=30)
        finally:
            served.terminate()
    assert answer.status_code == 200
    assert cache.exists()


@pytest.mark.parametrize("profile", ["local", "live"])
def test_the_vin_service_keeps_its_cache_and_is_found(profile: str) -> None:
    """Its cache lies on a volume that it may write; its address and its lake are the DAGs'."""
    service = SERVICES[f"{profile}-vin"]
    environment = {name: _filled_in(value) for name, value in service["environment"].items()}
    folder = str(Path(environment["VIN_DB"]).parent)
    assert service["volumes"] == [f"{profile}-vin:{folder}"]
    assert re.search(rf"^RUN mkdir {re.escape(folder)}$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.index(f"mkdir {folder}") < DOCKERFILE.index("\nUSER ")
    host = _connection(f"{profile}-scheduler", "VIN_API")["host"]
    assert host == f"http://{profile}-vin:{service['command'][-1]}"
    assert service["ports"][0].endswith(f":{service['command'][-1]}")
    lake = _connection(f"{profile}-scheduler", "LAKE")
    assert lake["extra"] == {
        "endpoint_url": environment["LAKE_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "service_config": {"s3": {"bucket_name": environment["LAKE_BUCKET"]}},
    }
    assert lake["login"] == environment["AWS_ACCESS_KEY_ID"]
    assert lake["password"] == environment["AWS_SECRET_ACCESS_KEY"]


def test_the_bucket_is_made_once_and_found_again(s3: BaseClient, s3_url: str, bucket: str) -> None:
    """The one-shot, run twice with the live profile's settings, leaves the bucket that is named."""
    service, name = SERVICES["live-bucket"], f"{bucket}-live"
    lake = _connection("live-bucket", "LAKE", LAKE_ENDPOINT_URL=s3_url, LAKE_BUCKET=name)
    for _ in range(2):
        subprocess.run(
            [sys.executable, *service["entrypoint"][1:], *service["command"]],
            env=os.environ | {"AIRFLOW_CONN_LAKE": json.dumps(lake)},
            check=True,
            capture_output=True,
        )
    assert name in [found["Name"] for found in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("profile", ["local", "live", "celery"])
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
        environment = SERVICES[f"{profile}-{component}"]["environment"]
        given = {name for name in environment if name.startswith("AIRFLOW_CONN_")}
        assert given == {f"AIRFLOW_CONN_{name.upper()}" for name in named}


def test_names_inside_the_network_are_services() -> None:
    """Every host that a connection, a database or the api-server's address names is a service."""
    for name, service in SERVICES.items():
        text = _filled_in(json.dumps(service.get("environment", {})))
        for host in re.findall(r"(?:http://|airflow@|>@)([a-z-]+)(?=[:/])", text):
            assert host in SERVICES, f"{name} names {host}"
            assert set(service["profiles"]) <= set(SERVICES[host]["profiles"])


def test_made_up_and_real_data_never_mix() -> None:
    """`live` has no volume, database, log folder, bucket or source of data with the others."""
    used = {}
    for profile in ("local", "live", "celery"):
        services = [service for service in SERVICES.values() if service["profiles"] == [profile]]
        volumes = {v.split(":")[0] for service in services for v in service.get("volumes", [])}
        scheduler = f"{profile}-scheduler"
        database = SERVICES[scheduler]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        lake = _connection(scheduler, "LAKE")["extra"]
        used[profile] = volumes | {
            database.rpartition("@")[2],
            lake["service_config"]["s3"]["bucket_name"],
            _connection(scheduler, "RECALLS_API")["host"],
            _connection(scheduler, "VIN_API")["host"],
            SERVICES[f"{profile}-vin"]["environment"]["VPIC_URL"],
            SERVICES[f"{profile}-vin"]["environment"]["RECALLS_API_URL"],
        }
        assert len(used[profile]) == {"local": 8, "live": 9, "celery": 11}[profile]
    assert not used["live"] & (used["local"] | used["celery"])
    assert COMPOSE["volumes"].keys() <= used["local"] | used["live"] | used["celery"]


def test_workers_can_be_many_and_end_warm() -> None:
    """A worker has nothing that only one can have, sees the logs of all, and ends its tasks."""
    worker, redis = SERVICES["celery-worker"], SERVICES["celery-redis"]
    assert not {"container_name", "ports", "hostname"} & worker.keys()
    assert worker["environment"]["DUMB_INIT_SETSID"] == "0"  # SIGTERM to its main process alone
    assert re.fullmatch(r"\d+m", worker["stop_grace_period"])
    airflow = ("scheduler", "api-server", "dag-processor", "triggerer", "worker")
    for part in (SERVICES[f"celery-{name}"] for name in airflow):
        assert part["volumes"] == ["celery-logs:/opt/airflow/logs"]
        assert part["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        broker = _filled_in(part["environment"]["AIRFLOW__CELERY__BROKER_URL"])
        assert broker == "redis://:<REDIS_PASSWORD>@celery-redis:6379/0"
    assert _filled_in(redis["environment"]["REDISCLI_AUTH"]) == "<REDIS_PASSWORD>"
    assert "ports" not in redis


@pytest.mark.skipif(not shutil.which("redis-server"), reason="Redis is not on this machine")
def test_redis_wants_the_password_and_passes_its_health_check(tmp_path: Path) -> None:
    """The service's own command, run on loopback: nothing without the password, PONG with it."""
    service, port = SERVICES["celery-redis"], str(free_port())
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


def test_real_servers_are_not_asked_before_somebody_wants_it() -> None:
    """The live profile starts with its DAGs paused, and speaks https."""
    live = SERVICES["live-scheduler"]["environment"]
    assert live["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert _connection("live-scheduler", "RECALLS_API")["host"].startswith("https://")


def test_no_secret_is_in_the_file() -> None:
    """Passwords and keys come from .env, and compose refuses to start without the needed ones."""
    secret = re.compile(
        r"(PASSWORD|SECRET(_KEY)?|API_KEY|FERNET_KEY|SQL_ALCHEMY_CONN|AUTH|BROKER_URL)$"
    )
    looked_at = 0
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                looked_at += 1
                found = VARIABLE.search(value)
                assert found, f"{name} is written out"
                assert found["kind"] == "?", f"{name} has a default"
    for service in ("local-scheduler", "live-scheduler", "celery-worker"):
        for connection in ("RECALLS_API", "LAKE"):
            looked_at += 1
            given = _connection(service, connection)
            assert {given.get("login", ""), given.get("password", "")} <= NO_SECRETS
    assert looked_at > 20


def test_every_variable_is_explained_in_the_example() -> None:
    """Each ${VARIABLE} of the compose file is in .env.example, needed ones without a value."""
    example = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=(.*)$", example, re.MULTILINE))
    used = {found["name"]: found["kind"] for found in VARIABLE.finditer(COMPOSE_TEXT)}
    assert set(used) <= set(given)
    for name, kind in used.items():
        if kind == "?":
            assert given[name].strip() == "", f"{name} has a value in .env.example"
    # Every $ is either a variable in the one form that is checked here, or doubled.
    assert "$" not in VARIABLE.sub("", COMPOSE_TEXT).replace("$$", "")

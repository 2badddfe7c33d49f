"""`make secrets`, `make up` and `make down`, with a stub of docker."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.containers import SECRETS, make_secrets, missing_secrets

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "name": "headwaters-local",
    "services": {
        "api-server": {"ports": [{"published": "8080"}]},
        "vin": {"ports": [{"published": "8090"}]},
        "localstack": {"ports": [{"published": "4566"}]},
        "bucket": {"environment": {"LAKE_BUCKET": "headwaters"}},
    },
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def free_ports() -> dict[str, int]:
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        names = ("api-server", "vin", "localstack")
        return dict(zip(names, (each.getsockname()[1] for each in (one, two, three)), strict=True))


@pytest.fixture
def run(tmp_path: Path, free_ports: dict[str, int]) -> Run:
    """Run a command with a stub of docker that appends its calls to the file `calls`."""
    for name, port in free_ports.items():
        CONFIG["services"][name]["ports"][0]["published"] = str(port)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        f'echo "$* $COMPOSE_FILE LAKE_BUCKET=$LAKE_BUCKET" >> {tmp_path}/calls\n'
        f'case "$*" in *config*) cat {tmp_path}/config.json ;;\n'
        '*" up "*) exit ${UP_EXIT:-0} ;; esac\n'
    )
    docker.chmod(0o755)
    secrets = dict.fromkeys(SECRETS, "x")

    def action(
        *arguments: str, folder: Path = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local.containers", *arguments],
            cwd=folder,
            env={
                **os.environ,
                **secrets,
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return action


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_secrets_are_created_once_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("LAKE_BUCKET=mine\nPOSTGRES_PASSWORD=chosen\nJWT_SECRET=")
    make_secrets(path)
    text = path.read_text()
    assert text.startswith("LAKE_BUCKET=mine\nPOSTGRES_PASSWORD=chosen\nJWT_SECRET=")
    assert missing_secrets(path, {}) == []
    assert len(re.findall(r"^JWT_SECRET=", text, re.MULTILINE)) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    make_secrets(path)
    assert path.read_text() == text


def test_up_starts_profile_and_prints_addresses(
    run: Run, tmp_path: Path, free_ports: dict[str, int]
) -> None:
    done = run("up", "--profile", "celery", "--workers", "3")
    assert done.returncode == 0, done.stderr
    (started,) = [call for call in calls(tmp_path) if " up " in call]
    assert "--profile=fakes --profile=celery up --build --detach --wait" in started
    assert "--scale worker=3" in started
    assert f"Airflow      http://127.0.0.1:{free_ports['api-server']}" in done.stdout


def test_s3_engine_selects_localstack_or_moto(run: Run, tmp_path: Path) -> None:
    assert run("up", S3_ENGINE="moto").returncode == 0
    assert "docker-compose.yaml:" in calls(tmp_path)[-1]
    assert "/deploy/compose/moto.yaml" in calls(tmp_path)[-1]
    run("up", S3_ENGINE="localstack")
    assert "moto" not in calls(tmp_path)[-1]
    refused = run("up", S3_ENGINE="minio")
    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        "error: S3_ENGINE is 'minio'; choose one of localstack, moto, or leave it out"
    )


def test_local_profile_ignores_the_lake_of_the_shell(run: Run, tmp_path: Path) -> None:
    run("up", LAKE_BUCKET="mine", AWS_ACCESS_KEY_ID="real")
    assert all(call.endswith("LAKE_BUCKET=") for call in calls(tmp_path) if "compose --" in call)
    run("up", "--profile", "live", LAKE_BUCKET="mine")
    assert calls(tmp_path)[-1].endswith("LAKE_BUCKET=mine")


def test_up_without_secrets_fails_before_the_build(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "local" / "containers.py"  # a checkout without .env
    program.parent.mkdir()
    shutil.copy(ROOT / "local" / "containers.py", program)
    shutil.copytree(ROOT / "deploy" / "compose", tmp_path / "deploy" / "compose")
    done = run("up", folder=tmp_path, JWT_SECRET="", REDIS_PASSWORD="")
    assert done.returncode == 1
    assert done.stderr == (
        "error: JWT_SECRET, REDIS_PASSWORD: missing in .env; run `make secrets`, which makes them\n"
    )
    assert not [call for call in calls(tmp_path) if " up " in call]


def test_up_on_used_port_names_the_variable(
    run: Run, tmp_path: Path, free_ports: dict[str, int]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports["vin"]))
        taken.listen()
        done = run("up")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"error: port {free_ports['vin']} of vin is in use; end what uses"
    )
    assert f"make up VIN_PORT={free_ports['vin'] + 100}" in done.stderr
    assert not [call for call in calls(tmp_path) if " up " in call]


def test_failed_start_suggests_make_ps_and_make_logs(run: Run) -> None:
    done = run("up", UP_EXIT="3")
    assert done.returncode == 3
    assert "look at `make ps` and `make logs`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up", "--profile", "nope"], "PROFILE is 'nope'; choose one of local, celery, live"),
        (["up", "--workers", "many"], "WORKERS is 'many'; write a number such as 3"),
    ],
)
def test_wrong_argument_prints_one_line(run: Run, arguments: list[str], message: str) -> None:
    assert run(*arguments).stderr == f"error: {message}\n"


def test_missing_docker_is_an_error_with_a_hint(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docker").unlink()
    done = run("up", PATH="/nonexistent")
    assert done.stderr.startswith("error: docker compose was not found; install Docker")


def test_down_deletes_volumes_only_on_request(run: Run, tmp_path: Path) -> None:
    run("down")
    run("down", "--volumes")
    one, other = [call for call in calls(tmp_path) if " down" in call]
    assert "--volumes" not in one
    assert "--volumes" in other

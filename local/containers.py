"""`make up`, `down`, `ps`, `logs` and `secrets`: the containers, with Python and Docker alone.

Each profile is a compose project of its own: `.env` of the user, then deploy/compose/.
"""

import argparse
import base64
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "deploy" / "compose"
SECRETS = (
    "FERNET_KEY",
    "API_SECRET_KEY",
    "JWT_SECRET",
    "POSTGRES_PASSWORD",
    "BOOKS_DB_PASSWORD",
    "REDIS_PASSWORD",
    "VIN_API_KEY",
)
ASSIGNMENT = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


class Profile(NamedTuple):
    services: tuple[str, ...]  # compose profiles beside the services of every profile
    settings: tuple[str, ...]  # files of deploy/compose/, the last one wins
    overrides_user: bool  # made-up data: no setting of the user's shell leads elsewhere


PROFILES = {
    "local": Profile(("fakes",), ("fakes.env", "local.env"), overrides_user=True),
    "celery": Profile(("fakes", "celery"), ("fakes.env", "celery.env"), overrides_user=True),
    "live": Profile((), ("live.env",), overrides_user=False),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m local.containers", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "ps", "logs", "secrets"])
    parser.add_argument("--profile", default="local")
    parser.add_argument("--workers", default="")
    parser.add_argument("--volumes", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.action == "secrets":
        return make_secrets(ROOT / ".env")
    if asked.profile not in PROFILES:
        refuse(f"PROFILE is {asked.profile!r}; choose one of {', '.join(PROFILES)}")
    if asked.workers and not asked.workers.isdecimal():
        refuse(f"WORKERS is {asked.workers!r}; write a number such as 3")
    needs_docker()
    compose = Compose(asked.profile)
    if asked.action == "up":
        return up(compose, asked.workers)
    options = {
        "down": ["--volumes"] * asked.volumes,
        "ps": ["--all"],
        "logs": ["--follow", "--tail=100"],
    }
    return compose.run(asked.action, *options[asked.action])


class Compose:
    """`docker compose` with the settings of one profile."""

    def __init__(self, profile: str) -> None:
        chosen = PROFILES[profile]
        files = [path for path in (ROOT / ".env",) if path.exists()]
        files += [SETTINGS / name for name in chosen.settings]
        self._command = ["docker", "compose"]
        self._command += [f"--env-file={path}" for path in files]
        self._command += [f"--profile={name}" for name in chosen.services]
        self._environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        engine = os.environ.get("S3_ENGINE") or _assignments(ROOT / ".env").get("S3_ENGINE")
        if engine == "moto":
            files_given = os.environ.get("COMPOSE_FILE") or "docker-compose.yaml"
            self._environment["COMPOSE_FILE"] = f"{files_given}:{SETTINGS / 'moto.yaml'}"
        elif engine not in {None, "", "localstack"}:
            refuse(f"S3_ENGINE is {engine!r}; choose one of localstack, moto, or leave it out")
        for path in files[-len(chosen.settings) :] if chosen.overrides_user else []:
            for name, value in _assignments(path).items():
                if "${" not in value:
                    self._environment.pop(name, None)

    def run(self, *arguments: str) -> int:
        try:
            return subprocess.call([*self._command, *arguments], cwd=ROOT, env=self._environment)
        except KeyboardInterrupt:
            return 130

    def output(self, *arguments: str) -> str:
        command = [*self._command, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            refuse(" ".join(done.stderr.split()) or "docker compose failed")
        return done.stdout


def up(compose: Compose, workers: str) -> int:
    if missing := missing_secrets(ROOT / ".env", os.environ):
        refuse(f"{', '.join(missing)}: missing in .env; run `make secrets`, which makes them")
    config = json.loads(compose.output("config", "--format", "json"))
    if not compose.output("ps", "--quiet").strip():
        refuse_used_ports(config)
    for folder in ("compose", "prometheus"):  # mounted, and read by other users
        for path in [ROOT / "deploy" / folder, *(ROOT / "deploy" / folder).iterdir()]:
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    scale = ["--scale", f"worker={workers}"] if workers else []
    code = compose.run("up", "--build", "--detach", "--wait", "--remove-orphans", *scale)
    if code:
        print("\nnot everything came up: look at `make ps` and `make logs`", file=sys.stderr)
        return code
    show_addresses(config)
    return 0


def show_addresses(config: Mapping[str, Any]) -> None:
    ports = published_ports(config)
    bucket = config["services"]["bucket"]["environment"]["LAKE_BUCKET"]
    profile = config["name"].removeprefix("headwaters-")
    chosen = "" if profile == "local" else f" PROFILE={profile}"
    lines = [
        f"Airflow      http://127.0.0.1:{ports['api-server']}",
        f"VIN service  http://127.0.0.1:{ports['vin']}",
        f"S3           http://127.0.0.1:{ports['localstack']}; the lake is the bucket {bucket}",
    ]
    if "prometheus" in ports:
        lines.append(f"Prometheus   http://127.0.0.1:{ports['prometheus']}")
    print("\n" + "\n".join(lines))
    print(
        f"\nNext: make ps{chosen}, make logs{chosen}, make down{chosen} (VOLUMES=1: and its data)"
    )


def published_ports(config: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: int(port["published"])
        for name, service in config["services"].items()
        for port in service.get("ports", [])
    }


def refuse_used_ports(config: Mapping[str, Any]) -> None:
    variables = {"api-server": "UI_PORT", "vin": "VIN_PORT", "localstack": "S3_PORT"}
    for service, port in published_ports(config).items():
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                variable = variables.get(service, "PROMETHEUS_PORT")
                refuse(
                    f"port {port} of {service} is in use; end what uses it, or choose another "
                    f"one: make up {variable}={port + 100}"
                )


def needs_docker() -> None:
    try:
        done = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False, text=True
        )
    except FileNotFoundError:
        done = None
    if done is None or done.returncode:
        refuse("docker compose was not found; install Docker, or use make run and make ui")
    done = subprocess.run(["docker", "info"], capture_output=True, check=False, text=True)
    if done.returncode:
        refuse("the Docker engine does not answer; start it, or use make run and make ui")


def missing_secrets(path: Path, environment: Mapping[str, str]) -> list[str]:
    given = _assignments(path)
    return [name for name in SECRETS if not (environment.get(name) or given.get(name))]


def _assignments(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {name: value.strip() for name, value in ASSIGNMENT.findall(text)}


def make_secrets(path: Path) -> int:
    """Add what is missing to `.env`; what has a value stays."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = missing_secrets(path, {})
    for name in missing:
        value = secrets.token_hex(32)
        if name == "FERNET_KEY":
            value = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        line = f"{name}={value}\n"
        if re.search(rf"^{name}=.*$\n?", text, re.MULTILINE):
            text = re.sub(rf"^{name}=.*$\n?", line, text, flags=re.MULTILINE)
        else:
            text += ("" if not text or text.endswith("\n") else "\n") + line
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
    print(f".env: made {', '.join(missing)}" if missing else ".env has every secret already")
    return 0


def refuse(problem: str) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

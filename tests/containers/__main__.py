"""The whole stack in containers, started for real: `make test-containers`.

It starts the profile `celery` with two workers as a project of its own, on free ports, and deletes
it again. Without a Docker engine it says so and ends with exit code 0.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from local.containers import SECRETS
from local.processes import LocalError, free_port, stopwatch
from tests.distributed.airflow_api import AirflowApi

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "headwaters-test"
DAGS = ("vehicle_recalls", "vin_snapshots", "site_outages", "shoe_prices", "subject_books")
SAMPLE_VIN = "5SGCB2CF2KH333333"
PATIENCE_S = 1200
Say = Callable[[str], None]


class Stack:
    def __init__(self, say: Say) -> None:
        self.say = say
        ports = {name: str(free_port()) for name in ("UI_PORT", "VIN_PORT", "S3_PORT")}
        self.key = secrets.token_hex(16)
        self.environment = {
            **os.environ,
            **{name: secrets.token_hex(32) for name in SECRETS},
            # 32 bytes as Fernet wants them; it opens nothing.
            "FERNET_KEY": "dGVzdHMgb2YgdGhlIGNvbnRhaW5lcnMgb25seS4uLi4=",
            "VIN_API_KEY": self.key,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "PROMETHEUS_PORT": str(free_port()),
            **ports,
        }
        self.vin_url = f"http://127.0.0.1:{ports['VIN_PORT']}"
        self.ui_url = f"http://127.0.0.1:{ports['UI_PORT']}"

    def make(self, target: str, *variables: str) -> None:
        command = ["make", target, "PROFILE=celery", *variables]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LocalError(
                f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LocalError(f"docker {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def containers(self, service: str = "") -> list[str]:
        labels = [f"--filter=label=com.docker.compose.project={PROJECT}"]
        if service:
            labels.append(f"--filter=label=com.docker.compose.service={service}")
        return sorted(self.docker("ps", "--quiet", *labels).split())

    def airflow(self, dag: str) -> AirflowApi:
        api = AirflowApi(self.ui_url, dag)
        wait_until(api.answers, "Airflow's API answers")
        return api

    def kill(self, service: str) -> None:
        """SIGKILL its main process, as a crash would; `docker kill` would be a person's stop."""
        container = self.containers(service)[0]
        process = self.docker("inspect", "--format={{.State.Pid}}", container)
        try:
            os.kill(int(process), signal.SIGKILL)
        except (PermissionError, ProcessLookupError):
            subprocess.run(["sudo", "-n", "kill", "-9", process], check=True)
        wait_until(
            lambda: (
                self.docker("inspect", "--format={{.State.Pid}}", container) not in {process, "0"}
            ),
            f"{service} is started again",
        )
        if service != "worker":
            wait_until(lambda: self.is_healthy(service), f"{service} is healthy again")

    def is_healthy(self, service: str) -> bool:
        status = self.docker(
            "inspect", "--format={{.State.Health.Status}}", *self.containers(service)
        )
        return set(status.split()) == {"healthy"}


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > give_up:
            raise LocalError(f"waited {PATIENCE_S} s in vain until {what}")
        time.sleep(1)


def must(holds: bool, what: str) -> None:
    if not holds:
        raise LocalError(f"not as it must be: {what}")


def has_succeeded(api: AirflowApi, path: str) -> bool:
    state = api.run(path)["state"]
    must(state != "failed", f"{path} failed")
    return bool(state == "success")


def run_flagship(stack: Stack, disturb: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """One run of vehicle_recalls, disturbed while a task of it is at work; returns its tasks."""
    api = stack.airflow("vehicle_recalls")
    path = api.trigger()
    wait_until(
        lambda: any(task["state"] == "running" for task in api.tasks(path)), "a task is at work"
    )
    disturb()
    wait_until(lambda: has_succeeded(stack.airflow("vehicle_recalls"), path), f"{path} ends")
    return stack.airflow("vehicle_recalls").tasks(path)


def first_runs_succeed(stack: Stack) -> None:
    """The runs that the scheduler starts by itself when it is up."""
    for dag in DAGS:
        api = stack.airflow(dag)
        runs = f"/api/v2/dags/{dag}/dagRuns"

        def is_done(api: AirflowApi = api, runs: str = runs) -> bool:
            found = api.run(f"{runs}?order_by=-run_after")["dag_runs"]
            must(not found or found[0]["state"] != "failed", f"the first run of {runs} failed")
            return bool(found and found[0]["state"] == "success")

        wait_until(is_done, f"the first run of {dag} succeeds")
        stack.say(f"{dag}: success")


def lake_is_valid(stack: Stack) -> None:
    for dataset in ("vehicle_recalls", "shoe_prices"):
        said = stack.docker(
            *("exec", stack.containers("vin")[0], "python", "-m", "include.cli"),
            *("verify", "--dataset", dataset),
        )
        must("\nvalid: s3://headwaters-celery/" in said, f"verify of {dataset}: {said[-300:]}")


def vin_service_answers(stack: Stack) -> None:
    answer = requests.get(
        f"{stack.vin_url}/lookup/{SAMPLE_VIN}", headers={"X-API-Key": stack.key}, timeout=60
    )
    must(answer.status_code == requests.codes.ok, f"the VIN service: {answer.status_code}")


def site_is_served(stack: Stack) -> None:
    """By the page inside Airflow."""
    manifest = stack.airflow("vehicle_recalls").run("/recalls/site.json")
    must(manifest["totals"]["recalls"] > 29_000, f"the site shows {manifest['totals']}")


def try_everything(stack: Stack) -> None:
    say = stack.say
    stack.make("up", "WORKERS=2")
    must(len(stack.containers("worker")) == 2, "two workers")
    say("up from nothing, with two workers")
    first_runs_succeed(stack)
    lake_is_valid(stack)
    vin_service_answers(stack)
    site_is_served(stack)
    say("the lake is valid, the VIN service answers, and Airflow shows the site")
    before = stack.containers()
    stack.make("up", "WORKERS=2")
    must(stack.containers() == before, "a second `make up` recreates nothing")
    say("a second `make up` recreated nothing")
    stack.kill("postgres")
    run_flagship(stack)
    say("PostgreSQL killed: it is started again, and a run succeeds")
    run_flagship(stack, lambda: stack.kill("worker"))
    say("a worker killed in the middle of a run: the run succeeds")
    stack.make("up", "WORKERS=4")
    run_flagship(stack)
    must(len(stack.containers("worker")) == 4, "four workers")
    say("four workers: a run succeeds")
    tasks = run_flagship(stack, lambda: stack.make("up", "WORKERS=1"))
    must(all(task["try_number"] <= 1 for task in tasks), "a worker that drains ends its tasks")
    say("a worker asked to stop in the middle of a run: it ended its tasks, none was tried again")
    runs = "/api/v2/dags/vehicle_recalls/dagRuns"
    known = stack.airflow("vehicle_recalls").run(runs)["total_entries"]
    stack.kill("localstack")
    run_flagship(stack)
    say("LocalStack killed: its bucket is there again, and a run succeeds")
    stack.make("down")
    stack.make("up", "WORKERS=1")
    again = stack.airflow("vehicle_recalls").run(runs)["total_entries"]
    must(again == known + 1, f"{again} runs are known after down and up, {known + 1} before")
    say("down and up: Airflow knows its runs")


@contextmanager
def cleaned_up(stack: Stack) -> Iterator[None]:
    try:
        yield
    finally:
        stack.make("down", "VOLUMES=1")
        left = stack.docker(
            "volume", "ls", "--quiet", f"--filter=label=com.docker.compose.project={PROJECT}"
        )
        must(not left and not stack.containers(), "`make down VOLUMES=1` leaves nothing")
        stack.say("down with its data: nothing is left")


def main() -> int:
    engine = shutil.which("docker") and subprocess.run(
        ["docker", "info"], capture_output=True, check=False
    )
    if not engine or engine.returncode:
        print("test-containers was not run: no Docker engine answers")
        return 0
    stack = Stack(stopwatch())
    try:
        with cleaned_up(stack):
            try_everything(stack)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("the containers are as they must be")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the complete stack in containers: `make test-containers`.

It starts the profile `celery` with two workers as a separate project on free ports, and deletes it
at the end. Without a Docker engine it prints a message and exits with code 0.
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
TIMEOUT_S = 1200
Log = Callable[[str], None]


class Stack:
    def __init__(self, log: Log) -> None:
        self.log = log
        ports = {name: str(free_port()) for name in ("UI_PORT", "VIN_PORT", "S3_PORT")}
        self.key = secrets.token_hex(16)
        self.environment = {
            **os.environ,
            **{name: secrets.token_hex(32) for name in SECRETS},
            # 32 bytes in Base64, for Fernet.
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
        """Kill the main process, like a crash; Docker does not restart after `docker kill`."""
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
            f"{service} is restarted",
        )
        if service != "worker":
            wait_until(lambda: self.is_healthy(service), f"{service} is healthy again")

    def is_healthy(self, service: str) -> bool:
        status = self.docker(
            "inspect", "--format={{.State.Health.Status}}", *self.containers(service)
        )
        return set(status.split()) == {"healthy"}


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not is_true():
        if time.monotonic() > deadline:
            raise LocalError(f"timeout after {TIMEOUT_S} s: {what}")
        time.sleep(1)


def require(condition: bool, what: str) -> None:
    if not condition:
        raise LocalError(f"failed check: {what}")


def has_succeeded(api: AirflowApi, path: str) -> bool:
    state = api.run(path)["state"]
    require(state != "failed", f"{path} failed")
    return bool(state == "success")


def run_recalls(stack: Stack, disrupt: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Run vehicle_recalls, disrupt it while a task runs, and return its tasks."""
    api = stack.airflow("vehicle_recalls")
    path = api.trigger()
    wait_until(lambda: any(task["state"] == "running" for task in api.tasks(path)), "a task runs")
    disrupt()
    wait_until(lambda: has_succeeded(stack.airflow("vehicle_recalls"), path), f"{path} ends")
    return stack.airflow("vehicle_recalls").tasks(path)


def wait_for_first_runs(stack: Stack) -> None:
    """Wait for the runs that the scheduler starts by itself."""
    for dag in DAGS:
        api = stack.airflow(dag)
        runs = f"/api/v2/dags/{dag}/dagRuns"

        def is_done(api: AirflowApi = api, runs: str = runs) -> bool:
            found = api.run(f"{runs}?order_by=-run_after")["dag_runs"]
            require(not found or found[0]["state"] != "failed", f"the first run of {runs} failed")
            return bool(found and found[0]["state"] == "success")

        wait_until(is_done, f"the first run of {dag} succeeds")
        stack.log(f"{dag}: success")


def check_lake(stack: Stack) -> None:
    for dataset in ("vehicle_recalls", "shoe_prices"):
        output = stack.docker(
            *("exec", stack.containers("vin")[0], "python", "-m", "include.cli"),
            *("verify", "--dataset", dataset),
        )
        require(
            "\nvalid: s3://headwaters-celery/" in output, f"verify of {dataset}: {output[-300:]}"
        )


def check_vin_service(stack: Stack) -> None:
    answer = requests.get(
        f"{stack.vin_url}/lookup/{SAMPLE_VIN}", headers={"X-API-Key": stack.key}, timeout=60
    )
    require(answer.status_code == requests.codes.ok, f"the VIN service: {answer.status_code}")


def check_site_in_airflow(stack: Stack) -> None:
    manifest = stack.airflow("vehicle_recalls").run("/recalls/site.json")
    require(manifest["totals"]["recalls"] > 29_000, f"the site shows {manifest['totals']}")


def run_all_checks(stack: Stack) -> None:
    log = stack.log
    stack.make("up", "WORKERS=2")
    require(len(stack.containers("worker")) == 2, "two workers")
    log("started with two workers")
    wait_for_first_runs(stack)
    check_lake(stack)
    check_vin_service(stack)
    check_site_in_airflow(stack)
    log("the lake is valid, the VIN service answers, and Airflow shows the site")
    before = stack.containers()
    stack.make("up", "WORKERS=2")
    require(stack.containers() == before, "a second `make up` recreates nothing")
    log("a second `make up` recreated nothing")
    stack.kill("postgres")
    run_recalls(stack)
    log("PostgreSQL killed: it restarts, and a run succeeds")
    run_recalls(stack, lambda: stack.kill("worker"))
    log("a worker killed during a run: the run succeeds")
    stack.make("up", "WORKERS=4")
    run_recalls(stack)
    require(len(stack.containers("worker")) == 4, "four workers")
    log("four workers: a run succeeds")
    tasks = run_recalls(stack, lambda: stack.make("up", "WORKERS=1"))
    require(all(task["try_number"] <= 1 for task in tasks), "a stopping worker finishes its tasks")
    log("a worker stopped during a run: it finished its tasks without a retry")
    runs = "/api/v2/dags/vehicle_recalls/dagRuns"
    known = stack.airflow("vehicle_recalls").run(runs)["total_entries"]
    stack.kill("localstack")
    run_recalls(stack)
    log("LocalStack killed: its bucket is recreated, and a run succeeds")
    stack.make("down")
    stack.make("up", "WORKERS=1")
    again = stack.airflow("vehicle_recalls").run(runs)["total_entries"]
    require(again == known + 1, f"{again} runs after down and up, expected {known + 1}")
    log("down and up: Airflow still has its runs")


@contextmanager
def cleanup(stack: Stack) -> Iterator[None]:
    try:
        yield
    finally:
        stack.make("down", "VOLUMES=1")
        left = stack.docker(
            "volume", "ls", "--quiet", f"--filter=label=com.docker.compose.project={PROJECT}"
        )
        require(not left and not stack.containers(), "`make down VOLUMES=1` deletes everything")
        stack.log("`make down VOLUMES=1` deleted everything")


def main() -> int:
    engine = shutil.which("docker") and subprocess.run(
        ["docker", "info"], capture_output=True, check=False
    )
    if not engine or engine.returncode:
        print("test-containers was skipped: no Docker engine answers")
        return 0
    stack = Stack(stopwatch())
    try:
        with cleanup(stack):
            run_all_checks(stack)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("all container checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

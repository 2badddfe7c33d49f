"""`make ui`: Airflow's four servers on 127.0.0.1, until Ctrl-C."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from local.airflow_home import AIRFLOW, RUNS, UI, airflow_environment
from local.processes import LocalError, ask, end_groups, end_of, free_port, start_group, stopwatch
from local.run import connected
from local.stack import Program, Stack
from local.state import Lock, Server, State

PREFERRED_PORT = 8080
LOOK_EVERY_S = 0.5
PATIENCE_S = 15.0
# Logs are read from the folder; serving them too would listen on every address.
FIRST = (("api-server",), ("dag-processor",), ("triggerer", "--skip-serve-logs"))
# What the scheduler starts talks to the api-server, and fails without it.
LAST = ("scheduler", "--skip-serve-logs")
RUNS_APART = (
    "its history has its own runs only: those of `make run` and `make dag` are kept apart, and the "
    "data that they published is here"
)
PARTS = ("metadatabase", "dag_processor", "triggerer", "scheduler")


def run_ui(root: Path) -> NoReturn:
    say = stopwatch()
    with Lock(root, "ui") as lock:
        if not lock.take_if_free():
            raise LocalError("`make ui` of this checkout is already running; end it with Ctrl-C")
        with connected(root, UI, say) as laptop:
            port = free_port(PREFERRED_PORT)
            environment = airflow_environment(root, UI, laptop.settings, port)
            try:
                start_components(laptop.stack, environment, f"http://127.0.0.1:{port}")
                say(f"Airflow is ready on http://127.0.0.1:{port}, no login; Ctrl-C ends all of it")
                if (root / ".local" / "airflow" / f"{RUNS}.db").exists():
                    say(RUNS_APART)
                while True:
                    check_components(root)
                    time.sleep(LOOK_EVERY_S)
            finally:
                end_groups([one.pid for one in components(root).values()], PATIENCE_S)
                say("Airflow has ended")


def start_components(stack: Stack, environment: dict[str, str], url: str) -> None:
    def program(command: tuple[str, ...], answers: Callable[[str], bool]) -> Program:
        log = log_of(stack.root, command[0])
        return Program(
            f"Airflow's {command[0]}",
            lambda: (start_group([*AIRFLOW, *command], environment, log, folder=stack.root), url),
            answers,
            log,
            knows=f"make ui {os.getpid()}",  # those of one that was killed are replaced
        )

    def all_healthy(_: str) -> bool:
        check_components(stack.root)
        return all((health(url).get(part) or {}).get("status") == "healthy" for part in PARTS)

    stack.use(*(program(command, lambda url: bool(health(url))) for command in FIRST))
    stack.use(program(LAST, all_healthy))


def components(root: Path) -> dict[str, Server]:
    servers = State.read(root).servers
    return {name: server for name, server in servers.items() if name.startswith("Airflow's ")}


def check_components(root: Path) -> None:
    for name, server in components(root).items():
        if not server.alive():
            log = log_of(root, name.removeprefix("Airflow's "))
            raise LocalError(f"{name} has ended; {end_of(log)}")


def health(url: str) -> dict[str, Any]:
    """What the api-server says of each part; nothing while it does not answer."""
    answer = ask(f"{url}/api/v2/monitor/health")
    try:
        return dict(json.loads(answer[1])) if answer else {}
    except ValueError:
        return {}


def log_of(root: Path, component: str) -> Path:
    return root / ".local" / "logs" / f"{component}.log"

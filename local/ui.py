"""`make ui`: Airflow's four servers on 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.airflow_home import AIRFLOW, UI, airflow_environment
from local.processes import (
    LocalError,
    Started,
    born,
    end_groups,
    free_port,
    start_group,
    tail,
)
from local.run import connected, stopwatch
from local.state import Lock, State, ui_state

PREFERRED_PORT = 8080
READY_WITHIN_S = 180.0
LOOK_EVERY_S = 0.5
PATIENCE_S = 15.0
# Logs are read from the folder; serving them too would listen on every address.
# The scheduler comes last: what it starts talks to the api-server, and fails where none answers.
COMPONENTS = {
    "api-server": ["api-server"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
}


def run_ui(root: Path) -> int:
    say = stopwatch()
    lock = Lock(root / ".local" / "ui.lock")
    try:
        if not lock.take_if_free():
            raise LocalError("`make ui` of this checkout is already at work; end it with Ctrl-C")
        State.read(ui_state(root)).end_servers()  # of one that was killed
        with connected(root, UI, say) as laptop:
            port = free_port(PREFERRED_PORT)
            environment = airflow_environment(root, UI, laptop.settings, port)
            components = _Components(root)
            try:
                components.start(environment, port)
                components.wait_until_healthy(port)
                say(f"Airflow is ready on http://127.0.0.1:{port}, no login; Ctrl-C ends all of it")
                components.wait_until_one_dies()
            finally:
                components.end()
                say("Airflow has ended")
    finally:
        lock.close()
    return 1


class _Components:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.state = State()

    def start(self, environment: dict[str, str], port: int) -> None:
        for name, arguments in COMPONENTS.items():
            if name == "scheduler":
                self._wait_until(lambda: bool(_health(port)))
            child = start_group(
                [*AIRFLOW, *arguments], environment, self._log(name), folder=self.root
            )
            self.children[name] = child
            self.state.servers[name] = Started(name, child.pid, born(child.pid) or "")
            self.state.write(ui_state(self.root))

    def wait_until_healthy(self, port: int) -> None:
        self._wait_until(lambda: _healthy(port))

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        give_up = time.monotonic() + READY_WITHIN_S
        while not ready():
            self._complain_of_the_dead()
            if time.monotonic() > give_up:
                raise LocalError(
                    f"Airflow was not healthy within {READY_WITHIN_S:.0f} s; "
                    f"its logs are in {self._log('').parent}"
                )
            time.sleep(LOOK_EVERY_S)

    def wait_until_one_dies(self) -> None:
        while True:
            self._complain_of_the_dead()
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        end_groups([child.pid for child in self.children.values()], PATIENCE_S)
        for child in self.children.values():
            child.poll()
        ui_state(self.root).unlink(missing_ok=True)

    def _complain_of_the_dead(self) -> None:
        for name, child in self.children.items():
            if (code := child.poll()) is not None:
                log = self._log(name)
                raise LocalError(
                    f"Airflow's {name} ended with code {code}; its log, {log}, ends with:\n"
                    f"{tail(log)}"
                )

    def _log(self, name: str) -> Path:
        return self.root / ".local" / "logs" / f"{name}.log"


def _health(port: int) -> dict[str, Any]:
    """What the api-server says of each part; nothing while it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return said


def _healthy(port: int) -> bool:
    parts = _health(port)
    return all(
        (parts.get(part) or {}).get("status") == "healthy"
        for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")
    )

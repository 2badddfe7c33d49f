"""A client of Airflow's REST API that starts and watches runs."""

import json
from collections.abc import Iterator
from typing import Any

import requests

PAGE = 100  # Airflow's maximum
TIMEOUT_S = 60


class AirflowApi:
    def __init__(self, url: str, dag: str) -> None:
        self.url = url
        self.dag = f"/api/v2/dags/{dag}"
        self.session = requests.Session()
        self.session.trust_env = False  # use no proxy for 127.0.0.1

    def answers(self) -> bool:
        """Whether the API is up; also signs in, which needs no password here."""
        try:
            answer = self.session.get(f"{self.url}/auth/token", timeout=TIMEOUT_S)
        except requests.ConnectionError:
            return False
        if answer.status_code == requests.codes.created:
            self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.ok

    def has_dag(self) -> bool:
        answer = self.session.get(f"{self.url}{self.dag}", timeout=TIMEOUT_S)
        return bool(answer.status_code == requests.codes.ok)

    def unpause(self) -> None:
        self._ask("PATCH", self.dag, {"is_paused": False})

    def connect(self, name: str, connection: str) -> None:
        """Create or replace the connection."""
        parts: dict[str, Any] = json.loads(connection)
        body = {"connection_id": name} | parts | {"extra": json.dumps(parts["extra"])}
        self.session.delete(f"{self.url}/api/v2/connections/{name}", timeout=TIMEOUT_S)
        self._ask("POST", "/api/v2/connections", body)

    def trigger(self) -> str:
        """Start a run; return its path in the API."""
        run = self._ask("POST", f"{self.dag}/dagRuns", {"logical_date": None})
        return f"{self.dag}/dagRuns/{run['dag_run_id']}"

    def run(self, run: str) -> dict[str, Any]:
        return self._ask("GET", run)

    def tasks(self, run: str) -> list[dict[str, Any]]:
        return list(self._pages(f"{run}/taskInstances", "task_instances"))

    def tries(self, run: str, task: dict[str, Any]) -> list[dict[str, Any]]:
        """All tries of a task, oldest first."""
        path = f"{run}/taskInstances/{task['task_id']}"
        path += f"/{task['map_index']}/tries" if task["map_index"] >= 0 else "/tries"
        tries: list[dict[str, Any]] = self._ask("GET", path)["task_instances"]
        return sorted(tries, key=lambda one: one["try_number"])

    def _pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while page := self._ask("GET", f"{path}?limit={PAGE}&offset={offset}")[name]:
            yield from page
            offset += len(page)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.session.request(method, f"{self.url}{path}", json=body, timeout=TIMEOUT_S)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

"""Runs the VIN service on a free port with its own cache and the fake APIs."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI

from fakes import made_up_vins
from fakes.control import Control
from fakes.serve import serving
from include.lake.store import Store
from include.vin_service.app import create_app
from include.vin_service.settings import Settings
from tests.http.raw_server import message


class Service:
    """A running service and the control of the fake APIs behind it."""

    def __init__(self, app: FastAPI, url: str, replica: Control) -> None:
        self.app = app
        self.url = url
        self.replica = replica
        self.session = requests.Session()

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=120, **more)

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.url + path, timeout=60)

    def calls(self) -> list[str]:
        """The paths of the requests to the fake vPIC, in order."""
        return [request.path for request in self.replica.requests if "/vehicles/" in request.path]


Start = Callable[..., Service]


def reply(body: Any, status: int = 200, **headers: str) -> bytes:
    """An API answer: bytes unchanged, any other value as JSON."""
    return message(
        body if isinstance(body, bytes) else json.dumps(body).encode(), status, **headers
    )


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make retries immediate."""
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)


@pytest.fixture
def examples() -> dict[str, str]:
    """VINs of the fake vPIC by special case."""
    return made_up_vins.EXAMPLES


@pytest.fixture
def car(replica: Control) -> str:
    """A VIN that the fake vPIC decodes without errors."""
    return made_up_vins.vins(replica.seed, 1)[0]


@pytest.fixture
def settings(recalls_url: str, tmp_path: Path) -> Settings:
    return Settings(
        vin_db=tmp_path / "vins.db",
        vpic_url=f"{recalls_url}/api",
        recalls_api_url=recalls_url,
        vin_upstream_per_minute=60_000,
    )


@pytest.fixture
def start(replica: Control, settings: Settings, no_pauses: None) -> Iterator[Start]:  # noqa: ARG001
    """Start services that end with the test."""
    with ExitStack() as stack:

        def start_service(lake: Store | None = None, **changed: Any) -> Service:
            app = create_app(settings.model_copy(update=changed), lake)
            service = Service(app, stack.enter_context(serving(app)), replica)
            stack.enter_context(service.session)
            return service

        yield start_service


@pytest.fixture
def service(start: Start) -> Service:
    return start()

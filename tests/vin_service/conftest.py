"""The whole service on a free port, over a cache of its own and the local APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from fakes import made_up_vins
from fakes.control import Control
from fakes.serve import serving
from include.vin_service.app import create_app
from include.vin_service.settings import Settings


class Service:
    """A running service, asked over HTTP, and the dials of what it asks itself."""

    def __init__(self, url: str, replica: Control) -> None:
        self.url = url
        self.replica = replica
        self.session = requests.Session()

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=120, **more)

    def delete(self, path: str, **more: Any) -> requests.Response:
        return self.session.delete(self.url + path, timeout=60, **more)

    def calls(self) -> list[str]:
        """The paths that the local vPIC was asked, in order."""
        return [asked.path for asked in self.replica.requests if "/vehicles/" in asked.path]


Start = Callable[..., Service]


@pytest.fixture
def examples(replica: Control) -> dict[str, str]:
    """VINs that the local vPIC knows by what is odd about them."""
    return made_up_vins.examples(replica.seed)


@pytest.fixture
def car(replica: Control) -> str:
    """A VIN that the local vPIC knows well."""
    return made_up_vins.vins(replica.seed, 1)[0]


@pytest.fixture
def settings(recalls_url: str, tmp_path: Path) -> Settings:
    return Settings(
        db=tmp_path / "vins.db",
        vpic_url=f"{recalls_url}/api",
        recalls_api_url=recalls_url,
        calls_per_minute=60_000,
    )


@pytest.fixture
def start(replica: Control, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts services that end with the test; their retries do not wait."""
    monkeypatch.setattr("include.first.rest.sleep", lambda _: None)
    with ExitStack() as stack:

        def started(settings: Settings) -> Service:
            return stack.enter_context(running(settings, replica))

        yield started


@contextmanager
def running(settings: Settings, replica: Control) -> Iterator[Service]:
    with serving(create_app(settings)) as url:
        service = Service(url, replica)
        with service.session:
            yield service


@pytest.fixture
def service(start: Start, settings: Settings) -> Service:
    return start(settings)

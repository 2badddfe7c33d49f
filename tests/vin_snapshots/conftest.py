"""A VIN service that does what a test says, and the client that the pipeline has for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.vin_snapshots.vin_api import VinApi
from tests.vin_snapshots.stub import Stub, stub_service


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def stub(waits: list[float]) -> Iterator[Stub]:
    assert not waits
    with stub_service() as stub:
        yield stub


@pytest.fixture
def api(stub: Stub) -> VinApi:
    return VinApi(stub.url)

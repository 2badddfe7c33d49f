"""A stub of the VIN service, without pauses between attempts."""

from collections.abc import Iterator

import pytest

from include.vin_snapshots.client import VinService
from tests.pipelines.vin_snapshots.stub import Stub


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records pauses instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub


@pytest.fixture
def api(stub: Stub) -> VinService:
    return VinService(stub.url)

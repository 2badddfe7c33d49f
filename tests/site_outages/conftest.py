"""KrakenFlex as the pipeline sees it: the local one, and no pauses between tries."""

from __future__ import annotations

import pytest

from fakes.control import Control
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.read import KEYS


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def api(recalls_url: str, replica: Control) -> Krakenflex:
    assert not replica.faults
    return Krakenflex(recalls_url, "local-key")


@pytest.fixture
def accepted(replica):
    """What KrakenFlex has taken of a site, in order."""
    return lambda site_id: replica.krakenflex.accepted.get(site_id, [])


@pytest.fixture
def records(lake):
    """The names of the records of a site's deliveries."""
    return lambda site_id: [k.rpartition("/")[2] for k in lake.keys(KEYS.deliveries(site_id))]

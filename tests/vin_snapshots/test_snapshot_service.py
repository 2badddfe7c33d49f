"""The real VIN service, asked as users ask it, and what its export becomes in the lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI, Request
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response

from fakes import made_up_vins
from fakes.control import Control
from fakes.serve import serving
from include.first.lake import Lake
from include.first.rest import AuthError
from include.vin_service.app import create_app
from include.vin_service.settings import Settings
from include.vin_snapshots.fetch import KEYS
from include.vin_snapshots.run import run
from include.vin_snapshots.vin_api import VinApi

KEY = "a-key-of-some-length"


def dated(app: FastAPI) -> FastAPI:
    """With the Date that any server but the one of these tests sends."""

    @app.middleware("http")
    async def date(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        answer.headers["Date"] = "Sat, 21 Nov 2026 12:00:00 GMT"
        return answer

    return app


@pytest.fixture
def service(recalls_url: str, replica: Control, tmp_path: Path) -> Iterator[str]:
    assert not replica.faults
    settings = Settings(
        vin_db=tmp_path / "vins.db",
        vpic_url=f"{recalls_url}/api",
        recalls_api_url=recalls_url,
        vin_api_key=KEY,
        vin_upstream_per_minute=60_000,
    )
    with serving(dated(create_app(settings))) as url:
        yield url


def look_up(service: str, vins: list[str]) -> list[dict[str, str]]:
    answer = requests.post(
        f"{service}/lookup", json={"vins": vins}, headers={"X-API-Key": KEY}, timeout=60
    )
    return [result["vehicle"] for result in answer.json()["results"] if result["status"] == 200]


def test_what_people_looked_up_is_published(service: str, replica: Control, lake: Lake) -> None:
    """Each vehicle that was found is a row with the same five fields; what was not is none."""
    api = VinApi(service, KEY)
    assert run(api, lake)["state"] == "unchanged"
    examples = made_up_vins.examples(replica.seed)
    found = look_up(service, [*made_up_vins.vins(replica.seed, 120), *examples.values()])
    assert run(api, lake)["version"] == 1
    wanted = [
        {name: value for name, value in vehicle.items() if name != "cached"} for vehicle in found
    ]
    published = lake.read_parquet(KEYS.vehicles).to_pylist()
    assert published == sorted(wanted, key=lambda vehicle: vehicle["vin"])
    assert 120 < len(published) < 120 + len(examples)
    assert lake.receipt(KEYS.table, 1)["source"]["publisher"] == f"made-up:{replica.seed}"


def test_what_was_removed_is_gone(service: str, replica: Control, lake: Lake) -> None:
    """A removed vehicle leaves the next version; nothing else changes."""
    api = VinApi(service, KEY)
    vins = made_up_vins.vins(replica.seed, 3)
    look_up(service, vins)
    run(api, lake)
    requests.delete(f"{service}/remove/{vins[0]}", headers={"X-API-Key": KEY}, timeout=60)
    assert run(api, lake)["counts"] == {"before": 3, "added": 0, "removed": 1, "edited": 0}
    assert run(api, lake)["state"] == "unchanged"


def test_access_is_what_the_service_says(service: str) -> None:
    """With the key all is well; without it, or with another, it is refused."""
    VinApi(service, KEY).check_access()
    for wrong in (None, "another-key"):
        with pytest.raises(AuthError):
            VinApi(service, wrong).check_access()

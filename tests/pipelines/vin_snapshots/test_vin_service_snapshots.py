"""The real VIN service exports into the lake."""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from fastapi import Request
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response

from fakes import made_up_vins
from fakes.control import Control
from fakes.serve import serving
from include.data.tables import from_parquet
from include.lake.store import Store
from include.vin_service.app import create_app
from include.vin_service.settings import Settings
from include.vin_snapshots.client import VinService
from include.vin_snapshots.pipeline import run

KEY = "a-key-of-some-length"


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
    app = create_app(settings)

    @app.middleware("http")
    async def date(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        answer.headers["Date"] = formatdate(usegmt=True)  # as every other server sends it
        return answer

    with serving(app) as url:
        yield url


def test_snapshot_follows_lookups_and_removals(
    service: str, replica: Control, store: Store
) -> None:
    api = VinService(service, KEY)
    api.check_access()
    assert run(api, store)["outcome"] == "unchanged"
    vins = made_up_vins.vins(replica.seed, 20)
    key = {"X-API-Key": KEY}
    requests.post(f"{service}/lookup", json={"vins": vins}, headers=key, timeout=60)
    assert run(api, store)["version"] == 1
    rows = from_parquet(store.get("vin_snapshots/vehicles.parquet"))
    assert rows["vin"].to_pylist() == sorted(vins)
    requests.delete(f"{service}/remove/{vins[0]}", headers=key, timeout=60)
    assert run(api, store)["counts"]["retracted"] == 1
    assert run(api, store)["outcome"] == "unchanged"

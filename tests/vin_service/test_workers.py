"""Several worker processes over one cache: started as users start them, asked, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from fakes import made_up_vins
from fakes.control import Control
from include.vin_service.cache import Cache
from local.processes import clean_environment, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@contextmanager
def workers(db: Path, apis: str, number: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The service with so many workers; whatever is left of it afterwards is ended."""
    port = free_port()
    command = [sys.executable, "-m", "include.vin_service", "--port", str(port)]
    told = {"VIN_DB": str(db), "VPIC_URL": f"{apis}/api", "RECALLS_API_URL": apis}
    service = subprocess.Popen(
        [*command, "--workers", str(number)],
        cwd=ROOT,
        env=clean_environment() | told | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert service.stdout
        ready = next(line for line in service.stdout if line.startswith("ready "))
        yield ready.split()[1], service
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
        service.wait()
        if service.stdout:
            service.stdout.close()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "vins.db"


def test_fifty_at_once_make_one_call_among_all_workers(
    db: Path, recalls_url: str, replica: Control
) -> None:
    """Whichever worker each of fifty people meets, vPIC is asked once."""
    (vin,) = made_up_vins.vins(replica.seed, 1)
    replica.fault("slow", times=None, seconds=0.3)

    def look_up(_: int) -> int:
        # A connection each, so that all workers get some.
        answer = requests.get(f"{url}/lookup/{vin}", timeout=PATIENCE_S)
        return answer.status_code

    with workers(db, recalls_url, 2) as (url, _), ThreadPoolExecutor(50) as pool:
        assert set(pool.map(look_up, range(50))) == {200}
    assert len([asked for asked in replica.requests if vin in asked.path]) == 1


@pytest.mark.parametrize("number", [1, 2])
def test_what_was_reported_cached_survives_sigkill(
    db: Path, recalls_url: str, replica: Control, number: int
) -> None:
    """Killed under load, the cache opens clean, and has every VIN that was reported cached."""
    vins = made_up_vins.vins(replica.seed, 300)
    cached: list[str] = []

    def look_up(vin: str) -> None:
        for _ in range(2):
            try:
                answer = requests.get(f"{url}/lookup/{vin}", timeout=PATIENCE_S)
            except requests.RequestException:
                return
            if answer.status_code == 200 and answer.json()["cached"]:
                cached.append(vin)
                if len(cached) == 100:
                    os.killpg(service.pid, signal.SIGKILL)

    with workers(db, recalls_url, number) as (url, service), ThreadPoolExecutor(8) as pool:
        list(pool.map(look_up, vins))
    assert len(cached) >= 100
    cache = Cache.open(db)
    kept = cache.get_many(cached)
    cache.close()
    assert sorted(kept) == sorted(set(cached))
    assert not list(db.parent.glob("*.corrupt-*"))

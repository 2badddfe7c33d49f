"""The VIN service beside an empty FastAPI route, its export beside pyarrow, and its cold calls."""

from __future__ import annotations

import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from benchmarks.measure import ROOT, BenchError, environment, measure
from benchmarks.servers import local_api
from fakes import made_up_vins
from include.vin_service.cache import Cache
from include.vin_service.export import WRITER
from include.vin_service.vpic import Decoded, Vehicle

CACHED = 1_000  # VINs that the load asks for, one after the other
EXPORTED = 1_000_000
COLD = 1_000
SECONDS, CONNECTIONS = 5.0, 16
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
PUT_AT_ONCE = 20_000
READY = re.compile(r"(?:ready|running on) (http://127\.0\.0\.1:\d+)")
# what is measured: the goal, and whether less is better
GOALS = {
    "cached lookups, share of the empty route's requests": (0.6, False),
    "cached lookups, p99 by that of the empty route": (3, True),
    "export, time by that of pyarrow": (1.5, True),
    "export, MB above the idle service": (200, True),
    "calls of vPIC for 1,000 cold VINs": (20, True),
}


@dataclass(frozen=True)
class Load:
    per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Export:
    pyarrow_s: float
    export_s: float
    megabytes: float
    idle_mb: float
    peak_mb: float


def loads(runs: int) -> dict[str, Load]:
    """Requests per second of both, in turns; medians."""
    found: dict[str, list[Load]] = {"empty route": [], "cached lookup": []}
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "vins.db"
        vehicles = made_up_vehicles(CACHED)
        fill(db, vehicles)
        paths = Path(folder) / "paths"
        for _ in range(runs):
            with empty_app() as address:
                paths.write_text("/\n")
                found["empty route"].append(load(address, paths))
            with vin_service(db) as (address, _):
                paths.write_text("".join(f"/lookup/{vehicle.vin}\n" for vehicle in vehicles))
                found["cached lookup"].append(load(address, paths))
    return {name: median(of) for name, of in found.items()}


def export(runs: int) -> Export:
    """A million cached vehicles over HTTP, in turns with pyarrow writing the same rows."""
    pyarrow_s, export_s, idle, peak = [], [], [], []
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "vins.db"
        fill(db, made_up_vehicles(EXPORTED))
        with vin_service(db) as (address, pid):
            table = pq.read_table(BytesIO(download(address)))
            if table.num_rows != EXPORTED:
                raise BenchError(f"the export has {table.num_rows:,} rows of {EXPORTED:,}")
            for _ in range(runs):
                begun = time.perf_counter()
                pq.write_table(table, pa.BufferOutputStream(), **WRITER)
                pyarrow_s.append(time.perf_counter() - begun)
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew
                idle.append(memory(pid, "VmRSS"))
                begun = time.perf_counter()
                size = len(download(address))
                export_s.append(time.perf_counter() - begun)
                peak.append(memory(pid, "VmHWM"))
    return Export(
        statistics.median(pyarrow_s),
        statistics.median(export_s),
        size / 1e6,
        statistics.median(idle),
        max(peak),
    )


def cold_calls() -> int:
    """How many calls vPIC gets for 1,000 VINs that were never asked for."""
    with local_api(1_000) as apis, tempfile.TemporaryDirectory() as folder:
        with vin_service(Path(folder) / "vins.db", apis) as (address, _):
            answer = requests.post(
                f"{address}/lookup", json={"vins": made_up_vins.vins(1, COLD)}, timeout=120
            ).json()
        found = sum(result["status"] == HTTPStatus.OK for result in answer["results"])
        if found != COLD:
            raise BenchError(f"{found:,} of {COLD:,} cold VINs were found")
        asked = requests.get(f"{apis}/_control", timeout=60).json()["requests"]
    return sum("/vehicles/" in call["path"] for call in asked)


def made_up_vehicles(n: int) -> list[Vehicle]:
    """As many vehicles as that, of 5,000 models: what a large fleet's cache looks like."""
    chance = random.Random(1)
    models = [
        (f"MAKE {i % 40}", f"Model {i % 600}", str(1990 + i % 35), f"Body class {i % 12}")
        for i in range(5_000)
    ]
    vins = {"".join(chance.choices(LETTERS, k=17)) for _ in range(n)}
    return [Vehicle(vin, *chance.choice(models)) for vin in sorted(vins)]


def fill(db: Path, vehicles: list[Vehicle]) -> None:
    cache = Cache(db)
    for start in range(0, len(vehicles), PUT_AT_ONCE):
        some = {vehicle.vin: vehicle for vehicle in vehicles[start : start + PUT_AT_ONCE]}
        cache.put(Decoded(some, "made-up:1"), int(time.time()))
    cache.close()


@contextmanager
def vin_service(db: Path, apis: str = "http://127.0.0.1:9") -> Iterator[tuple[str, int]]:
    more = {"VIN_DB": str(db), "VPIC_URL": f"{apis}/api", "RECALLS_API_URL": apis}
    command = [sys.executable, "-m", "include.vin_service", "--port", "0"]
    with serving(command, more) as (said, pid):
        yield said, pid


@contextmanager
def empty_app() -> Iterator[str]:
    command = [sys.executable, "-m", "uvicorn", "benchmarks.empty_app:app", "--port", "0"]
    with serving([*command, "--no-access-log"], {}) as (address, _):
        yield address


@contextmanager
def serving(command: list[str], more: dict[str, str]) -> Iterator[tuple[str, int]]:
    """A server, from when it says its address to the end of the block; its log is a file."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment() | more, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not (said := READY.search(os.pread(log.fileno(), 10_000, 0).decode())):
                if process.poll() is not None:
                    raise BenchError(f"{' '.join(command[1:])} did not start")
                time.sleep(0.05)
            yield said[1], process.pid
        finally:
            process.terminate()
            process.wait()


def load(address: str, paths: Path) -> Load:
    target = urlsplit(address)
    options = [str(CONNECTIONS), str(SECONDS)]
    arguments = [str(target.hostname), str(target.port), str(paths), *options]
    said = measure("benchmarks.load", *arguments).said
    if said.pop("bad"):
        raise BenchError(f"some answers of {address} were not 200")
    return Load(**said)


def download(address: str) -> bytes:
    target = urlsplit(address)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
    connection.request("GET", "/export")
    body = connection.getresponse().read()
    connection.close()
    return body


def memory(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[0]) / 1024


def median(of: list[Load]) -> Load:
    return Load(
        *(statistics.median(getattr(one, name) for one in of) for name in Load.__dataclass_fields__)
    )


def told(of: dict[str, Load], exported: Export, calls: int) -> list[str]:
    """The table and, under it, what was to be reached."""
    lines = [f"{'':16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}"]
    lines += [
        f"{name:16}{one.per_s:12,.0f}{one.p50_ms:9.2f}{one.p99_ms:9.2f}" for name, one in of.items()
    ]
    lines.append(
        f"{EXPORTED:,} vehicles, {exported.megabytes:.1f} MB: {exported.export_s:.2f} s over HTTP "
        f"from SQLite, {exported.pyarrow_s:.2f} s by pyarrow from memory to memory; "
        f"{exported.idle_mb:.0f} MB idle, {exported.peak_mb:.0f} MB at the peak"
    )
    empty, cached = of.values()
    reached = [
        cached.per_s / empty.per_s,
        cached.p99_ms / empty.p99_ms,
        exported.export_s / exported.pyarrow_s,
        exported.peak_mb - exported.idle_mb,
        calls,
    ]
    for (what, (goal, less)), value in zip(GOALS.items(), reached, strict=True):
        met = value <= goal if less else value >= goal
        limit = "at most" if less else "at least"
        lines.append(f"{what}: {value:.2f}; goal {limit} {goal:g}: {'met' if met else 'missed'}")
    return lines

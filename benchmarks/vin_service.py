"""The VIN service beside an empty FastAPI route, and its export beside pyarrow."""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from statistics import median
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import ROOT, BenchError, environment, measure
from benchmarks.servers import fake_api
from benchmarks.tables import verdict
from fakes import made_up_vins
from include.vin_service.cache import WRITER, Cache
from include.vin_service.vpic import Verdict

CACHED, COLD, EXPORTED = 1_000, 200, 1_000_000  # VINs
MIN_RATE, MAX_P99, MAX_EXPORT, MAX_EXPORT_MB, MAX_CALLS = 0.8, 2, 1.5, 50, 8  # the goals
SERVER = ("--http", "h11", "--no-access-log")  # h11 as the service has it, for its limits
CONNECTIONS, SECONDS = "16", "5"  # of the load
READY = re.compile(r"(?:ready|running on) (http://127\.0\.0\.1:\d+)")


def loads(runs: int) -> list[str]:
    """Requests per second of an empty route and of cached lookups, in turns; medians."""
    empty, cached = [], []
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "vins.db"
        paths = [f"/lookup/{vin}" for vin in fill(db, CACHED)]
        for _ in range(runs):
            with serving("uvicorn", "benchmarks.empty_app:app", *SERVER) as (url, _):
                empty.append(load(url, ["/"]))
            with serving("include.vin_service", VIN_DB=str(db)) as (url, _):
                cached.append(load(url, paths))
    lines, found = [f"{'':16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}"], []
    for name, measured in {"empty route": empty, "cached lookup": cached}.items():
        per_s, p50, p99 = (
            median(one[k] for one in measured) for k in ("per_s", "p50_ms", "p99_ms")
        )
        lines.append(f"{name:16}{per_s:12,.0f}{p50:9.2f}{p99:9.2f}")
        found.append((per_s, p99))
    (empty_per_s, empty_p99), (per_s, p99) = found
    return [
        *lines,
        f"cached lookups by those of the empty route: {per_s / empty_per_s:.2f}; "
        f"goal at least {MIN_RATE}: {'met' if per_s / empty_per_s >= MIN_RATE else 'missed'}",
        f"p99 by that of the empty route: {verdict(p99 / empty_p99, MAX_P99)}",
    ]


def export(runs: int) -> list[str]:
    """A million cached vehicles over HTTP, in turns with pyarrow writing the same rows."""
    pyarrow_s, export_s, above_idle_mb = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "vins.db"
        fill(db, EXPORTED)
        with serving("include.vin_service", VIN_DB=str(db)) as (url, pid):
            table = pq.read_table(BytesIO(download(url)))
            if table.num_rows != EXPORTED:
                raise BenchError(f"the export has {table.num_rows:,} rows of {EXPORTED:,}")
            for _ in range(runs):
                begun = time.perf_counter()
                pq.write_table(table, pa.BufferOutputStream(), **WRITER)
                pyarrow_s.append(time.perf_counter() - begun)
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew
                idle_mb, begun = memory_mb(pid, "VmRSS"), time.perf_counter()
                download(url)
                export_s.append(time.perf_counter() - begun)
                above_idle_mb.append(memory_mb(pid, "VmHWM") - idle_mb)
    ratio = median(export_s) / median(pyarrow_s)
    return [
        f"export of {EXPORTED:,} vehicles: {median(export_s):.2f} s",
        f"by pyarrow from memory to memory: {verdict(ratio, MAX_EXPORT)}",
        f"memory above the idle service, MB: {verdict(max(above_idle_mb), MAX_EXPORT_MB)}",
    ]


def cold() -> list[str]:
    """Different VINs that no cache has, all at once."""
    with tempfile.TemporaryDirectory() as folder, fake_api(1_000) as url:
        settings = {"VIN_DB": f"{folder}/vins.db", "VPIC_URL": f"{url}/api"}
        with serving("include.vin_service", **settings) as (service, _):
            netloc, together = urlsplit(service).netloc, Barrier(COLD)

            def ask(vin: str) -> int:
                connection = HTTPConnection(netloc, timeout=60)
                connection.connect()
                together.wait()
                connection.request("GET", f"/lookup/{vin}")
                return connection.getresponse().status

            with ThreadPoolExecutor(COLD) as clients:
                statuses = set(clients.map(ask, made_up_vins.vins(1, COLD)))
        with urllib.request.urlopen(f"{url}/_control") as answer:  # noqa: S310 - our own server
            calls = len(json.load(answer)["requests"])
    if statuses != {200}:
        raise BenchError(f"cold VINs were answered with {statuses}")
    return [f"{COLD} cold VINs at once, calls to vPIC: {verdict(calls, MAX_CALLS)}"]


def fill(db: Path, n: int) -> list[str]:
    """Put that many vehicles of 5,000 models into a cache."""
    chance = random.Random(1)
    models = [(f"MAKE {i % 40}", f"Model {i % 600}", str(1990 + i % 35)) for i in range(5_000)]
    vins = [f"{number:017}" for number in chance.sample(range(10**17), n)]
    verdicts = {vin: Verdict(vin, "", *chance.choice(models), "Coupe") for vin in vins}
    cache = Cache(db)
    cache.put(verdicts, "made-up:1", int(time.time()))
    cache.close()
    return vins


@contextmanager
def serving(module: str, *arguments: str, **more: str) -> Iterator[tuple[str, int]]:
    """A server's address and process id; its log is a file."""
    command = [sys.executable, "-m", module, *arguments, "--port", "0"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment() | more, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not (ready := READY.search(os.pread(log.fileno(), 10_000, 0).decode())):
                if process.poll() is not None:
                    raise BenchError(f"{module} did not start")
                time.sleep(0.05)
            yield ready[1], process.pid
        finally:
            process.terminate()
            process.wait()


def load(url: str, paths: list[str]) -> dict[str, Any]:
    target = urlsplit(url)
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        arguments = [str(target.hostname), str(target.port), file.name, CONNECTIONS, SECONDS]
        result = measure("benchmarks.load", *arguments).said
    if result["bad"]:
        raise BenchError(f"some answers of {url} were not 200")
    return dict(result)


def download(url: str) -> bytes:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/export")
    return connection.getresponse().read()


def memory_mb(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[0]) / 1024

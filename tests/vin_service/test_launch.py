"""`python -m include.vin_service`, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]


def environment(tmp_path: Path, **given: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("VIN_", "LAKE_", "VPIC_"))}
    return kept | {"VIN_DB": str(tmp_path / "vins.db"), "PYTHONPATH": str(ROOT)} | given


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "include.vin_service", *more]


def refused(tmp_path: Path, *more: str, **given: str) -> str:
    """The one line on which the launcher gives up."""
    ended = subprocess.run(
        command(*more),
        env=environment(tmp_path, **given),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


@contextmanager
def launched(
    tmp_path: Path, *more: str, **given: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        command("--port", "0", *more),
        env=environment(tmp_path, **given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = next(line for line in process.stdout if line.startswith("ready "))
        yield line.split()[1], process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_and_ends_in_good_order(tmp_path: Path, workers: str) -> None:
    """It says when it is ready, answers, and ends with 0 on SIGTERM; all it printed is JSON."""
    with launched(tmp_path, "--workers", workers) as (url, process):
        answer = requests.get(f"{url}/lookup/short?private=1", timeout=30)
        assert answer.status_code == 404
        assert "server" not in answer.headers
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert ("/lookup/short", 404) in {(line.get("path"), line.get("status")) for line in lines}
    assert "private" not in out


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - it is refused
def test_beyond_this_machine_needs_a_key(tmp_path: Path, host: str) -> None:
    """Without a key the launcher does not listen where others could ask."""
    assert "VIN_API_KEY" in refused(tmp_path, "--host", host, "--port", "0")


def test_with_a_key_it_serves_others_who_have_it(tmp_path: Path) -> None:
    """With a key it listens everywhere, tells health to all, and the rest to who has the key."""
    given = {"VIN_API_KEY": "a-long-enough-key"}
    with launched(tmp_path, "--host", "0.0.0.0", **given) as (url, _):  # noqa: S104
        assert requests.get(f"{url}/healthz", timeout=30).status_code == 200
        assert requests.get(f"{url}/lookup/short", timeout=30).status_code == 401
        with_key = {"X-API-Key": given["VIN_API_KEY"]}
        assert requests.get(f"{url}/lookup/short", headers=with_key, timeout=30).status_code == 404


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """The line names the port, and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        line = refused(tmp_path, "--port", port)
    assert port in line
    assert "another --port" in line


@pytest.mark.parametrize("workers", ["1", "3"])
def test_bad_settings_are_one_line(tmp_path: Path, workers: str) -> None:
    """A setting that makes no sense is told once, before any worker is there."""
    line = refused(tmp_path, "--port", "0", "--workers", workers, VIN_UPSTREAM_CALLS="many")
    assert "VIN_UPSTREAM_CALLS" in line


def test_a_cache_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """A folder in the place of the cache is named, and left alone."""
    assert str(tmp_path) in refused(tmp_path, "--port", "0", VIN_DB=str(tmp_path))


def test_a_host_that_is_none_is_one_line(tmp_path: Path) -> None:
    """A mistyped host is told as such."""
    assert "999.999.999.999" in refused(tmp_path, "--host", "999.999.999.999", "--port", "0")

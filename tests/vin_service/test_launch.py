"""`python -m include.vin_service`, as a process of its own."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
CAR = "1HGCM82633A004352"


def environment(tmp_path: Path, **given: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("VIN_", "LAKE_", "VPIC_"))}
    return kept | {"VIN_DB": str(tmp_path / "vins.db"), "PYTHONPATH": str(ROOT)} | given


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "include.vin_service", *more]


@contextmanager
def launched(
    tmp_path: Path, *more: str, files: int | None = None, **given: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    def limit() -> None:
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    process = subprocess.Popen(
        command("--port", "0", *more),
        env=environment(tmp_path, **given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - it only sets a limit
    )
    try:
        assert process.stdout
        line = next(line for line in process.stdout if line.startswith("ready "))
        yield line.split()[1], process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def test_it_serves_and_ends_in_good_order(tmp_path: Path) -> None:
    """It says when it is ready, logs a JSON line a request, and ends with 0 on SIGTERM."""
    with launched(tmp_path) as (url, process):
        long_path = "/lookup/" + "%0A" * 10_000
        for path in ("/lookup/short?private=1", long_path):
            answer = requests.get(url + path, timeout=30)
            assert answer.status_code == 404
            assert "server" not in answer.headers
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert [{name: line[name] for name in line if name != "time"} for line in lines] == [
        {"method": "GET", "path": "/lookup/short", "status": 404},
        {"method": "GET", "path": long_path[:200], "status": 404},
    ]


def test_key_opens_it_to_other_machines_and_is_not_logged(tmp_path: Path) -> None:
    given = {"VIN_API_KEY": "a-long-enough-key"}
    with launched(tmp_path, "--host", "0.0.0.0", **given) as (url, process):  # noqa: S104
        assert requests.get(f"{url}/healthz", timeout=30).status_code == 200
        wrong = {"X-API-Key": "wrong-one"}
        assert requests.get(f"{url}/lookup/short", headers=wrong, timeout=30).status_code == 401
        right = {"X-API-Key": given["VIN_API_KEY"]}
        assert requests.get(f"{url}/lookup/short", headers=right, timeout=30).status_code == 404
        process.terminate()
        out, errors = process.communicate(timeout=60)
    for secret in ("wrong-one", given["VIN_API_KEY"]):
        assert secret not in out + errors


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["--workers", "2"], {}, "one process"),
        (["--port", "70000"], {}, "70000 of 127.0.0.1 cannot be used"),
        (["--host", "999.999.999.999"], {}, "another --port or --host"),
        (["--host", "0.0.0.0"], {}, "VIN_API_KEY"),  # noqa: S104 - it is refused
        (["--host", "::"], {}, "VIN_API_KEY"),
        ([], {"VIN_UPSTREAM_CALLS": "many"}, "VIN_UPSTREAM_CALLS"),
        ([], {"VIN_DB": "/"}, "set VIN_DB"),
    ],
    ids=str,
)
def test_what_cannot_be_started_is_one_line(
    tmp_path: Path, arguments: list[str], given: dict[str, str], words: str
) -> None:
    ended = subprocess.run(
        command("--port", "0", *arguments),
        env=environment(tmp_path, **given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert words in line


def test_sigterm_while_vpic_hangs_ends_within_8_seconds(tmp_path: Path) -> None:
    """A client that waits gets a 503, and the process does not wait for vPIC."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        given = {
            "VPIC_URL": f"http://127.0.0.1:{hanging.getsockname()[1]}",
            "VIN_UPSTREAM_TIMEOUT_S": "60",
        }
        with launched(tmp_path, **given) as (url, process):
            answers: list[requests.Response] = []
            asking = threading.Thread(
                target=lambda: answers.append(requests.get(f"{url}/lookup/{CAR}", timeout=60))
            )
            asking.start()
            hanging.accept()[0].recv(65_536)
            process.terminate()
            begun = time.monotonic()
            _, errors = process.communicate(timeout=60)
            assert time.monotonic() - begun < 8
            asking.join()
    assert (process.returncode, errors) == (0, "")
    assert [answer.status_code for answer in answers] == [503]


def test_connections_of_refused_clients_do_not_take_it_down(tmp_path: Path) -> None:
    """With 200 file handles and 230 clients whose bodies drip, a client with a key is answered."""
    head = b"POST /lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    given = {"VIN_API_KEY": "k"}
    with launched(tmp_path, files=200, **given) as (url, _), ExitStack() as stack:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        for _ in range(230):
            client = stack.enter_context(socket.create_connection(address, 30))
            client.sendall(head)
        statuses = set()
        for _ in range(60):
            try:
                answer = requests.get(f"{url}/lookup/short", headers={"X-API-Key": "k"}, timeout=5)
            except requests.RequestException:
                continue
            statuses.add(answer.status_code)
            if answer.status_code == 404:
                break
            time.sleep(0.2)  # 503: too many connections for the moment
    assert 404 in statuses


def test_head_without_end_is_cut(tmp_path: Path) -> None:
    with launched(tmp_path) as (url, _):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, 30) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaa\r\n" * 5_000)
            answer = b""
            while received := client.recv(65_536):
                answer += received
            assert answer.startswith(b"HTTP/1.1 400 ")

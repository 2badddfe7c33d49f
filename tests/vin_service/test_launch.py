"""`python -m include.vin_service`, as a process of its own."""

from __future__ import annotations

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from fakes import made_up_vins
from fakes.control import Control
from fakes.serve import bind
from include.vin_service.cache import Cache

ROOT = Path(__file__).resolve().parents[2]
CAR = "1HGCM82633A004352"
DECODED = {"VIN": CAR, "ErrorCode": "0", "Make": "M", "Model": "M", "ModelYear": "1"}


def environment(tmp_path: Path, **given: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("VIN_", "LAKE_", "VPIC_"))}
    return kept | {"VIN_DB": str(tmp_path / "vins.db"), "PYTHONPATH": str(ROOT)} | given


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "include.vin_service", *more]


def refused(tmp_path: Path, *more: str, **given: str) -> str:
    """The one line with which it does not start."""
    ended = subprocess.run(
        command(*more),
        env=environment(tmp_path, **given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


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


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - it is refused
def test_beyond_this_machine_needs_a_key(tmp_path: Path, host: str) -> None:
    assert "VIN_API_KEY" in refused(tmp_path, "--host", host, "--port", "0")


def test_with_a_key_it_serves_others_who_have_it(tmp_path: Path) -> None:
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


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        line = refused(tmp_path, "--port", port)
    assert port in line
    assert "another --port" in line


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["--workers", "2"], {}, "one process"),
        (["--port", "70000"], {}, "70000"),
        (["--host", "999.999.999.999"], {}, "999.999.999.999"),
        ([], {"VIN_UPSTREAM_CALLS": "many"}, "VIN_UPSTREAM_CALLS"),
        ([], {"VIN_DB": "/"}, "set VIN_DB"),
    ],
    ids=["workers", "port", "host", "settings", "cache"],
)
def test_what_cannot_be_started_is_one_line(
    tmp_path: Path, arguments: list[str], given: dict[str, str], words: str
) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    assert words in refused(tmp_path, *port, *arguments, **given)


def test_what_was_reported_cached_survives_sigkill(
    tmp_path: Path, recalls_url: str, replica: Control
) -> None:
    given = {"VPIC_URL": f"{recalls_url}/api", "RECALLS_API_URL": recalls_url}
    vins = made_up_vins.vins(replica.seed, 20)
    with launched(tmp_path, **given) as (url, process):
        for vin in vins:
            requests.get(f"{url}/lookup/{vin}", timeout=30)
        assert requests.get(f"{url}/lookup/{vins[-1]}", timeout=30).json()["cached"]
        process.kill()
    cache = Cache(tmp_path / "vins.db")
    assert sorted(cache.get(vins)) == sorted(vins)
    cache.close()


def test_sigterm_while_vpic_hangs_ends_within_8_seconds(tmp_path: Path) -> None:
    """Who waits for vPIC gets a 503, and the process does not wait for it."""
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
    """With 200 file handles and 230 clients whose bodies drip, one with a key is answered."""
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


def test_a_head_without_end_is_cut(tmp_path: Path) -> None:
    with launched(tmp_path) as (url, _):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, 30) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaa\r\n" * 5_000)
            answer = b""
            while received := client.recv(65_536):
                answer += received
            assert answer.startswith(b"HTTP/1.1 400 ")


class DrippingVpic:
    """Sends a byte now and then, and never a whole head, until it is well."""

    def __init__(self) -> None:
        self.listener = bind(0)
        self.is_well = self.is_over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.is_over:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            if self.is_well:
                body = b'{"Results": [%s]}' % json.dumps(DECODED).encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
            while not (self.is_well or self.is_over):
                connection.sendall(b"H")
                time.sleep(0.05)


def test_four_dripping_answers_do_not_outlast_vpics_recovery(tmp_path: Path) -> None:
    """A deadline gives them up; vPIC gets a rest, and is then asked again."""
    vpic = DrippingVpic()
    given = {
        "VPIC_URL": f"http://127.0.0.1:{vpic.listener.getsockname()[1]}",
        "VIN_UPSTREAM_TIMEOUT_S": "0.5",
    }
    cold = [f"1HGCM826{number:09}" for number in range(8)]
    with launched(tmp_path, **given) as (url, _):

        def ask(vin: str) -> requests.Response:
            return requests.get(f"{url}/lookup/{vin}", timeout=60)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, cold))
        vpic.is_well = True
        resting = ask(CAR)
        wait_s = int(resting.headers["Retry-After"])
        time.sleep(min(wait_s, 15))
        recovered = ask(CAR)
    vpic.is_over = True
    assert {answer.status_code for answer in [*answers, resting]} == {503}
    assert wait_s <= 15
    assert recovered.status_code == 200

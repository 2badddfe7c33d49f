"""`python -m include.vin_service` in its own process."""

import json
import os
import resource
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

from include.errors import PermanentError
from include.vin_service.__main__ import listen, main

ROOT = Path(__file__).resolve().parents[2]
CAR = "1HGCM82633A004352"


@contextmanager
def launch(
    tmp_path: Path, *more: str, files: int | None = None, **given: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    def limit() -> None:
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    process = subprocess.Popen(
        [sys.executable, "-m", "include.vin_service", "--port", "0", *more],
        cwd=ROOT,
        env=os.environ | {"VIN_DB": str(tmp_path / "vins.db")} | given,
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


def test_public_service_logs_json_without_keys_and_exits_cleanly(tmp_path: Path) -> None:
    given = {"VIN_API_KEY": "a-long-enough-key"}
    right, wrong = {"X-API-Key": given["VIN_API_KEY"]}, {"X-API-Key": "wrong-one"}
    long_path = "/lookup/" + "%0A" * 10_000
    with launch(tmp_path, "--host", "0.0.0.0", **given) as (url, process):  # noqa: S104
        for path, headers, status in (
            ("/healthz", {}, 200),
            ("/lookup/short", wrong, 401),
            ("/lookup/short?private=1", right, 404),
            (long_path, right, 404),
        ):
            answer = requests.get(url + path, headers=headers, timeout=30)
            assert answer.status_code == status
            assert "server" not in answer.headers
        assert send_endless_head(url).startswith(b"HTTP/1.1 400 ")
        process.terminate()
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines if "path" in line] == [
        ("GET", "/healthz", 200),
        ("GET", "/lookup/short", 401),
        ("GET", "/lookup/short", 404),
        ("GET", long_path[:200], 404),
    ]
    assert "wrong-one" not in out
    assert given["VIN_API_KEY"] not in out


def send_endless_head(url: str) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaa\r\n" * 5_000)
        while received := client.recv(65_536):
            answer += received
    return answer


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--workers", "2"], "one process"), (["--host", "0.0.0.0"], "VIN_API_KEY")],  # noqa: S104
)
def test_invalid_options_print_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["vin_service", "--port", "0", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    (line,) = errors.splitlines()
    assert words in line


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70_000, "70000 of 127.0.0.1 cannot be used"),
        ("999.999.999.999", 0, "another --port or --host"),
        ("::", 0, "VIN_API_KEY"),
    ],
)
def test_listen_on_wrong_address_is_refused(host: str, port: int, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        listen(host, port, has_key=False)


def test_sigterm_while_vpic_hangs_ends_within_8_seconds(tmp_path: Path) -> None:
    """A waiting client gets a 503."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        given = {
            "VPIC_URL": f"http://127.0.0.1:{hanging.getsockname()[1]}",
            "VIN_UPSTREAM_TIMEOUT_S": "60",
        }
        with launch(tmp_path, **given) as (url, process):
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


def test_refused_clients_do_not_exhaust_connections(tmp_path: Path) -> None:
    """With 200 file handles and 230 unfinished requests, a client with a key is answered."""
    head = b"POST /lookup HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    given = {"VIN_API_KEY": "k"}
    with launch(tmp_path, files=200, **given) as (url, _), ExitStack() as stack:
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
            time.sleep(0.2)  # 503: too many connections
    assert 404 in statuses

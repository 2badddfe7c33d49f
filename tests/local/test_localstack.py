"""LocalStack as tests and targets start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import localstack
from local.localstack import ROOT, running_localstack, s3_runs
from local.processes import LocalError


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return True
    return False


def test_only_this_machine_can_reach_it(s3_url: str):
    """It listens on 127.0.0.1 and on no other address."""
    port = urlsplit(s3_url).port
    assert not refuses("127.0.0.1", port)
    assert refuses("127.0.0.2", port)


def test_it_ends_with_its_starter(tmp_path: Path):
    """A LocalStack of one's own is gone when its starter is, even after a SIGKILL."""
    script = f"""
import sys
from pathlib import Path
from local.localstack import running_localstack
with running_localstack(Path({str(tmp_path)!r})) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        url = starter.stdout.readline().strip()
        assert s3_runs(url)
        starter.send_signal(signal.SIGKILL)
    give_up = time.monotonic() + 30
    while s3_runs(url) and time.monotonic() < give_up:
        pass
    assert not s3_runs(url)


def test_one_that_cannot_start_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When LocalStack ends while starting, the error has its code and the end of its log."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no module named localstack'\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(localstack, "PYTHON", python)

    with pytest.raises(LocalError) as told, running_localstack(tmp_path / "files"):
        pass
    assert "ended with code 3" in str(told.value)
    assert str(tmp_path / "files" / "localstack.log") in str(told.value)
    assert str(told.value).endswith("no module named localstack")


def test_one_that_is_not_installed_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without its virtual environment the error names the target that makes it."""
    monkeypatch.setattr(localstack, "PYTHON", tmp_path / "venv" / "bin" / "python")

    with pytest.raises(LocalError, match="make install"), running_localstack(tmp_path):
        pass


def test_nothing_of_our_environment_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Keys, proxies and Python settings of ours stay ours."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nenv\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(localstack, "PYTHON", python)
    for name in ("AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "PYTHONPATH", "AIRFLOW_CONN_LAKE"):
        monkeypatch.setenv(name, "ours")

    with pytest.raises(LocalError), running_localstack(tmp_path / "files"):
        pass
    given = (tmp_path / "files" / "localstack.log").read_text()
    assert "SERVICES=s3" in given
    assert "S3_SKIP_SIGNATURE_VALIDATION=0" in given
    assert "ours" not in given

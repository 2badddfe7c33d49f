"""LocalStack as tests and targets start it."""

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
from local.processes import LocalError, clean_environment


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return True
    return False


def test_only_this_machine_can_reach_it(s3_url: str):
    port = urlsplit(s3_url).port
    assert not refuses("127.0.0.1", port)
    assert refuses("127.0.0.2", port)


def test_it_ends_with_its_starter_even_after_sigkill(tmp_path: Path):
    script = f"""
import sys
from pathlib import Path
from local.localstack import running_localstack
with running_localstack(Path({str(tmp_path)!r})) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
        **pipes,
    )
    with starter:
        url = starter.stdout.readline().strip()
        assert s3_runs(url)
        starter.send_signal(signal.SIGKILL)
    give_up = time.monotonic() + 30
    while s3_runs(url) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not s3_runs(url)


@pytest.fixture
def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    python = tmp_path / "python"
    monkeypatch.setattr(localstack, "PYTHON", python)
    return python


def test_one_that_cannot_start_shows_its_log_and_got_nothing_of_our_environment(
    tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch
):
    """Keys, proxies and Python settings of the user stay outside."""
    fake_python.write_text("#!/bin/sh\nenv\necho no module named localstack\nexit 3\n")
    fake_python.chmod(0o755)
    for name in ("AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "PYTHONPATH", "AIRFLOW_CONN_LAKE"):
        monkeypatch.setenv(name, "ours")
    with pytest.raises(LocalError) as error, running_localstack(tmp_path / "files"):
        pass
    assert "ended with code 3" in str(error.value)
    assert str(error.value).endswith("no module named localstack")
    given = (tmp_path / "files" / "localstack.log").read_text()
    assert "SERVICES=s3" in given
    assert "ours" not in given


def test_without_its_virtual_environment_the_error_names_the_target(
    tmp_path: Path, fake_python: Path
):
    assert not fake_python.exists()
    with pytest.raises(LocalError, match="make install"), running_localstack(tmp_path):
        pass


def test_make_install_makes_its_catalog_of_aws():
    """Without it each LocalStack of each test run would spend 15 seconds on it."""
    made = ROOT / ".venv-localstack" / "catalog"
    assert list(made.glob("usr/lib/localstack/service-catalog-*.dill"))

"""Starts, selects and ends the S3 engines."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import s3_engine
from local.processes import LocalError, Misuse, clean_environment
from local.s3_engine import ENGINES, ROOT, chosen_engine, running_s3, s3_runs


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return True
    return False


def test_engine_listens_on_127_0_0_1_only(s3_url: str):
    port = urlsplit(s3_url).port
    assert not refuses("127.0.0.1", port)
    assert refuses("127.0.0.2", port)


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_ends_after_its_parent_is_killed(tmp_path: Path, engine: str):
    script = f"""
import sys
from pathlib import Path
from local.s3_engine import running_s3
with running_s3(Path({str(tmp_path)!r})) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONPATH": str(ROOT), "S3_ENGINE": engine},
        **pipes,
    )
    with parent:
        url = parent.stdout.readline().strip()
        assert s3_runs(url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while s3_runs(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not s3_runs(url)


@pytest.fixture
def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    python = tmp_path / "python"
    monkeypatch.setattr(s3_engine, "PYTHON", python)
    return python


def test_failed_start_shows_the_log_and_inherits_no_environment(
    tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch
):
    fake_python.write_text("#!/bin/sh\nenv\necho no module named localstack\nexit 3\n")
    fake_python.chmod(0o755)
    for name in ("AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "PYTHONPATH", "AIRFLOW_CONN_LAKE"):
        monkeypatch.setenv(name, "ours")
    files = tmp_path / "files"
    with pytest.raises(LocalError) as error, running_s3(files, "localstack"):
        pass
    assert "ended with code 3" in str(error.value)
    assert str(error.value).endswith("no module named localstack")
    given = (tmp_path / "files" / "s3.log").read_text()
    assert "SERVICES=s3" in given
    assert "ours" not in given


def test_missing_virtual_environment_names_make_install(tmp_path: Path, fake_python: Path):
    assert not fake_python.exists()
    with pytest.raises(LocalError, match="make install"), running_s3(tmp_path, "localstack"):
        pass


@pytest.mark.parametrize("settings", [{}, {"S3_ENGINE": ""}, {"S3_ENGINE": "localstack"}])
def test_default_engine_is_localstack(settings: dict[str, str]):
    assert chosen_engine(settings) == "localstack"


def test_unknown_engine_error_lists_the_engines():
    with pytest.raises(Misuse, match="S3_ENGINE is 'minio'; choose one of localstack, moto"):
        chosen_engine({"S3_ENGINE": "minio"})


def test_make_install_builds_the_service_catalog():
    """Without it, each start of LocalStack takes 15 seconds longer."""
    made = ROOT / ".venv-localstack" / "catalog"
    assert list(made.glob("usr/lib/localstack/service-catalog-*.dill"))

"""The S3 engines as tests and targets start them."""

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


def test_only_this_machine_can_reach_it(s3_url: str):
    port = urlsplit(s3_url).port
    assert not refuses("127.0.0.1", port)
    assert refuses("127.0.0.2", port)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_ends_with_its_starter_even_after_sigkill(tmp_path: Path, engine: str):
    script = f"""
import sys
from pathlib import Path
from local.s3_engine import running_s3
with running_s3(Path({str(tmp_path)!r})) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONPATH": str(ROOT), "S3_ENGINE": engine},
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
    monkeypatch.setattr(s3_engine, "PYTHON", python)
    return python


def test_one_that_cannot_start_shows_its_log_and_got_nothing_of_our_environment(
    tmp_path: Path, fake_python: Path, monkeypatch: pytest.MonkeyPatch
):
    """Keys, proxies and Python settings of the user stay outside."""
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


def test_without_its_virtual_environment_the_error_names_the_target(
    tmp_path: Path, fake_python: Path
):
    assert not fake_python.exists()
    with pytest.raises(LocalError, match="make install"), running_s3(tmp_path, "localstack"):
        pass


@pytest.mark.parametrize("settings", [{}, {"S3_ENGINE": ""}, {"S3_ENGINE": "localstack"}])
def test_without_a_choice_it_is_localstack(settings: dict[str, str]):
    assert chosen_engine(settings) == "localstack"


def test_an_engine_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(Misuse, match="S3_ENGINE is 'minio'; choose one of localstack, moto"):
        chosen_engine({"S3_ENGINE": "minio"})


def test_make_install_makes_its_catalog_of_aws():
    """Without it each LocalStack of each test run would spend 15 seconds on it."""
    made = ROOT / ".venv-localstack" / "catalog"
    assert list(made.glob("usr/lib/localstack/service-catalog-*.dill"))

"""Users of a checkout share its servers. Most tests use moto, which starts faster."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from fakes.made_up_vins import EXAMPLES
from include.lake.connect import connect
from include.lake.store import Store
from local.environment import local_lake
from local.processes import LocalError, ask, born, end_groups
from local.s3_engine import ROOT, S3, s3_runs
from local.stack import FAKES, Stack
from local.state import Lock, Server, State, state_file, stop
from local.vin import VIN_SERVICE, vin_service

KEY = "vehicle_recalls/2019.parquet"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary checkout whose servers end with the test."""
    monkeypatch.setenv("S3_ENGINE", "moto")
    for folder in ("include", "fakes"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    yield tmp_path
    State.read(tmp_path).end_servers()


def quiet(_: str) -> None:
    """Discard a line of output."""


def lake(stack: Stack, bucket: str = "headwaters") -> Store:
    return connect(local_lake(bucket, stack.s3_url))


def test_users_share_the_servers_and_the_last_one_ends_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    output: list[str] = []
    monkeypatch.setenv("S3_ENGINE", "localstack")
    with Stack(root, output.append).used(bucket="headwaters", fakes=True) as first:
        with Stack(root, quiet).used(bucket="headwaters-live", fakes=True) as second:
            assert second.urls == first.urls
            lake(first, "headwaters-live").put(KEY, b"1")
        assert (root / "s3_bucket_live" / KEY).read_bytes() == b"1"
        assert s3_runs(first.s3_url)
        lake(first).put(KEY, b"2")
        servers = State.read(root).servers
        assert servers.keys() == {S3, FAKES}

    assert (root / "s3_bucket" / KEY).read_bytes() == b"2"
    assert not any(server.alive() for server in servers.values())
    assert not state_file(root).exists()
    assert output[0].endswith(f"starting {S3} and the fake APIs ...")


def test_s3_loads_the_folder_and_reading_mirrors_nothing(root: Path):
    output: list[str] = []
    (root / "s3_bucket" / KEY).parent.mkdir(parents=True)
    (root / "s3_bucket" / KEY).write_bytes(b"1")
    with Stack(root, output.append).used(bucket="headwaters") as stack:
        assert lake(stack).get(KEY) == b"1"
    assert any("1 files of s3_bucket/ put back" in line for line in output)
    assert not any("mirrored" in line for line in output)


def test_servers_survive_a_killed_user(root: Path):
    """The next user takes over the servers and ends them."""
    script = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from local.stack import Stack
from tests.local.test_stack import KEY, lake
with Stack(Path({str(root)!r}), print).used(bucket="headwaters") as stack:
    lake(stack).put(KEY, b"1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = State.read(root).servers[S3]
    assert left.alive()

    with Stack(root, quiet).used(bucket="headwaters") as stack:
        assert stack.s3_url == left.url
    assert (root / "s3_bucket" / KEY).read_bytes() == b"1"
    assert not left.alive()


def test_process_with_a_reused_pid_is_not_ended(root: Path):
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stale = Server(stranger.pid, "long ago", "http://127.0.0.1:9")
        State({S3: stale}, ["headwaters"]).write(root)
        with Stack(root, quiet).used(bucket="headwaters") as stack:
            assert stack.s3_url != stale.url
            assert lake(stack).list("") == {}
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


def test_failed_mirror_keeps_s3_for_the_next_user(root: Path):
    with ExitStack() as leaving:
        stack = leaving.enter_context(Stack(root, quiet).used(bucket="headwaters"))
        lake(stack).put(KEY, b"1")
        (root / "s3_bucket").write_text("not a folder")
        with pytest.raises(LocalError, match="nothing is lost"):
            leaving.close()
    assert s3_runs(stack.s3_url)

    (root / "s3_bucket").unlink()
    with Stack(root, quiet).used(bucket="headwaters"):
        pass
    assert (root / "s3_bucket" / KEY).read_bytes() == b"1"
    assert not s3_runs(stack.s3_url)


def test_dead_s3_is_an_error_and_keeps_the_folder(root: Path):
    (root / "s3_bucket").mkdir()
    (root / "s3_bucket" / "kept").write_bytes(b"1")
    with ExitStack() as leaving:
        leaving.enter_context(Stack(root, quiet).used(bucket="headwaters", fakes=True))
        servers = State.read(root).servers
        end_groups([servers[S3].pid], patience_s=0)
        with pytest.raises(LocalError, match=f"{S3} has died"):
            leaving.close()
    assert (root / "s3_bucket" / "kept").read_bytes() == b"1"
    assert not servers[FAKES].alive()


def test_vin_service_is_shared_and_replaced_when_the_fakes_restart(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("local.vin.PREFERRED_PORT", 0)  # another test may use the real one
    vin = EXAMPLES["found"]
    settings = {"VIN_API_KEY": "k", "LAKE_BUCKET": "none"}
    with Stack(root, quiet).used(fakes=True) as first:
        first.use(vin_service(first, settings, ""))
        url = first.urls[VIN_SERVICE]
        with Stack(root, quiet).used(fakes=True) as second:
            second.use(vin_service(second, settings, ""))
            assert second.urls == first.urls
        assert requests.get(f"{url}/lookup/{vin}", timeout=30).status_code == 401
        answer = requests.get(f"{url}/lookup/{vin}", headers={"X-API-Key": "k"}, timeout=30)
        assert answer.json()["vin"] == vin

        servers = State.read(root).servers
        end_groups([servers[FAKES].pid], patience_s=0)
        with Stack(root, quiet).used(fakes=True) as third:
            third.use(vin_service(third, settings, ""))
            assert not servers[VIN_SERVICE].alive()
            url = third.urls[VIN_SERVICE]
            answer = requests.get(f"{url}/lookup/{vin}", headers={"X-API-Key": "k"}, timeout=30)
            assert answer.status_code == 200
    assert ask(f"{url}/healthz") is None
    assert (root / ".local" / "vin" / "made-up.db").exists()


def test_stop_ends_servers_that_are_not_in_use(root: Path):
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    State({"Airflow's scheduler": Server(left.pid, born(left.pid) or "")}).write(root)
    with Lock(root, "users").take():
        with pytest.raises(LocalError, match="end it"):
            stop(root)
        assert left.poll() is None
    stop(root)
    left.wait(timeout=10)
    assert not state_file(root).exists()


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"servers": {"x": {}}, "loaded": []})])
def test_invalid_state_file_is_ignored(root: Path, content: str):
    state_file(root).parent.mkdir()
    state_file(root).write_text(content)
    assert State.read(root) == State()


def test_running_s3_is_reused_whatever_the_engine(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Two engines would mirror to the same folder."""
    with Stack(root, quiet).used(bucket="headwaters") as first:
        monkeypatch.setenv("S3_ENGINE", "localstack")
        with Stack(root, quiet).used(bucket="headwaters") as second:
            assert second.s3_url == first.s3_url

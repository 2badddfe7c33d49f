"""One stack a checkout: shared, found again after a kill, ended by the last one out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
import requests
from botocore.client import BaseClient

from fakes.made_up_vins import examples
from local.localstack import ROOT, s3_runs
from local.processes import LocalError, Started, born, end_groups
from local.stack import LOCAL_APIS, LOCALSTACK, Stack
from local.state import Lock, State, stack_state, stop, ui_state, users_lock, vin_state
from local.vin_service import VIN_SERVICE, serves

KEY = "vehicle_recalls/2019.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A checkout of its own; whatever a failed test leaves running in it is ended."""
    (tmp_path / "include").symlink_to(ROOT / "include")
    yield tmp_path
    State.read(stack_state(tmp_path)).end_servers()


def client(url: str) -> BaseClient:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def quiet(_: str) -> None:
    """Stands for the terminal."""


def test_two_users_share_and_the_last_one_ends_it(root: Path):
    """Both use the same servers; each mirrors as it leaves; the last one ends them."""
    with Stack(root, quiet).used(bucket="headwaters", local_apis=True) as first:
        with Stack(root, quiet).used(bucket="headwaters-live", local_apis=True) as second:
            assert second == first
            client(first.localstack_url).put_object(Bucket="headwaters-live", Key=KEY, Body=b"1")
        assert (root / "s3_bucket_live" / KEY).read_bytes() == b"1"
        assert s3_runs(first.localstack_url)
        client(first.localstack_url).put_object(Bucket="headwaters", Key=KEY, Body=b"2")
        servers = State.read(stack_state(root)).servers
        assert servers.keys() == {LOCALSTACK, LOCAL_APIS}

    assert (root / "s3_bucket" / KEY).read_bytes() == b"2"
    assert not any(server.alive() for server in servers.values())
    assert not stack_state(root).exists()


def test_the_bucket_is_there_again(root: Path):
    """What a LocalStack forgot with its end, the next one has, metadata included."""
    with Stack(root, quiet).used(bucket="headwaters") as addresses:
        s3 = client(addresses.localstack_url)
        s3.put_object(Bucket="headwaters", Key=KEY, Body=b"1", Metadata={"sha256": "abc"})
    with Stack(root, quiet).used(bucket="headwaters") as addresses:
        found = client(addresses.localstack_url).get_object(Bucket="headwaters", Key=KEY)
        assert (found["Body"].read(), found["Metadata"]) == (b"1", {"sha256": "abc"})


def test_a_killed_user_loses_nothing(root: Path):
    """After a SIGKILL the servers run on; the next user goes on with them, and ends them."""
    script = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from local.stack import Stack
from tests.local.test_stack import KEY, client
with Stack(Path({str(root)!r}), print).used(bucket="headwaters") as addresses:
    client(addresses.localstack_url).put_object(Bucket="headwaters", Key=KEY, Body=b"1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = State.read(stack_state(root)).servers[LOCALSTACK]
    assert left.alive()

    with Stack(root, quiet).used(bucket="headwaters") as addresses:
        assert addresses.localstack_url == left.url
    assert (root / "s3_bucket" / KEY).read_bytes() == b"1"
    assert not left.alive()


def test_a_stale_state_file_is_replaced(root: Path):
    """A state file that names a dead process, or another's by a reused pid, harms nobody."""
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stale = Started(LOCALSTACK, stranger.pid, "long ago", "http://127.0.0.1:9")
        State({LOCALSTACK: stale}, ["headwaters"]).write(stack_state(root))
        with Stack(root, quiet).used(bucket="headwaters") as addresses:
            assert addresses.localstack_url != stale.url
            client(addresses.localstack_url).head_bucket(Bucket="headwaters")
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


def test_a_failed_mirror_keeps_localstack(root: Path):
    """When the folder cannot be written, LocalStack stays up, and the next run saves all of it."""
    with ExitStack() as leaving:
        addresses = leaving.enter_context(Stack(root, quiet).used(bucket="headwaters"))
        client(addresses.localstack_url).put_object(Bucket="headwaters", Key=KEY, Body=b"1")
        (root / "s3_bucket").write_text("in the way")
        with pytest.raises(LocalError, match="nothing is lost"):
            leaving.close()
    assert s3_runs(addresses.localstack_url)

    (root / "s3_bucket").unlink()
    with Stack(root, quiet).used(bucket="headwaters"):
        pass
    assert (root / "s3_bucket" / KEY).read_bytes() == b"1"
    assert not s3_runs(addresses.localstack_url)


def test_a_localstack_that_died_is_told(root: Path):
    """A LocalStack that died while in use is an error; the folder stays as it was."""
    (root / "s3_bucket").mkdir()
    (root / "s3_bucket" / "kept").write_bytes(b"1")
    with ExitStack() as leaving:
        leaving.enter_context(Stack(root, quiet).used(bucket="headwaters", local_apis=True))
        servers = State.read(stack_state(root)).servers
        end_groups([servers[LOCALSTACK].pid], patience_s=0)
        with pytest.raises(LocalError, match="LocalStack has died"):
            leaving.close()
    assert (root / "s3_bucket" / "kept").read_bytes() == b"1"
    assert not servers[LOCAL_APIS].alive()


def test_the_vin_service_is_shared_and_finds_the_others(root: Path):
    """It asks the local APIs, keeps what they said, and ends with the last who uses it."""
    vin, key = examples(seed=1)["found"], {"X-API-Key": "k"}
    settings = {"VIN_API_KEY": "k", "LAKE_BUCKET": "none"}
    with Stack(root, quiet).used(local_apis=True, vin_settings=settings) as first:
        with Stack(root, quiet).used(local_apis=True, vin_settings=settings) as second:
            assert second == first
        address = f"{first.vin_url}/lookup/{vin}"
        assert requests.get(address, timeout=30).status_code == 401
        answer = requests.get(address, headers=key, timeout=30)
        assert answer.json()["vin"] == vin
        assert answer.headers["X-Made-Up"] == "seed=1"
    assert not serves(first.vin_url)
    assert (root / ".local" / "vin" / "made-up.db").exists()


def test_a_vin_service_that_knew_other_servers_is_replaced(root: Path):
    """When the local APIs had to be started again, the service that asked the old ones is ended."""
    settings = {"LAKE_BUCKET": "none"}
    with Stack(root, quiet).used(local_apis=True, vin_settings=settings) as first:
        servers = State.read(stack_state(root)).servers
        end_groups([servers[LOCAL_APIS].pid], patience_s=0)
        with Stack(root, quiet).used(local_apis=True, vin_settings=settings) as second:
            assert second.vin_url != first.vin_url
            assert not servers[VIN_SERVICE].alive()
            vin = examples(seed=1)["found"]
            assert requests.get(f"{second.vin_url}/lookup/{vin}", timeout=30).status_code == 200


def test_servers_that_are_not_asked_for_are_not_started(root: Path):
    """With a lake and an API of the user's own nothing is started at all."""
    with Stack(root, quiet).used() as addresses:
        assert (addresses.localstack_url, addresses.apis_url, addresses.vin_url) == ("", "", "")
        assert not stack_state(root).exists()


def test_stop_ends_what_was_left_and_nothing_in_use(root: Path):
    """`stop` refuses while somebody works, and otherwise ends all that the state files name."""
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    state = State({"scheduler": Started("scheduler", left.pid, born(left.pid) or "")})
    state.write(ui_state(root))
    of_vin = subprocess.Popen(["sleep", "600"], start_new_session=True)
    state = State({"vin": Started("vin", of_vin.pid, born(of_vin.pid) or "")})
    state.write(vin_state(root, live=True))
    users = Lock(users_lock(root))
    users.take()
    with pytest.raises(LocalError, match="end it"):
        stop(root)
    assert left.poll() is None
    assert of_vin.poll() is None

    users.close()
    stop(root)
    left.wait()
    of_vin.wait(timeout=10)
    assert born(left.pid) is None
    assert not ui_state(root).exists()


def test_an_unreadable_state_file_is_none(root: Path):
    """A state file that is cut off or of another shape counts as no state."""
    stack_state(root).parent.mkdir()
    for content in ("{", "[]", json.dumps({"servers": {"x": {}}, "loaded": []})):
        stack_state(root).write_text(content)
        assert State.read(stack_state(root)) == State()

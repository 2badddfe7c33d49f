"""`make vin`: whom the service asks, where it keeps what it knows, and that nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local import vin as target
from local.localstack import ROOT
from local.processes import LocalError, clean_environment, end_groups
from local.state import State, stack_state, vin_state
from local.vin import REAL_VIN, run_vin, to_try
from local.vin_service import needs_local_apis, serves, service_environment

PROGRAM = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import local.__main__ as main
main.ROOT = Path.cwd()
sys.exit(main.main())
"""
# With these nothing but the service is started.
ALL_OWN = "LAKE_BUCKET=none\nVPIC_URL=http://127.0.0.1:9\n"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A checkout of its own; what a failed test leaves running in it is ended."""
    (tmp_path / "include").symlink_to(ROOT / "include")
    yield tmp_path
    for state in (vin_state(tmp_path, live=False), stack_state(tmp_path)):
        State.read(state).end_servers()


def test_each_source_has_a_cache_of_its_own(tmp_path: Path):
    """Made-up vehicles, real ones and those of an address that the user names never meet."""
    made_up = service_environment(tmp_path, {}, apis_url="http://a")
    live = service_environment(tmp_path, {})
    own = service_environment(tmp_path, {"VPIC_URL": "http://mine"})
    assert len({one["VIN_DB"] for one in (made_up, live, own)}) == 3
    assert (made_up["VPIC_URL"], made_up["RECALLS_API_URL"]) == ("http://a/api", "http://a")
    assert not {"VPIC_URL", "RECALLS_API_URL"} & live.keys()


@pytest.mark.parametrize("name", ["VIN_DB", "VPIC_URL", "RECALLS_API_URL", "VIN_UPSTREAM_CALLS"])
def test_what_the_user_sets_wins(tmp_path: Path, name: str):
    """A setting of the user's reaches the service as it is."""
    assert service_environment(tmp_path, {name: "mine"}, apis_url="http://a")[name] == "mine"


def test_an_own_vpic_needs_no_local_apis():
    """With a vPIC that the user names nothing is made up."""
    assert needs_local_apis({"RECALLS_API_URL": "http://mine"})
    assert not needs_local_apis({"VPIC_URL": "http://mine"})


def test_calls_to_try_show_no_key():
    """A key is named as a variable of the shell; real calls have a real VIN."""
    assert all('"X-API-Key: $VIN_API_KEY"' in line for line in to_try("u", made_up=True, key=True))
    assert not any("X-API-Key" in line for line in to_try("u", made_up=True, key=False))
    assert [REAL_VIN in line for line in to_try("u", made_up=False, key=False)] == [
        True,
        True,
        False,
        True,
    ]


def test_it_serves_until_it_is_ended(root: Path):
    """The calls that it shows work; Ctrl-C ends all that was started; a second one is refused."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "vin"],
        cwd=root,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shown:
        try:
            urls = []
            for line in shown.stdout or ():
                if line.startswith("  curl "):
                    urls.append(line.split()[-1])
                if len(urls) == 3:
                    break
            answers = [requests.get(url, timeout=30) for url in urls]
            with pytest.raises(LocalError, match="already at work"):
                run_vin(root, live=False)
            started = (
                State.read(vin_state(root, live=False)).servers
                | State.read(stack_state(root)).servers
            )
        finally:
            os.killpg(shown.pid, signal.SIGINT)
            shown.communicate()
    assert shown.returncode == 130
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json()["cached"] is False
    assert len(answers[1].json()["recalls"]) == 8
    assert answers[2].content.startswith(b"PAR1")
    assert len(started) == 3
    assert not any(server.alive() for server in started.values())
    assert not vin_state(root, live=False).exists()


def test_a_service_that_dies_ends_it(root: Path, monkeypatch):
    """The command fails with the end of the service's log, and leaves nothing running."""
    dies = "import sys; print('a corrupt setting'); sys.exit(3)"
    monkeypatch.setattr(target, "command", lambda _: [sys.executable, "-c", dies])
    (root / ".env").write_text(ALL_OWN)
    with pytest.raises(LocalError, match=r"ended with code 3 (.|\n)*a corrupt setting"):
        run_vin(root, live=False)
    assert not vin_state(root, live=False).exists()


def test_nothing_serves_where_nobody_listens():
    """An address without a server is not ready, rather than an error."""
    assert not serves("http://127.0.0.1:9")


def test_one_that_was_killed_is_ended_by_the_next(root: Path, monkeypatch):
    """The service that a killed `make vin` left behind does not stay beside the new one."""
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        started = target.Started("vin", left.pid, target.born(left.pid) or "")
        State({"vin": started}).write(vin_state(root, live=False))
        monkeypatch.setattr(target, "command", lambda _: [sys.executable, "-c", "pass"])
        (root / ".env").write_text(ALL_OWN)
        with pytest.raises(LocalError):
            run_vin(root, live=False)
        assert not started.alive()
    finally:
        end_groups([left.pid])

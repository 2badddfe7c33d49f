"""`make ui` starts and ends four programs; shell scripts replace Airflow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import ui
from local.processes import LocalError, clean_environment
from local.run import Connected
from local.stack import Stack
from local.state import Lock, State

HEALTHY = {part: {"status": "healthy"} for part in ui.PARTS}
# Like Airflow, each script has a child process.
STAYS = ("sh", "-c", "sleep 60 & wait")
SCHEDULER_DIES = ("sh", "-c", 'test "$0" = scheduler && exit 3; sleep 60 & wait')


@pytest.fixture(autouse=True)
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start only Airflow."""

    @contextmanager
    def no_servers(root: Path, *_: Any, **__: Any) -> Iterator[Connected]:
        with Stack(root, str).used() as stack:
            yield Connected(clean_environment(), stack)

    monkeypatch.setattr(ui, "connected", no_servers)
    monkeypatch.setattr(ui, "LOOK_EVERY_S", 0.05)
    yield
    State.read(tmp_path).end_servers(patience_s=0)


def group_exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_scheduler_starts_last_and_every_process_group_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A second start replaces the programs of a killed `make ui`."""
    seen: list[int] = []

    def health(_: str) -> dict[str, Any]:
        seen.append(len(ui.components(tmp_path)))
        return HEALTHY if len(seen) > 3 else {}

    monkeypatch.setattr(ui, "AIRFLOW", STAYS)
    monkeypatch.setattr(ui, "health", health)
    with Stack(tmp_path, str).used() as stack:
        ui.start_components(stack, clean_environment(), "http://127.0.0.1:9")
        servers = ui.components(tmp_path)
        assert seen[:4] == [3, 3, 3, 3]
        assert list(servers) == [
            *("Airflow's api-server", "Airflow's dag-processor"),
            *("Airflow's triggerer", "Airflow's scheduler"),
        ]
        assert all(server.alive() for server in servers.values())
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            ui.start_components(stack, clean_environment(), "http://127.0.0.1:9")
        assert not any(server.alive() for server in servers.values())
        servers |= ui.components(tmp_path)
    assert not [server for server in servers.values() if group_exists(server.pid)]


def test_dead_process_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    children: list[int] = []
    start = ui.start_group

    def start_and_record(*arguments: Any, **options: Any):
        child = start(*arguments, **options)
        children.append(child.pid)
        return child

    monkeypatch.setattr(ui, "start_group", start_and_record)
    monkeypatch.setattr(ui, "AIRFLOW", SCHEDULER_DIES)
    monkeypatch.setattr(ui, "health", lambda _: {"metadatabase": {}})
    with pytest.raises(LocalError, match=r"scheduler (has )?ended"):
        ui.run_ui(tmp_path)
    assert len(children) == 4
    assert not [child for child in children if group_exists(child)]


def test_second_ui_is_refused(tmp_path: Path):
    with Lock(tmp_path, "ui").take(), pytest.raises(LocalError, match="already running"):
        ui.run_ui(tmp_path)

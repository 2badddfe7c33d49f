"""`make ui` starts four programs and leaves none behind; stubs stand in for Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from local import ui
from local.processes import LocalError, clean_environment, end_groups, start_group
from local.run import Connected
from local.state import State, ui_state

# Each has a child of its own, as Airflow's have.
STAYS = ("sh", "-c", "sleep 60 & wait")
SCHEDULER_DIES = ("sh", "-c", 'test "$0" = scheduler && exit 3; sleep 60 & wait')


@pytest.fixture
def started(monkeypatch) -> Iterator[list[Popen[bytes]]]:
    """Every process that the code under test starts; what a failed test leaves is ended."""
    children: list[Popen[bytes]] = []

    def start_and_note(*arguments: Any, **options: Any) -> Popen[bytes]:
        children.append(start_group(*arguments, **options))
        return children[-1]

    monkeypatch.setattr(ui, "start_group", start_and_note)
    yield children
    end_groups([child.pid for child in children if group_exists(child.pid)])
    for child in children:
        child.wait()


def group_exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_end_ends_every_group(tmp_path: Path, started: list[Popen[bytes]], monkeypatch):
    """All four are written down as they start; after the end no process of them is left."""
    monkeypatch.setattr(ui, "AIRFLOW", STAYS)
    monkeypatch.setattr(ui, "_health", lambda _: {"metadatabase": {}})
    components = ui._Components(tmp_path)
    components.start(clean_environment(), 0)
    written = State.read(ui_state(tmp_path)).servers
    assert {name: one.pid for name, one in written.items()} == {
        name: child.pid for name, child in zip(ui.COMPONENTS, started, strict=True)
    }
    assert all(one.alive() for one in written.values())

    components.end()
    assert not [child.args for child in started if group_exists(child.pid)]
    assert not ui_state(tmp_path).exists()


def test_one_that_dies_takes_the_others_along(
    tmp_path: Path, started: list[Popen[bytes]], monkeypatch
):
    """The command fails with the name of the one that died, and leaves none of the others."""

    @contextmanager
    def connected(*_: Any, **__: Any) -> Iterator[Connected]:
        yield Connected(clean_environment(), "s3_bucket")

    monkeypatch.setattr(ui, "AIRFLOW", SCHEDULER_DIES)
    monkeypatch.setattr(ui, "_health", lambda _: {"metadatabase": {}})
    monkeypatch.setattr(ui, "connected", connected)
    with pytest.raises(LocalError, match="scheduler ended with code 3"):
        ui.run_ui(tmp_path)
    assert len(started) == len(ui.COMPONENTS)
    assert not [child.args for child in started if group_exists(child.pid)]


def test_the_scheduler_waits_for_the_api_server(
    tmp_path: Path, started: list[Popen[bytes]], monkeypatch
):
    """What the scheduler starts talks to the api-server: it comes when that answers."""
    there_when_asked: list[int] = []

    def health(_: int) -> dict[str, Any]:
        there_when_asked.append(len(started))
        return {"metadatabase": {}} if len(there_when_asked) == 2 else {}

    monkeypatch.setattr(ui, "AIRFLOW", STAYS)
    monkeypatch.setattr(ui, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(ui, "_health", health)
    components = ui._Components(tmp_path)
    components.start(clean_environment(), 0)
    components.end()
    assert there_when_asked == [3, 3]
    assert list(ui.COMPONENTS)[-1] == "scheduler"
    assert len(started) == 4

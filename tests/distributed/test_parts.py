"""What of the distributed run costs nothing to try: killing whole, and saying what lacks."""

import os
import shutil
from pathlib import Path

import pytest

from local.processes import LocalError, born, clean_environment
from tests.distributed import __main__ as distributed
from tests.distributed.parts import Parts, members_of


def test_a_killed_part_takes_its_tasks_with_it(tmp_path: Path) -> None:
    """A process that moved into a group of its own, as a worker's task does, is killed too."""
    with Parts(tmp_path) as parts:
        job = "set -m; sleep 600 & echo started; wait"  # -m: a group for each job
        parts.start("worker", ["bash", "-c", job], clean_environment())
        leader = parts.processes["worker"].pid
        parts.wait_until(lambda: "started" in parts.log("worker").read_text(), "the job")
        members = [pid for pid, _ in members_of(leader)]
        assert len({os.getpgid(pid) for pid in members}) == 2
        parts.kill("worker")
        assert not any(born(pid) for pid in members)
        assert not list(members_of(leader))


def test_a_part_that_dies_ends_the_wait_with_its_log(tmp_path: Path) -> None:
    """Nobody waits minutes for what has said why it is gone."""
    with Parts(tmp_path) as parts:
        parts.start("Redis", ["bash", "-c", "echo no such port; exit 3"], clean_environment())
        with pytest.raises(LocalError, match="code 3:\nno such port"):
            parts.wait_until(lambda: False, "Redis")


def test_what_lacks_is_one_line_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Redis nothing is started, and the exit code is 1."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("sys.argv", ["tests.distributed"])
    assert distributed.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install postgresql redis-server" in line

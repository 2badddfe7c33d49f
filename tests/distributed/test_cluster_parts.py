"""The cheap parts of the distributed test: killing processes and clear errors."""

import os
import shutil
from pathlib import Path

import pytest

from local.processes import LocalError, born, clean_environment
from tests.distributed import __main__ as distributed
from tests.distributed.parts import Parts, members_of


def test_kill_ends_every_process_of_the_part(tmp_path: Path) -> None:
    """Also a process in its own group, as a worker's task is."""
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


def test_wait_for_a_dead_part_raises_its_log(tmp_path: Path) -> None:
    with Parts(tmp_path) as parts:
        parts.start("Redis", ["bash", "-c", "echo no such port; exit 3"], clean_environment())
        with pytest.raises(LocalError, match="code 3:\nno such port"):
            parts.wait_until(lambda: False, "Redis")


def test_missing_program_is_one_line_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("sys.argv", ["tests.distributed"])
    assert distributed.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install postgresql redis-server" in line

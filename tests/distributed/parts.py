"""The parts of a cluster as processes; each leads a session and is killed with all of it.

The session identifies a worker's task processes, which have their own process groups.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from local.processes import POLL_S, LocalError, start_group, tail

READY_WITHIN_S = 180.0
TICKS_A_S = os.sysconf("SC_CLK_TCK")


class Parts:
    """Processes by name; leaving the block kills them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.cpu_spent_s: dict[str, float] = {}  # CPU seconds of killed parts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in [*self.processes]:
            self.kill(name)

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]
    ) -> None:
        self.add(name, start_group(command, environment, self.log(name), folder=self.home(name)))

    def add(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.processes[name] = process

    def home(self, name: str) -> Path:
        """Create the part's own folder."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return home

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait; raise an error if a part dies meanwhile."""
        give_up = time.monotonic() + READY_WITHIN_S
        while not ready():
            self.raise_if_any_died()
            if time.monotonic() > give_up:
                raise LocalError(f"{what} was not ready within {READY_WITHIN_S:.0f} s")
            time.sleep(POLL_S * 4)

    def raise_if_any_died(self) -> None:
        for name, process in self.processes.items():
            if (code := process.poll()) is not None:
                raise LocalError(f"{name} ended with code {code}:\n{tail(self.log(name))}")

    def kill(self, name: str) -> None:
        """Send SIGKILL to the part and its descendants, as when a machine loses power."""
        self.cpu_spent_s[name] = self.cpu_s()[name]
        process = self.processes.pop(name)
        while _signal(process.pid, signal.SIGKILL):
            process.poll()
            time.sleep(POLL_S)
        if process.stdin:
            process.stdin.close()

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the part and its descendants."""
        for _ in range(2):  # the second round reaches processes that started during the first
            _signal(self.processes[name].pid, number)

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each part so far, including its ended processes."""
        return self.cpu_spent_s | {
            name: sum(cpu_spent_s for _, cpu_spent_s in members_of(process.pid))
            for name, process in self.processes.items()
        }


def members_of(leader: int) -> Iterator[tuple[int, float]]:
    """Live processes of a session, each with its CPU seconds, ended children included."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, session = fields[0], int(fields[3])
        if session == leader and state not in "ZX":
            yield int(folder.name), sum(map(int, fields[11:15])) / TICKS_A_S


def _signal(leader: int, number: int) -> bool:
    """Signal every process of a session; return whether there was one."""
    members = [pid for pid, _ in members_of(leader)]
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(members)

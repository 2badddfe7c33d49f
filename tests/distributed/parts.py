"""The parts of a cluster as processes: each leads a session, and is ended or killed with all of it.

A worker's task processes have process groups of their own, so that the session is what tells whose
they are.
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
    """What was started, by name; leaving the block ends all of it, however it is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.spent_s: dict[str, float] = {}  # CPU seconds of those that were killed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # All that they hold is in the folder, which goes too: none needs time to end nicely.
        for name in [*self.processes]:
            self.kill(name)

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]
    ) -> None:
        self.adopt(name, start_group(command, environment, self.log(name), folder=self.home(name)))

    def adopt(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.processes[name] = process

    def home(self, name: str) -> Path:
        """A folder for each part alone, as on a machine of its own."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return home

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait, and complain of the first part that dies meanwhile."""
        give_up = time.monotonic() + READY_WITHIN_S
        while not ready():
            self.complain_of_the_dead()
            if time.monotonic() > give_up:
                raise LocalError(f"{what} was not ready within {READY_WITHIN_S:.0f} s")
            time.sleep(POLL_S * 4)

    def complain_of_the_dead(self) -> None:
        for name, process in self.processes.items():
            if (code := process.poll()) is not None:
                raise LocalError(f"{name} ended with code {code}:\n{tail(self.log(name))}")

    def kill(self, name: str) -> None:
        """SIGKILL to the part and to all that it has started, as when a machine loses its power."""
        self.spent_s[name] = self.cpu_s()[name]
        process = self.processes.pop(name)
        while _signal(process.pid, signal.SIGKILL):
            process.poll()
            time.sleep(POLL_S)
        if process.stdin:
            process.stdin.close()

    def signal(self, name: str, number: int) -> None:
        """To the part and to all that it has started."""
        for _ in range(2):  # also to what was started while the first round was under way
            _signal(self.processes[name].pid, number)

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each part so far, its ended processes included."""
        return self.spent_s | {
            name: sum(spent_s for _, spent_s in members_of(process.pid))
            for name, process in self.processes.items()
        }


def members_of(leader: int) -> Iterator[tuple[int, float]]:
    """The living processes of a session, with the CPU seconds of each and its ended children."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, session = fields[0], int(fields[3])
        if session == leader and state not in "ZX":
            yield int(folder.name), sum(map(int, fields[11:15])) / TICKS_A_S


def _signal(leader: int, number: int) -> bool:
    """Whether there was anyone to be signalled."""
    members = [pid for pid, _ in members_of(leader)]
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(members)

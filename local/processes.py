"""Child processes in groups of their own: start, find again, and end only what we started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

POLL_S = 0.05
READY_WITHIN_S = 60.0
# What a program needs to run at all; everything else of the user's shell stays out of servers.
HARMLESS = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT")


class LocalError(Exception):
    """Something on this laptop is in the way: one line that says what, and what to do."""


class Misuse(LocalError):
    """The command was asked for something that it cannot do."""


@dataclass(frozen=True)
class Started:
    """A process that leads its own group. A pid alone may be reused; with its birth it is ours."""

    name: str
    pid: int
    born: str
    url: str = ""

    def alive(self) -> bool:
        return born(self.pid) == self.born


def born(pid: int) -> str | None:
    """When this process started, in whatever unit the system has; None when it is not running."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state, *fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else fields[18]
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def tell(line: str, stream: TextIO) -> None:
    """Print a line for whoever is there; a terminal that was closed stops nobody."""
    with contextlib.suppress(OSError):
        print(line, file=stream, flush=True)


def clean_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in HARMLESS if name in os.environ}


def free_port(preferred: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on now: the preferred one if it can be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_group(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    log: Path,
    *,
    folder: Path,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a new session, its output in a log of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            cwd=folder,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(
    ready: Callable[[], bool], name: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    give_up = time.monotonic() + READY_WITHIN_S
    while not ready():
        if (code := process.poll()) is not None:
            why = f"ended with code {code} while starting"
        elif time.monotonic() > give_up:
            why = f"was not ready within {READY_WITHIN_S:.0f} s"
        else:
            time.sleep(POLL_S)
            continue
        raise LocalError(f"{name} {why}; its log, {log}, ends with:\n{tail(log)}")


def end_groups(leaders: Collection[int], patience_s: float = 5.0) -> None:
    """Ask these groups to end, all at once, and insist where asking did not help."""
    waiting = {pid for pid in leaders if _signalled(pid, signal.SIGTERM)}
    give_up = time.monotonic() + patience_s
    while waiting and time.monotonic() < give_up:
        time.sleep(POLL_S)
        waiting = {pid for pid in waiting if _group_exists(pid)}
    for pid in waiting:
        _signalled(pid, signal.SIGKILL)
    while any(_group_exists(pid) for pid in waiting):
        time.sleep(POLL_S)


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _signalled(pid: int, number: int) -> bool:
    """Whether the group was there to be signalled. A zombie's group is not, on some systems."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _group_exists(pid: int) -> bool:
    # A leader that is our child stays as a zombie until it is waited for; others' are theirs.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return _signalled(pid, 0)

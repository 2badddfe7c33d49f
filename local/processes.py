"""Child processes in groups of their own: start them, find them again, end only ours."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

POLL_S = 0.05
READY_WITHIN_S = 180.0
SILENCE_S = 10.0
ANSWER_WITHIN_S = 5.0
# What a program needs to run at all; everything else of the user's shell stays out of servers.
HARMLESS = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT")
Say = Callable[[str], None]


class LocalError(Exception):
    """Something on this laptop is in the way: one line that says what, and what to do."""


class Misuse(LocalError):
    """The command was asked for something that it cannot do."""


def tell(line: str) -> None:
    """Print a line to standard error; a terminal that was closed does not stop the program."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def stopwatch() -> Say:
    """Prints a line with the seconds since the start before it, to standard error."""
    begun = time.monotonic()
    return lambda line: tell(f"{time.monotonic() - begun:6.1f} s  {line}")


def clean_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in HARMLESS if name in os.environ}


def free_port(preferred: int = 0) -> int:
    """A port of 127.0.0.1 that is free now: the preferred one if possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, body: Any = None, method: str = "GET") -> tuple[int, bytes] | None:
    """Status and body of a local server's answer, past any proxy; None without an answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=ANSWER_WITHIN_S
    )
    try:
        written = None if body is None else json.dumps(body)
        connection.request(method, address.path, written, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def start_group(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    log: Path,
    *,
    folder: Path,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a new session, with its output in its own log."""
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
    ready: Callable[[], bool],
    name: str,
    process: subprocess.Popen[bytes],
    log: Path,
    say: Say = lambda _: None,
) -> None:
    begun = said = time.monotonic()
    while not ready():
        if (code := process.poll()) is not None:
            raise LocalError(f"{name} ended with code {code} while starting; {end_of(log)}")
        if time.monotonic() > begun + READY_WITHIN_S:
            raise LocalError(f"{name} was not ready within {READY_WITHIN_S:.0f} s; {end_of(log)}")
        if time.monotonic() > said + SILENCE_S:
            said = time.monotonic()
            say(f"still waiting for {name} ...")
        time.sleep(POLL_S)


def end_groups(leaders: Collection[int], patience_s: float = 5.0) -> None:
    """Ask these groups to end, all at once; kill those that do not."""
    waiting = {pid for pid in leaders if _signal(pid, signal.SIGTERM)}
    give_up = time.monotonic() + patience_s
    while waiting and time.monotonic() < give_up:
        time.sleep(POLL_S)
        waiting = {pid for pid in waiting if _group_exists(pid)}
    for pid in waiting:
        _signal(pid, signal.SIGKILL)
    while any(_group_exists(pid) for pid in waiting):
        time.sleep(POLL_S)


def born(pid: int) -> str | None:
    """When this process started, in the system's own unit; None when it is not running."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def end_of(log: Path) -> str:
    return f"its log, {log}, ends with:\n{tail(log)}"


def _signal(pid: int, number: int) -> bool:
    """Whether the group was there. A zombie's group is not, on some systems."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _group_exists(pid: int) -> bool:
    # A leader that is our child stays a zombie until it is waited for.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return _signal(pid, 0)

"""What runs for this checkout, and who uses it: one state file and a few locks in `.local/`.

The kernel drops a lock when its last holder is gone, however it went, so none is ever left over.
Only the standard library: `make clean` needs this module when nothing else is left.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.processes import LocalError, Started, end_groups


@dataclass
class State:
    servers: dict[str, Started] = field(default_factory=dict)
    # Buckets into which all of their folder was loaded: only these may be mirrored back.
    loaded: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> State:
        """What the state file says; servers may have ended since."""
        try:
            written = json.loads(path.read_bytes())
            servers = {name: Started(**server) for name, server in written["servers"].items()}
            return cls(servers, list(written["loaded"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return cls()

    def end_servers(self, patience_s: float = 15.0) -> None:
        end_groups([one.pid for one in self.servers.values() if one.alive()], patience_s)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=1))
        temporary.replace(path)


class Lock:
    """A lock file. Child processes that inherit `number` hold it too, until they end."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def take(self, kind: int = fcntl.LOCK_EX) -> None:
        fcntl.flock(self.number, kind)

    def take_if_free(self, kind: int = fcntl.LOCK_EX) -> bool:
        try:
            fcntl.flock(self.number, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self.number, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self.number)


@contextmanager
def locked(path: Path) -> Iterator[Lock]:
    lock = Lock(path)
    try:
        lock.take()
        yield lock
    finally:
        lock.close()


def stack_state(root: Path) -> Path:
    return root / ".local" / "stack.json"


def ui_state(root: Path) -> Path:
    return root / ".local" / "ui.json"


def vin_state(root: Path, *, live: bool) -> Path:
    return root / ".local" / ("vin-live.json" if live else "vin.json")


def users_lock(root: Path) -> Path:
    return root / ".local" / "users.lock"


def stop(root: Path) -> None:
    """End what a killed target left running, and nothing that is in use."""
    users = Lock(users_lock(root))
    try:
        if not users.take_if_free():
            raise LocalError(
                "a run, `make ui` or `make vin` of this checkout is at work; "
                "end it (Ctrl-C), then try again"
            )
        of_vin = (vin_state(root, live=live) for live in (False, True))
        for path in (ui_state(root), *of_vin, stack_state(root)):
            State.read(path).end_servers()
            path.unlink(missing_ok=True)
    finally:
        users.close()

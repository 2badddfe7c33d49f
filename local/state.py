"""What runs for this checkout and who uses it: one state file and a few locks in `.local/`.

The kernel drops a lock when its last holder is gone, so none is ever left over.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from local.processes import LocalError, born, end_groups


@dataclass(frozen=True)
class Server:
    """A running process that leads its group. A pid may be reused; with its birth it is ours."""

    pid: int
    born: str
    url: str = ""
    knows: str = ""  # addresses of other servers that it was started with

    def alive(self) -> bool:
        return born(self.pid) == self.born


@dataclass
class State:
    servers: dict[str, Server] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)  # buckets that hold all of their folder

    @classmethod
    def read(cls, root: Path) -> State:
        """What the state file says; servers may have ended since."""
        try:
            written = json.loads(state_file(root).read_bytes())
            servers = {name: Server(**server) for name, server in written["servers"].items()}
            return cls(servers, list(written["loaded"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, root: Path) -> None:
        path = state_file(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=1))
        temporary.replace(path)

    def end_servers(self, patience_s: float = 15.0) -> None:
        end_groups([one.pid for one in self.servers.values() if one.alive()], patience_s)


class Lock:
    """A lock file. Child processes that inherit `number` hold it too, until they end."""

    def __init__(self, root: Path, name: str) -> None:
        path = root / ".local" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def take(self, *, shared: bool = False) -> Self:
        fcntl.flock(self.number, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        return self

    def release(self) -> None:
        fcntl.flock(self.number, fcntl.LOCK_UN)

    def take_if_free(self) -> bool:
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def state_file(root: Path) -> Path:
    return root / ".local" / "stack.json"


def stop(root: Path) -> None:
    """End what a killed target left running, and nothing that is in use."""
    with Lock(root, "users") as users:
        if not users.take_if_free():
            raise LocalError(
                "another make target of this checkout is running; end it (Ctrl-C), then try again"
            )
        State.read(root).end_servers()
        state_file(root).unlink(missing_ok=True)


if __name__ == "__main__":  # for `make clean`, where not all packages may be installed
    try:
        stop(Path.cwd())
    except LocalError as error:
        sys.exit(f"error: {error}")

"""The local S3 and the other servers of a checkout, shared by the make targets that run.

Each target holds a shared lock. One that leaves mirrors the buckets; the last one also ends the
servers. A target that was killed leaves them running: the next one finds them in the state file.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from include.lake.connect import connect
from include.lake.store import StoreError
from local import mirror
from local.environment import FOLDERS, local_lake, read_environment
from local.processes import (
    POLL_S,
    LocalError,
    Say,
    ask,
    born,
    clean_environment,
    end_groups,
    end_of,
    free_port,
    start_group,
    wait_until,
)
from local.s3_engine import S3, chosen_engine, log_of, s3_runs, start_s3
from local.state import Lock, Server, State, state_file

FAKES = "the fake APIs"
ANSWERS_WITHIN_S = 10.0
Start = Callable[[], tuple[subprocess.Popen[bytes], str]]


@dataclass(frozen=True)
class Program:
    """A server: how it is started, how it is asked for a sign of life, what others it knows."""

    name: str
    start: Start
    answers: Callable[[str], bool]
    log: Path
    knows: str = ""


class Stack:
    """`urls` has the address of each server in use, by its name."""

    def __init__(self, root: Path, say: Say) -> None:
        self.root = root
        self.say = say
        self.urls: dict[str, str] = {}
        self.s3_url = ""  # of the local S3; none where the user names a lake
        self._s3_folder = root / ".local" / "s3"

    @contextmanager
    def used(self, *, bucket: str = "", fakes: bool = False) -> Iterator[Stack]:
        """Use the local S3 with this bucket loaded, and the fake APIs, as far as asked for."""
        wanted = []
        if bucket:
            start = partial(start_s3, self._s3_folder, chosen_engine(read_environment(self.root)))
            wanted.append(Program(S3, start, s3_runs, log_of(self._s3_folder)))
        if fakes:
            own = clean_environment()
            wanted.append(python_server(self.root, FAKES, "fakes", "/_control", own))
        with Lock(self.root, "users").take(shared=True) as users:
            try:
                self.use(*wanted)
                if bucket:
                    self.s3_url = self.urls[S3]
                    self._load(bucket)
                yield self
            finally:
                self._leave(users)

    def use(self, *programs: Program) -> None:
        """Find these servers running, or start them side by side."""
        started = []
        with Lock(self.root, "stack").take():
            state, begun = State.read(self.root), time.monotonic()
            for program in programs:
                server = state.servers.get(program.name)
                if server and server.knows == program.knows and _answers_soon(program, server):
                    self.say(f"found {program.name} on {urlsplit(server.url).netloc}")
                else:
                    started.append((program, self._start(state, program)))
                self.urls[program.name] = state.servers[program.name].url
            if started:
                self.say(f"starting {' and '.join(program.name for program, _ in started)} ...")
            for program, child in started:
                url = self.urls[program.name]
                ready = partial(program.answers, url)
                wait_until(ready, program.name, child, program.log, self.say)
                took = time.monotonic() - begun
                self.say(f"{program.name} up on {urlsplit(url).netloc} ({took:.1f} s)")

    def _start(self, state: State, program: Program) -> subprocess.Popen[bytes]:
        """Start a program in the place of one that was left."""
        server = state.servers.get(program.name)
        if server and server.alive():
            end_groups([server.pid])
        if program.name == S3:
            state.loaded.clear()
        child, url = program.start()
        state.servers[program.name] = Server(child.pid, born(child.pid) or "", url, program.knows)
        state.write(self.root)  # before it is ready: if we are killed now, the next one finds it
        return child

    def _load(self, bucket: str) -> None:
        with Lock(self.root, "stack").take():
            state = State.read(self.root)
            if bucket in state.loaded:
                return
            folder = self.root / FOLDERS[bucket]
            with _explaining(f"could not load {folder} into s3://{bucket}"):
                ask(f"{self.s3_url}/{bucket}", method="PUT")
                loaded = mirror.load(connect(local_lake(bucket, self.s3_url)), folder)
            state.loaded.append(bucket)
            state.write(self.root)
            if loaded:
                self.say(f"{loaded} files of {folder.name}/ put back into s3://{bucket}")

    def _leave(self, users: Lock) -> None:
        """Mirror all that is loaded, and end the servers when no other target uses them."""
        with Lock(self.root, "stack").take():
            state = State.read(self.root)
            s3 = state.servers.get(S3)
            died = bool(s3 and state.loaded and not s3.alive())
            if s3 and not died:
                for bucket in state.loaded:
                    self._mirror(s3.url, bucket)
            users.release()
            if users.take_if_free():
                state.end_servers(patience_s=1)  # what they held is mirrored
                state_file(self.root).unlink(missing_ok=True)
        if died:
            end = end_of(log_of(self._s3_folder))
            raise LocalError(f"{S3} has died; the folder is as after the last run; {end}")

    def _mirror(self, url: str, bucket: str) -> None:
        folder = self.root / FOLDERS[bucket]
        with _explaining(
            f"could not mirror s3://{bucket} to {folder}. Its server keeps running, so nothing is "
            "lost: correct the cause, then run again. The cause"
        ):
            saved = mirror.save(connect(local_lake(bucket, url)), folder)
        if saved.copied or saved.deleted:
            self.say(
                f"s3://{bucket} mirrored to {folder.name}/: "
                f"{saved.total} files, {saved.copied} copied, {saved.deleted} deleted"
            )


def python_server(
    root: Path,
    name: str,
    module: str,
    health: str,
    environment: Mapping[str, str],
    *,
    port: int = 0,
    knows: str = "",
) -> Program:
    """A server of this project, started by its module's name; it is ready when `health` is."""
    log = root / ".local" / "logs" / f"{module.rpartition('.')[2]}.log"

    def start() -> tuple[subprocess.Popen[bytes], str]:
        chosen = free_port(port)
        command = [sys.executable, "-m", module, "--port", str(chosen)]
        ours = {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
        child = start_group(command, {**environment, **ours}, log, folder=root)
        return child, f"http://127.0.0.1:{chosen}"

    def answers(url: str) -> bool:
        answer = ask(f"{url}{health}")
        return answer is not None and answer[0] == HTTPStatus.OK

    return Program(name, start, answers, log, knows)


def _answers_soon(program: Program, server: Server) -> bool:
    """A server that was left while it was starting gets some time."""
    give_up = time.monotonic() + ANSWERS_WITHIN_S
    while server.alive() and time.monotonic() < give_up:
        if program.answers(server.url):
            return True
        time.sleep(POLL_S)
    return False


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    try:
        yield
    except (LocalError, OSError, StoreError) as error:
        raise LocalError(f"{what}: {error}") from error

"""LocalStack, the local APIs and the VIN service of a checkout, shared by all that run at a time.

Whoever uses them holds a shared lock. Who leaves mirrors the bucket; who leaves last also ends the
servers. A target that was killed leaves them running: the next one finds them by the state file
and goes on with them, so that what LocalStack held is not lost.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.first.copying import REQUESTS_AT_ONCE
from local import mirror
from local.lake_settings import LOCAL_KEY, LOCAL_REGION
from local.localstack import keep_catalogue, log_of, s3_runs, start_localstack
from local.processes import (
    POLL_S,
    LocalError,
    Started,
    born,
    clean_environment,
    end_groups,
    free_port,
    start_group,
    tail,
    wait_until,
)
from local.state import Lock, State, locked, stack_state, users_lock
from local.vin_service import VIN_SERVICE, command, serves, service_environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCALSTACK = "LocalStack"
LOCAL_APIS = "the local APIs"
FOLDERS = {"headwaters": "s3_bucket", "headwaters-live": "s3_bucket_live"}
LOGS = {LOCAL_APIS: "local_apis.log", VIN_SERVICE: "vin_service.log"}
ANSWERS_WITHIN_S = 10.0
Say = Callable[[str], None]


class LocalStackDied(LocalError):
    """What it held since the last mirror is lost; there is nothing left to keep running."""


@dataclass(frozen=True)
class Addresses:
    """Where the servers are; empty for one that was not asked for."""

    localstack_url: str
    apis_url: str
    vin_url: str


class Stack:
    def __init__(self, root: Path, say: Say) -> None:
        self.root = root
        self.say = say
        self.folder = root / ".local"
        self.state_file = stack_state(root)
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def used(
        self,
        *,
        bucket: str = "",
        local_apis: bool = False,
        vin_settings: Mapping[str, str] | None = None,
    ) -> Iterator[Addresses]:
        """Use LocalStack, with this bucket loaded, and the servers, as far as asked for.

        The VIN service is asked for by its settings, which the others' addresses complete.
        """
        users = Lock(users_lock(self.root))
        try:
            users.take(fcntl.LOCK_SH)
            with locked(self.folder / "start.lock"):
                addresses = self._started(bucket, local_apis=local_apis)
                if vin_settings is not None:
                    addresses = self._with_vin_service(addresses, vin_settings, bucket)
            yield addresses
        finally:
            try:
                self._leave(users, bucket)
            finally:
                users.close()

    def _started(self, bucket: str, *, local_apis: bool) -> Addresses:
        state = State.read(self.state_file)
        begun = time.monotonic()
        # Both are started before either is waited for: each takes seconds.
        if bucket:
            self._start_unless_it_answers(state, LOCALSTACK)
        if local_apis:
            self._start_unless_it_answers(state, LOCAL_APIS)
        for name, child in self.children.items():
            server = state.servers[name]
            wait_until(partial(_answers, server), name, child, self._log(name))
            if name == LOCALSTACK:
                keep_catalogue(self.folder / "localstack")
            took = time.monotonic() - begun
            self.say(f"{name} up on {urlsplit(server.url).netloc} ({took:.1f} s)")
        if bucket and bucket not in state.loaded:
            self._load(bucket, state)
        return Addresses(
            localstack_url=state.servers[LOCALSTACK].url if bucket else "",
            apis_url=state.servers[LOCAL_APIS].url if local_apis else "",
            vin_url="",
        )

    def _with_vin_service(
        self, others: Addresses, settings: Mapping[str, str], bucket: str
    ) -> Addresses:
        """Started last: it is told where the others are, so one that knew others is of no use."""
        state = State.read(self.state_file)
        environment = service_environment(
            self.root,
            settings,
            bucket=bucket,
            localstack_url=others.localstack_url,
            apis_url=others.apis_url,
        )
        found = state.servers.get(VIN_SERVICE)
        if found and found.alive():
            if not self.children and serves(found.url):
                self.say(f"{VIN_SERVICE} found running on {urlsplit(found.url).netloc}")
                return replace(others, vin_url=found.url)
            end_groups([found.pid])
        port = free_port()
        begun, log, url = time.monotonic(), self._log(VIN_SERVICE), f"http://127.0.0.1:{port}"
        child = start_group(command(port), environment, log, folder=self.root)
        self._note(state, VIN_SERVICE, child, url)
        wait_until(partial(serves, url), VIN_SERVICE, child, log)
        self.say(f"{VIN_SERVICE} up on 127.0.0.1:{port} ({time.monotonic() - begun:.1f} s)")
        return replace(others, vin_url=url)

    def _start_unless_it_answers(self, state: State, name: str) -> None:
        found = state.servers.get(name)
        if found and found.alive():
            if _answers_soon(found):
                self.say(f"{name} found running on {urlsplit(found.url).netloc}")
                return
            end_groups([found.pid])
        if name == LOCALSTACK:
            state.loaded.clear()
            shutil.rmtree(self.folder / "localstack" / "tmp", ignore_errors=True)
            child, url = start_localstack(self.folder / "localstack")
        else:
            child, url = self._start_apis()
        self._note(state, name, child, url)

    def _note(self, state: State, name: str, child: subprocess.Popen[bytes], url: str) -> None:
        self.children[name] = child
        state.servers[name] = Started(name, child.pid, born(child.pid) or "", url)
        # Written before it is ready: if we are killed now, the next one finds it.
        state.write(self.state_file)

    def _start_apis(self) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        environment = clean_environment() | {"PYTHONPATH": str(self.root), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "fakes", "--port", str(port)]
        child = start_group(command, environment, self._log(LOCAL_APIS), folder=self.root)
        return child, f"http://127.0.0.1:{port}"

    def _load(self, bucket: str, state: State) -> None:
        folder = self.root / FOLDERS[bucket]
        with _told(f"could not load {folder} into LocalStack"):
            moved = mirror.load(_s3(state), bucket, folder)
        state.loaded.append(bucket)
        state.write(self.state_file)
        if moved.copied:
            self.say(f"{moved.copied} files of {folder.name}/ put back into s3://{bucket}")

    def _leave(self, users: Lock, bucket: str) -> None:
        """Mirror the bucket, and end the servers when nobody else uses them."""
        mirrored = not bucket
        while True:
            users.release()
            if users.take_if_free():
                break
            if mirrored:
                return  # whoever still uses the servers will end them
            users.take(fcntl.LOCK_SH)
            self._mirror(lambda loaded: loaded == bucket)
            mirrored = True
        try:
            self._mirror(lambda _: True)  # also what a killed target has left
        except LocalStackDied:
            self._end_servers()
            raise
        self._end_servers()

    def _end_servers(self) -> None:
        # What they hold is mirrored, so they need no time to end nicely.
        State.read(self.state_file).end_servers(patience_s=1)
        self.state_file.unlink(missing_ok=True)
        for child in self.children.values():
            child.poll()

    def _mirror(self, wanted: Callable[[str], bool]) -> None:
        with locked(self.folder / "mirror.lock"):
            state = State.read(self.state_file)
            for bucket in filter(wanted, state.loaded):
                folder = self.root / FOLDERS[bucket]
                if not state.servers[LOCALSTACK].alive():
                    raise LocalStackDied(
                        f"LocalStack has died; {folder} is as after the last run. Its log, "
                        f"{self._log(LOCALSTACK)}, ends with:\n{tail(self._log(LOCALSTACK))}"
                    )
                with _told(
                    f"could not mirror s3://{bucket} to {folder}. LocalStack keeps running, so "
                    "nothing is lost: mend the cause, then run again. The cause"
                ):
                    moved = mirror.save(_s3(state), bucket, folder)
                self.say(
                    f"s3://{bucket} mirrored to {folder.name}/: "
                    f"{moved.total} files, {moved.copied} copied, {moved.deleted} deleted"
                )

    def _log(self, name: str) -> Path:
        if name == LOCALSTACK:
            return log_of(self.folder / "localstack")
        return self.folder / "logs" / LOGS[name]


def _s3(state: State) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=state.servers[LOCALSTACK].url,
        region_name=LOCAL_REGION,
        aws_access_key_id=LOCAL_KEY,
        aws_secret_access_key=LOCAL_KEY,
        config=Config(proxies={}, max_pool_connections=REQUESTS_AT_ONCE),
    )


def _answers_soon(server: Started) -> bool:
    """A server that was left while it was starting gets some time."""
    give_up = time.monotonic() + ANSWERS_WITHIN_S
    while not (answers := _answers(server)) and time.monotonic() < give_up:
        time.sleep(POLL_S)
    return answers


def _answers(server: Started) -> bool:
    if server.name == LOCALSTACK:
        return s3_runs(server.url)
    address = urlsplit(server.url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (LocalError, OSError, ClientError, BotoCoreError) as error:
        raise LocalError(f"{what}: {error}") from error

"""`make vin`: the VIN service on 127.0.0.1 until Ctrl-C, on the local replica or the real vPIC."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from fakes.model_recalls import sample_vins
from local.environment import has_own_lake, read_environment
from local.processes import (
    LocalError,
    Started,
    born,
    end_groups,
    free_port,
    start_group,
    tail,
    wait_until,
)
from local.run import BUCKET, LIVE_BUCKET, OWN_LAKE, stopwatch
from local.stack import Stack
from local.state import Lock, State, vin_state
from local.vin_service import (
    VIN_SERVICE,
    command,
    needs_local_apis,
    serves,
    service_environment,
)

PREFERRED_PORT = 8090
LOOK_EVERY_S = 0.5
PATIENCE_S = 10.0
ROWS, SEED = 30_000, 1  # of the fakes that the stack starts
REAL_VIN = "3VV3B7AXXNM077525"
Say = Callable[[str], None]


def run_vin(root: Path, *, live: bool) -> int:
    say = stopwatch()
    state_file = vin_state(root, live=live)
    lock = Lock(state_file.with_suffix(".lock"))
    try:
        if not lock.take_if_free():
            target = "make vin LIVE=1" if live else "make vin"
            at = State.read(state_file).servers.get(VIN_SERVICE)
            where = f" on {at.url}" if at else ""
            raise LocalError(
                f"`{target}` of this checkout is already at work{where}; end it with Ctrl-C"
            )
        State.read(state_file).end_servers()  # of one that was killed
        settings = read_environment(root)
        own_lake = has_own_lake(settings)
        if own_lake:
            say(OWN_LAKE)
        bucket = "" if own_lake else LIVE_BUCKET if live else BUCKET
        local_apis = not live and needs_local_apis(settings)
        with Stack(root, say).used(bucket=bucket, local_apis=local_apis) as addresses:
            environment = service_environment(
                root,
                settings,
                bucket=bucket,
                localstack_url=addresses.localstack_url,
                apis_url=addresses.apis_url,
            )
            _serve(root, environment, state_file, say, made_up=local_apis)
    finally:
        lock.close()
    return 1


def _serve(
    root: Path, environment: Mapping[str, str], state_file: Path, say: Say, *, made_up: bool
) -> None:
    """Serve until the service dies, which is an error, or until somebody ends this."""
    port = free_port(PREFERRED_PORT)
    url = f"http://127.0.0.1:{port}"
    log = root / ".local" / "logs" / f"{state_file.stem}.log"
    child = start_group(command(port), environment, log, folder=root)
    try:
        started = Started(VIN_SERVICE, child.pid, born(child.pid) or "", url)
        State({VIN_SERVICE: started}).write(state_file)
        wait_until(partial(serves, url), VIN_SERVICE, child, log)
        say(f"{VIN_SERVICE} is ready on {url}; Ctrl-C ends all of it")
        say(f"its log is {os.path.relpath(log)}")
        if port != PREFERRED_PORT:
            say(f"port {PREFERRED_PORT} is in use, so it took a free one")
        calls = to_try(url, made_up=made_up, key="VIN_API_KEY" in environment)
        print("", *calls, "", sep="\n", flush=True)
        while (code := child.poll()) is None:
            time.sleep(LOOK_EVERY_S)
        raise LocalError(
            f"{VIN_SERVICE} ended with code {code}; its log, {log}, ends with:\n{tail(log)}"
        )
    finally:
        end_groups([child.pid], PATIENCE_S)
        child.poll()
        state_file.unlink(missing_ok=True)
        say(f"{VIN_SERVICE} has ended")


def to_try(url: str, *, made_up: bool, key: bool) -> list[str]:
    """Three calls that have something to show; a key is named in them, and not shown."""
    found = recalled = REAL_VIN
    if made_up:
        recalled, *_, found = sample_vins(ROWS, SEED)
    curl = """  curl -H "X-API-Key: $VIN_API_KEY" """ if key else "  curl "
    return [
        f"{curl}{url}/lookup/{found}",
        f"{curl}{url}/recalls/{recalled}",
        f"{curl}-o vehicles.parquet {url}/export",
        *([] if key else [f"  or in a browser: {url}/?vins={recalled}"]),
    ]

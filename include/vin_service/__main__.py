"""Serve VINs: `python -m include.vin_service --host 127.0.0.1 --port 8090 --workers 1`."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import signal
import socket
import sys
import threading
from ipaddress import ip_address
from logging.config import dictConfig
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from include.errors import PermanentError
from include.vin_service.cache import Cache
from include.vin_service.heads import BoundedHeads
from include.vin_service.settings import Settings

# Docker waits ten seconds before it kills; a download that is under way is cut before that.
LAST_ANSWERS_S = 8
LAST_PORT = 65_535
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "include.vin_service.guard.JsonLines"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "root": {"level": "WARNING", "handlers": ["stdout"]},
    "loggers": {"headwaters.vin": {"level": "INFO"}},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m include.vin_service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="others need VIN_API_KEY to be set")
    parser.add_argument("--port", type=int, default=8090, help="0 means any that is free")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port")
    asked = parser.parse_args()
    if asked.workers < 1 or not 0 <= asked.port <= LAST_PORT:
        parser.error(f"workers are 1 or more, and a port is 0 to {LAST_PORT}")

    # Each worker takes its share of the limits.
    os.environ["VIN_WORKERS"] = str(asked.workers)
    try:
        settings = Settings.from_environment()
        listener = listening(asked.host, asked.port, has_key=settings.api_key is not None)
        # Said once and here, rather than by each worker as a traceback.
        dictConfig(LOGGING)
        Cache.open(settings.db).close()
    except PermanentError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    with listener:
        threading.Thread(target=say_when_ready, args=[listener], daemon=True).start()
        sys.exit(serve(listener, asked.workers))


def listening(host: str, port: int, *, has_key: bool) -> socket.socket:
    """A socket that queues connections already: who connects waits until a worker is there."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise PermanentError(
            f"there is no host {host!r}; give --host an address of this one"
        ) from None
    family, _, _, _, address = found[0]
    if not (ip_address(address[0]).is_loopback or has_key):
        raise PermanentError(
            f"{host} can be reached from other machines: set VIN_API_KEY, or use --host 127.0.0.1"
        )
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        why = os.strerror(error.errno or 0)
        raise PermanentError(
            f"port {port} of {host} cannot be used: {why}; give another --port"
        ) from None
    return listener


def say_when_ready(listener: socket.socket) -> None:
    """Ask the service itself: the first answer of any worker means that it serves."""
    host, port = listener.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if listener.family == socket.AF_INET6 else "127.0.0.1"
    try:
        with contextlib.closing(http.client.HTTPConnection(host, port)) as asking:
            asking.request("GET", "/healthz")
            asking.getresponse()
    except (OSError, http.client.HTTPException):
        return  # it was ended while it started
    print(f"ready http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def serve(listener: socket.socket, workers: int) -> int:
    """Serve until told to end; returns the exit code."""
    config = uvicorn.Config(
        "include.vin_service.app:from_environment",
        factory=True,
        workers=workers,
        loop="uvloop",
        http=BoundedHeads,
        ws="none",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_ANSWERS_S,
    )
    # Uvicorn ends in good order and then raises the signal once more: that is no failure.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: None)
    if workers > 1:
        supervisor = Multiprocess(config, [listener])
        supervisor.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
        return STARTUP_FAILURE if failed else 0
    uvicorn.Server(config).run([listener])
    return 0


if __name__ == "__main__":
    main()

"""Serve VINs: `python -m include.vin_service --host 127.0.0.1 --port 8090`."""

import argparse
import json
import logging
import os
import resource
import signal
import socket
import sys
from datetime import UTC, datetime
from ipaddress import ip_address

import uvicorn

from include.errors import PermanentError
from include.lake.connect import connect
from include.vin_service.app import create_app
from include.vin_service.settings import read_settings

MAX_CONNECTIONS = 500
MAX_HEAD_BYTES = 65_536
LAST_ANSWERS_S = 5  # Docker kills after ten seconds, and vPIC may take longer
ONE_PROCESS = (
    "the service is one process, which is enough: a cached lookup costs little, and lookups of one "
    "VIN share a call; leave --workers out\n"
)


class JsonLines(logging.Formatter):
    """One JSON object per line. A line about a request has no query, header or body."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"time": moment}
        if record.name == "uvicorn.access" and isinstance(record.args, tuple):
            _, method, target, _, status = record.args
            path = str(target).partition("?")[0][:200]
            line |= {"method": method, "path": path, "status": status}
        else:
            line |= {"level": record.levelname, "message": record.getMessage().strip()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m include.vin_service", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="an address that others can reach needs VIN_API_KEY"
    )
    parser.add_argument("--port", type=int, default=8090, help="0 means any free one")
    parser.add_argument("--workers", type=int, default=1, help="1: the service is one process")
    asked = parser.parse_args()
    if asked.workers != 1:
        parser.exit(2, ONE_PROCESS)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level="WARNING", handlers=[handler])
    logging.getLogger("uvicorn.access").setLevel("INFO")
    try:
        settings = read_settings()
        listener = listen(asked.host, asked.port, has_key=settings.vin_api_key is not None)
        app = create_app(settings, connect() if os.environ.get("LAKE_BUCKET") else None)
    except PermanentError as error:
        parser.exit(2, f"{error}\n")
    config = uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="none",
        log_config=None,
        server_header=False,
        proxy_headers=False,
        # Each connection needs a file descriptor; the other half is for the cache, lake and vPIC.
        limit_concurrency=min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2),
        timeout_graceful_shutdown=LAST_ANSWERS_S,
    )
    # Uvicorn ends in good order and then raises the signal again: that is not a failure.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: None)
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    # The socket queues connections already.
    print(f"ready http://{host}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run([listener])
    sys.stdout.flush()
    os._exit(0)  # all is closed; a thread that still waits for vPIC holds up nothing


def listen(host: str, port: int, *, has_key: bool) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PermanentError(
            f"port {port} of {host} cannot be used: {reason}; give another --port or --host"
        ) from None
    if not (has_key or ip_address(listener.getsockname()[0]).is_loopback):
        raise PermanentError(
            f"{host} can be reached from other machines: set VIN_API_KEY, or use --host 127.0.0.1"
        )
    return listener


if __name__ == "__main__":
    main()

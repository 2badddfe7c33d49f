"""What LocalStack's own Python runs: LocalStack, on 127.0.0.1 only, ending with its starter.

Started as a file by `.venv-localstack/bin/python`, where nothing of this project can be imported.
"""

import os
import runpy
import signal
import sys
import threading
from functools import partial
from importlib import import_module

ENDS_WITH_STDIN = "--ends-with-stdin"


def listen_on_this_machine_only() -> None:
    """LocalStack 4.13.1 takes the port of GATEWAY_LISTEN and forgets an IPv4 address."""
    endpoints = import_module("twisted.internet.endpoints")
    endpoints.TCP4ServerEndpoint = partial(  # type: ignore[attr-defined]
        endpoints.TCP4ServerEndpoint, interface="127.0.0.1"
    )


def end_with_stdin() -> None:
    """Whoever started us holds the pipe's other end: it closes when they go, however they go.

    What such a LocalStack holds is of no use to anyone else, so it need not end nicely.
    """
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    if ENDS_WITH_STDIN in sys.argv:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    listen_on_this_machine_only()
    sys.argv = sys.argv[:1]
    runpy.run_module("localstack.runtime.main", run_name="__main__")

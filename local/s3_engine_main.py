"""What the S3's own Python runs: LocalStack or moto, on 127.0.0.1, ending with its starter.

Started as a file, because in LocalStack's Python nothing of this project can be imported.
"""

import os
import runpy
import signal
import sys
import threading
from functools import partial
from importlib import import_module

ENDS_WITH_STDIN = "--ends-with-stdin"
LOCALSTACK = "localstack.runtime.main"


def listen_on_this_machine_only() -> None:
    """LocalStack 4.13.1 takes the port of GATEWAY_LISTEN and forgets an IPv4 address."""
    endpoints = import_module("twisted.internet.endpoints")
    endpoints.TCP4ServerEndpoint = partial(  # type: ignore[attr-defined]
        endpoints.TCP4ServerEndpoint, interface="127.0.0.1"
    )


def end_with_stdin() -> None:
    """The starter holds the other end of the pipe, which closes when the starter ends.

    Nothing else uses what such an S3 holds, so it is killed.
    """
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _, module, *arguments = sys.argv
    if ENDS_WITH_STDIN in arguments:
        arguments.remove(ENDS_WITH_STDIN)
        threading.Thread(target=end_with_stdin, daemon=True).start()
    if module == LOCALSTACK:
        listen_on_this_machine_only()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")

"""Serve an application on 127.0.0.1 from a thread of this process."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol


class ClosableConnection(H11Protocol):
    """Hands the application its connection, so that it can hang up on purpose."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def bind(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket that already queues connections: a client that knows its port can connect."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(f"port {port} of {host} cannot be used: {error.strerror}") from None
    bound.listen(128)
    return bound


@contextlib.contextmanager
def serving(app: FastAPI, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve until the block ends; yields the address. Port 0 means any that is free."""
    settings = uvicorn.Config(
        app,
        http=ClosableConnection,
        log_level="warning",
        access_log=False,
        date_header=False,  # the application writes it, so that a test can set it
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server, bound = uvicorn.Server(settings), bind(port, host)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()

"""A socket server whose answers may break any rule of HTTP."""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Handler = Callable[[socket.socket], None]
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'


class RawServer:
    """Passes each connection to `handle`; sets `closed_by_client` if the client disconnects."""

    def __init__(self, handle: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handle, self._tls = handle, tls
        self.closed_by_client = threading.Event()
        self.connections = 0
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def drip(self, connection: socket.socket, text: bytes, pause_s: float = 0.02) -> None:
        """Send the text byte by byte, repeatedly, until the client disconnects or the test ends."""
        while not self._ended.is_set():
            for byte in text:
                connection.sendall(bytes([byte]))
                self._ended.wait(pause_s)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.append(connection)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._handle(connection)
        except OSError:
            self.closed_by_client.set()
        finally:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    """Read up to the empty line; return nothing if the client disconnected."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def message(body: bytes = b'{"ok": true}', status: int = 200, **headers: str) -> bytes:
    """A valid answer, unless `headers` make it invalid."""
    sent = {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items()]
    return f"HTTP/1.1 {status} -\r\n{''.join(lines)}\r\n".encode("latin-1") + body


class Api(RawServer):
    """Sends the answers in order, then repeats the last one; records the requests."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(self._answer)
        self.answers = [*answers] or [OK]
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    def _answer(self, connection: socket.socket) -> None:
        while head := read_request(connection):
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = b""
            while len(body) < int(headers.get("Content-Length", 0)):
                body += connection.recv(65536)
            self.requests.append((first.rpartition(" ")[0], headers, body))
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            connection.sendall(answer)
            if b"Content-Length: %d\r" % len(answer.partition(b"\r\n\r\n")[2]) not in answer:
                return  # a truncated answer ends the connection


def answer_with(answer: bytes) -> Handler:
    """Send the same answer to every request."""

    def handle(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(answer)

    return handle

"""Requests whose head ends: uvicorn alone waits for one for ever, and takes any size."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64_000
HEAD_WITHIN_S = 10.0
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """Closes a connection whose request has no whole head within the time, or too large a one."""

    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, transport.close)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if not self._head_timer:
                self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)
        super().data_received(data)
        # What came with a whole head is of the body, or of the next request.
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head_ended()
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ended()
        super().connection_lost(exc)

    def _head_ended(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

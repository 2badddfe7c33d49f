"""How an export ends that is not taken to its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from include.vin_service import download as download_module
from include.vin_service.download import Download

SCOPE = {"type": "http", "asgi": {"spec_version": "2.4"}}


class Export:
    """Pieces without end that know when they are closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.ended = threading.Event()

    def pieces(self) -> Generator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            self.closed.set()

    async def sent_to(self, client: object) -> None:
        download = Download(self.pieces(), self.ended.set)
        await download.begin()
        await download(SCOPE, silence, client)  # type: ignore[arg-type]

    def is_over(self) -> bool:
        return self.closed.wait(5) and self.ended.wait(5)


async def silence() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_who_takes_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes nothing more does not hold the snapshot for ever."""
    monkeypatch.setattr(download_module, "WITHIN_S", 0.05)
    export = Export()

    async def stuck(_: Message) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(export.sent_to(stuck))
    assert export.is_over()


def test_who_goes_away_is_let_go() -> None:
    """The pieces are closed, and with them the snapshot."""
    export = Export()

    async def gone(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    with pytest.raises(ClientDisconnect):
        asyncio.run(export.sent_to(gone))
    assert export.is_over()

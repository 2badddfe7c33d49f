"""An export on its way to whoever asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

NAME = "vehicles.parquet"
MEDIA_TYPE = "application/vnd.apache.parquet"
# Whoever takes longer holds a snapshot open, and with it the cache's write-ahead log.
WITHIN_S = 600


class Download(StreamingResponse):
    """Pieces made in a thread of their own, no faster than they are taken, and closed at the end.

    The end is the last piece, a client that goes away, or one that takes too long.
    """

    def __init__(self, pieces: Generator[bytes], when_ended: Callable[[], None]) -> None:
        self._pieces = pieces
        self._when_ended = when_ended
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="export")
        self._first: bytes | None = None
        super().__init__(
            self._taken(),
            media_type=MEDIA_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{NAME}"'},
        )

    async def begin(self) -> None:
        """Make the first piece, so that what goes wrong there is answered and not cut off."""
        try:
            self._first = await self._next()
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                await super().__call__(scope, receive, send)
        finally:
            # In the thread: a piece that nobody waits for any more may still be under way there.
            self._thread.submit(self._pieces.close)
            self._thread.shutdown(wait=False)
            self._when_ended()

    async def _taken(self) -> AsyncIterator[bytes]:
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._next()

    async def _next(self) -> bytes | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(next, self._pieces, None))

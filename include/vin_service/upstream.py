"""An API behind a fence: so many calls at once, so many a minute, and no endless queue."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from include.first.rest import SourceUnavailable

MOST_WAITING, LEAST_WAITING = 200, 20
BURST_S = 6.0  # what a quiet service has saved up: the calls of so many seconds
C = TypeVar("C")
T = TypeVar("T")


class TokenBucket:
    """Lets `per_minute` callers through, after a pause a few more at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._most = max(1.0, self._per_s * BURST_S)
        self._clock = clock
        self._tokens = self._most
        self._counted_at = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a token now or in advance; returns how long to wait before using it."""
        with self._lock:
            now = self._clock()
            saved = self._tokens + (now - self._counted_at) * self._per_s
            self._tokens = min(self._most, saved) - 1
            self._counted_at = now
            return max(0.0, -self._tokens / self._per_s)


class Upstream(Generic[C]):
    """One API, asked from threads that each have a client of their own."""

    def __init__(
        self, name: str, make_client: Callable[[], C], *, calls_at_once: int, per_minute: int
    ) -> None:
        self.name = name
        # More would wait longer than anybody has patience for.
        self._most_waiting = max(LEAST_WAITING, min(MOST_WAITING, per_minute // 4))
        self._closing = threading.Event()
        self._bucket = TokenBucket(per_minute)
        self._waiting = 0
        self._clients = threading.local()
        self._pool = ThreadPoolExecutor(
            calls_at_once,
            thread_name_prefix=name,
            initializer=lambda: setattr(self._clients, "own", make_client()),
        )

    async def ask(self, question: Callable[[C], T]) -> T:
        if self._waiting >= self._most_waiting:
            busy = SourceUnavailable(f"{self._waiting} questions wait for {self.name} already")
            busy.retry_after_s = 5
            raise busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, question)
        finally:
            self._waiting -= 1

    def _ask(self, question: Callable[[C], T]) -> T:
        if self._closing.wait(self._bucket.take()):
            raise SourceUnavailable("the service is ending; ask again")
        return question(self._clients.own)

    def close(self) -> None:
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

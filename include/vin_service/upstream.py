"""An API that we ask: so many calls at once and a minute, and none while it is down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from fastapi import HTTPException

from include.errors import PermanentError
from include.http.client import HttpClient
from include.http.errors import HttpError, UnexpectedBody

log = logging.getLogger("headwaters.vin")
BURST_S = 6.0  # after a pause the calls of so many seconds may go at once
REST_S = 15.0  # how long an API that failed is left alone, unless it says when to come back
MAX_REST_S = 3600.0
PROBE_S = 10.0  # how long one call may try whether the API is back
MIN_WAITING, MAX_WAITING = 20, 200
T = TypeVar("T")


class UpstreamUnavailable(HTTPException):
    """Nobody could be asked, so nothing is known; worth asking again."""

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        self.retry_after_s = max(1, round(min(retry_after_s or REST_S, MAX_REST_S)))
        super().__init__(503, detail, {"Retry-After": str(self.retry_after_s)})


class UnreadableAnswer(UnexpectedBody):
    """The API works; what it says about this one question cannot be used."""


class Upstream:
    """Use it from one event loop. Calls run in threads, because the HTTP client blocks."""

    def __init__(
        self,
        name: str,
        client: HttpClient,
        calls_at_once: int,
        calls_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._client = client
        self._clock = clock
        self._interval_s = 60 / calls_per_minute
        self._turn_at = clock() - BURST_S
        # With more in line the last would wait longer than its caller does.
        self._max_waiting = max(MIN_WAITING, min(MAX_WAITING, calls_per_minute // 4))
        self._waiting = 0
        self._slots = asyncio.Semaphore(calls_at_once)
        self._threads = ThreadPoolExecutor(calls_at_once, thread_name_prefix=name)
        self._failures = 0
        self._failure: Exception | None = None
        self._rests_until = clock()

    async def call(self, question: Callable[..., T], *args: Any) -> T:
        """`question(client, *args)`; UpstreamUnavailable if that fails, whatever the reason."""
        self._refuse_while_down()
        if self._waiting >= self._max_waiting:
            raise UpstreamUnavailable(
                f"{self._waiting} questions wait for {self.name} already; ask again later", 5
            )
        self._waiting += 1
        try:
            async with self._slots:
                self._refuse_while_down()
                if self._failure:  # this call finds out whether it is back; the others wait
                    self._rests_until = self._clock() + PROBE_S
                self._turn_at = max(self._turn_at + self._interval_s, self._clock() - BURST_S)
                await asyncio.sleep(max(0.0, self._turn_at - self._clock()))
                return await self._ask(partial(question, self._client, *args))
        finally:
            self._waiting -= 1

    async def _ask(self, question: Callable[[], T]) -> T:
        failures = self._failures
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, question)
        except HttpError as error:
            log.warning("%s could not be asked: %s", self.name, error)
            if isinstance(error, PermanentError | UnreadableAnswer):
                self._note_that_it_works(failures)
            else:
                self._failures += 1
                self._failure = error
                rest_s = min(error.retry_after_s or REST_S, MAX_REST_S)
                self._rests_until = max(self._rests_until, self._clock() + rest_s)
            raise self._unavailable(error, error.retry_after_s) from None
        except Exception:
            log.exception("the answer of %s could not be used", self.name)
            self._note_that_it_works(failures)
            raise UpstreamUnavailable(
                f"the answer of {self.name} could not be used; the log says why"
            ) from None
        self._note_that_it_works(failures)
        return answer

    def _note_that_it_works(self, failures: int) -> None:
        if failures == self._failures:  # a call from before the failure says nothing about now
            self._failure = None

    def _refuse_while_down(self) -> None:
        rest_s = self._rests_until - self._clock()
        if self._failure and rest_s > 0:
            raise self._unavailable(self._failure, rest_s)

    def _unavailable(self, error: Exception, retry_after_s: float | None) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"{self.name} could not be asked: {error}", retry_after_s)

    def close(self) -> None:
        """Start nothing more; a call under way ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

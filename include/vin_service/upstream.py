"""An API that we ask: few calls at once and a minute, and none while it is down."""

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
from include.vin_service.settings import Settings

log = logging.getLogger("headwaters.vin")
MAX_ANSWER_BYTES = 20_000_000  # fifty VINs, or hundreds of recalls, are about a megabyte
BURST_S = 6.0  # after a pause, the calls of this many seconds may go at once
REST_S = 15.0  # how long an API that failed is left alone, unless it says when to come back
MAX_REST_S = 3600.0
PROBE_S = 10.0  # how long one call may try whether the API is back
MIN_QUEUE = 20
T = TypeVar("T")
Clock = Callable[[], float]


class UpstreamUnavailable(HTTPException):
    """The API could not be asked, so nothing is known; worth asking again."""

    def __init__(self, detail: str, retry_after_s: float = REST_S) -> None:
        self.retry_after_s = max(1, round(retry_after_s))
        super().__init__(503, detail, {"Retry-After": str(self.retry_after_s)})


class UnreadableAnswer(UnexpectedBody):
    """The API works, but its answer to this question cannot be used."""


class Upstream:
    """Use it from one event loop. Calls run in threads, because the HTTP client blocks."""

    def __init__(
        self, name: str, url: str, settings: Settings, clock: Clock = time.monotonic
    ) -> None:
        self.name = name
        timeout_s = settings.vin_upstream_timeout_s
        self._client = HttpClient(
            url,
            attempts=3,
            connect_timeout_s=timeout_s,
            read_timeout_s=timeout_s,
            total_s=2 * timeout_s,
            max_bytes=MAX_ANSWER_BYTES,
        )
        self._clock = clock
        self._interval_s = 60 / settings.vin_upstream_per_minute
        self._turn_at = clock() - BURST_S
        # In a longer queue, the last call would wait longer than its caller does.
        self._max_queue = max(MIN_QUEUE, settings.vin_upstream_per_minute // 4)
        self._queue = 0
        self._slots = asyncio.Semaphore(settings.vin_upstream_calls)
        self._threads = ThreadPoolExecutor(settings.vin_upstream_calls, thread_name_prefix=name)
        self._unavailable: str | None = None  # why, while the API is down
        self._rests_until = clock()

    async def call(self, question: Callable[..., T], *args: Any) -> T:
        """`question(client, *args)`; UpstreamUnavailable when the API cannot be asked."""
        self._refuse_while_down()
        if self._queue >= self._max_queue:
            raise UpstreamUnavailable(
                f"{self._queue} questions are already waiting for {self.name}; ask again later", 5
            )
        self._queue += 1
        try:
            async with self._slots:
                self._refuse_while_down()
                if self._unavailable:  # this call finds out whether the API is back
                    self._rests_until = self._clock() + PROBE_S
                self._turn_at = max(self._turn_at + self._interval_s, self._clock() - BURST_S)
                await asyncio.sleep(max(0.0, self._turn_at - self._clock()))
                asking = partial(question, self._client, *args)
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, asking)
                self._unavailable = None
                return answer
        except HttpError as error:
            unavailable = f"{self.name} could not be asked: {error}"
            log.warning(unavailable)
            rest_s = min(error.retry_after_s or REST_S, MAX_REST_S)
            if isinstance(error, PermanentError | UnreadableAnswer):
                self._unavailable = None
            else:
                self._unavailable = unavailable
                self._rests_until = max(self._rests_until, self._clock() + rest_s)
            raise UpstreamUnavailable(unavailable, rest_s) from None
        finally:
            self._queue -= 1

    def _refuse_while_down(self) -> None:
        rest_s = self._rests_until - self._clock()
        if self._unavailable and rest_s > 0:
            raise UpstreamUnavailable(self._unavailable, rest_s)

    def close(self) -> None:
        """Start nothing more; a call under way ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

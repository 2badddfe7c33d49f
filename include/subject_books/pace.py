"""A polite pace: so much time between two questions, however fast the answers come."""

from __future__ import annotations

import time
from collections.abc import Callable

# On their way some questions catch up with the one before.
SPARE = 1.1


class Pace:
    """Not for several threads. There is no burst: what was not used is not saved up."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval_s = SPARE / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    def wait(self) -> None:
        """Return when it is polite to ask."""
        if (early_s := self._next - self._clock()) > 0:
            self._sleep(early_s)
        self._next = self._clock() + self._interval_s

"""One flight a VIN: what a worker process is asking vPIC, the others wait for.

A lock is one byte of a file beside the cache, for the system frees it however a process ends.
Such locks hold between processes only; within one, `Lookups` sees to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from include.first.rest import SourceUnavailable

LOOK_EVERY_S = 0.02


class Flights:
    def __init__(self, path: Path) -> None:
        # Opened once: to close any handle of the file would free all locks of this process.
        self._file = path.open("ab")

    @contextmanager
    def held(self, vins: Sequence[str], within_s: float) -> Iterator[None]:
        """Hold these VINs; whoever holds one of them already is waited for."""
        give_up = time.monotonic() + within_s
        taken: list[int] = []
        try:
            for place in sorted(map(_place, vins)):  # in one order, so that two never block
                while not self._take(place):
                    if time.monotonic() > give_up:
                        raise SourceUnavailable(
                            "another worker still asks vPIC for this VIN; try again later"
                        )
                    time.sleep(LOOK_EVERY_S)
                taken.append(place)
            yield
        finally:
            for place in taken:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        self._file.close()

    def _take(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except BlockingIOError:
            return False
        return True


def _place(vin: str) -> int:
    return int.from_bytes(hashlib.blake2b(vin.encode(), digest_size=7).digest(), "big")

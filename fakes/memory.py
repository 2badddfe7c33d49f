"""A cache that is bounded by bytes, for what can be made again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Keeps what was used last; one thread makes a thing while others that want it wait."""

    def __init__(self, limit_bytes: int, size_of: Callable[[T], int]) -> None:
        self._limit = limit_bytes
        self._size_of = size_of
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
            made = make()
            with self._lock:
                self._keep(key, made)
            return made

    def _keep(self, key: Hashable, made: T) -> None:
        self._kept[key] = made
        self._bytes += self._size_of(made)
        while self._bytes > self._limit and len(self._kept) > 1:
            forgotten, value = self._kept.popitem(last=False)
            self._bytes -= self._size_of(value)
            self._making.pop(forgotten, None)

"""What is made once is remembered, within bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.memory import Remembered


def test_what_was_used_last_is_kept_and_the_rest_made_again():
    """The bytes kept never pass the limit, but one thing is always kept."""
    made: list[str] = []
    remembered = Remembered[bytes](10, len)

    def get(key: str, size: int) -> None:
        remembered.get(key, lambda: made.append(key) or bytes(size))

    get("a", 4)
    get("b", 4)
    get("a", 4)
    get("c", 4)  # forgets b, which was not used since
    get("a", 4)
    get("b", 4)
    get("huge", 100)
    get("huge", 100)
    assert made == ["a", "b", "c", "b", "huge"]
    assert "a" not in remembered


def test_one_makes_while_the_others_wait():
    """Eight that want the same at once get the same thing, made once."""
    started, made = threading.Barrier(8), []
    remembered = Remembered[bytes](10, len)

    def want(_: int) -> bytes:
        started.wait(timeout=30)
        return remembered.get("key", lambda: made.append(1) or b"value")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(want, range(8))) == {b"value"}
    assert made == [1]


def test_a_failure_is_not_remembered():
    """Who asks again gets another try."""
    remembered = Remembered[bytes](10, len)
    with pytest.raises(ZeroDivisionError):
        remembered.get("key", lambda: bytes(1 // 0))
    assert remembered.get("key", lambda: b"value") == b"value"

"""The fence around an API: calls at once, calls a minute, and the end of the queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from include.first.rest import SourceUnavailable
from include.vin_service import upstream
from include.vin_service.upstream import TokenBucket, Upstream


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Client:
    def __init__(self) -> None:
        self.made_in = threading.get_ident()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def test_calls_beyond_the_rate_wait_in_line() -> None:
    """After what was saved up each call waits one more interval, whoever makes it."""
    bucket = TokenBucket(600, Clock())
    waits = [bucket.take() for _ in range(63)]
    assert waits[:60] == [0] * 60
    assert waits[60:] == pytest.approx([0.1, 0.2, 0.3])


def test_a_pause_saves_up_some_calls_and_no_more() -> None:
    """After an hour of quiet the burst is what it was at first."""
    clock = Clock()
    bucket = TokenBucket(600, clock)
    for _ in range(100):
        bucket.take()
    clock.now = 3600
    assert [bucket.take() for _ in range(61)] == pytest.approx([0] * 60 + [0.1])


def test_a_minute_has_no_more_calls_than_the_rate_and_the_burst() -> None:
    """Whoever sleeps as told makes `per_minute` calls a minute, and once the burst."""
    clock, calls = Clock(), 0
    bucket = TokenBucket(120, clock)
    while clock.now < 60:
        clock.now += bucket.take()
        calls += 1
    assert 120 <= calls <= 120 + 12 + 1


def test_no_more_calls_at_once_than_allowed() -> None:
    """Twelve questions go through in threes: three must meet inside, and never a fourth."""
    meeting = threading.Barrier(3, timeout=30)
    lock = threading.Lock()
    inside: list[int] = []
    most: list[int] = []

    def call(_: object) -> None:
        with lock:
            inside.append(1)
            most.append(len(inside))
        meeting.wait()
        with lock:
            inside.pop()

    async def ask() -> None:
        fenced = Upstream("test", object, calls_at_once=3, per_minute=6000)
        await asyncio.gather(*(fenced.ask(call) for _ in range(12)))
        fenced.close()

    asyncio.run(ask())
    assert max(most) == 3
    assert len(most) == 12


def test_each_thread_has_a_client_of_its_own() -> None:
    """A client is made in the thread that uses it, once, and never shared."""
    meeting = threading.Barrier(2, timeout=30)

    def call(client: Client) -> Client:
        meeting.wait()
        assert client.made_in == threading.get_ident()
        return client

    async def ask() -> list[Client]:
        fenced = Upstream("test", Client, calls_at_once=2, per_minute=6000)
        clients = await asyncio.gather(*(fenced.ask(call) for _ in range(4)))
        fenced.close()
        return clients

    assert len(set(asyncio.run(ask()))) == 2


def test_a_long_queue_is_refused(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """When enough wait already the next is told so at once; those in line are served."""
    monkeypatch.setattr(upstream, "MOST_WAITING", 5)
    monkeypatch.setattr(upstream, "LEAST_WAITING", 0)

    async def ask() -> None:
        fenced = Upstream("test", object, calls_at_once=1, per_minute=6000)
        asked = [asyncio.create_task(fenced.ask(lambda _: gate.wait(30))) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(SourceUnavailable, match="5 questions wait for test already") as full:
            await fenced.ask(lambda _: gate.wait(30))
        assert full.value.retry_after_s == 5
        gate.set()
        await asyncio.gather(*asked)
        assert await fenced.ask(lambda _: gate.wait(30))
        fenced.close()

    asyncio.run(ask())


@pytest.mark.parametrize(("per_minute", "most"), [(300, 75), (37, 20), (60_000, 200)])
def test_the_queue_is_no_longer_than_patience(per_minute: int, most: int) -> None:
    """Who could not be served in time is told so at once: a slower rate has a shorter queue."""
    fenced = Upstream("test", object, calls_at_once=1, per_minute=per_minute)
    assert fenced._most_waiting == most
    fenced.close()


def test_a_service_that_ends_waits_for_no_rate() -> None:
    """Who waits for the rate when the service ends is told so, and holds nobody up."""

    async def ask() -> None:
        fenced = Upstream("test", object, calls_at_once=1, per_minute=1)
        await fenced.ask(lambda _: None)  # what was saved up
        waits = asyncio.create_task(fenced.ask(lambda _: None))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(fenced.close)
        with pytest.raises(SourceUnavailable, match="is ending"):
            await waits

    asyncio.run(ask())

"""Limits of calls to an API: concurrency, rate, queue and circuit breaker."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from include.http.errors import AuthError, HttpError, RateLimited, SourceUnavailable
from include.vin_service.settings import Settings
from include.vin_service.upstream import (
    PROBE_S,
    REST_S,
    UnreadableAnswer,
    Upstream,
    UpstreamUnavailable,
)
from tests.vin_service.conftest import Clock

pytestmark = pytest.mark.anyio
Make = Callable[..., Upstream]
DOWN = SourceUnavailable("down")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
async def make(clock: Clock) -> AsyncIterator[Make]:
    made: list[Upstream] = []

    def make(calls: int = 4, per_minute: int = 60_000) -> Upstream:
        settings = Settings(vin_upstream_calls=calls, vin_upstream_per_minute=per_minute)
        made.append(Upstream("vPIC", "http://127.0.0.1:9", settings, clock))
        return made[-1]

    yield make
    for upstream in made:
        upstream.close()


def failing(error: Exception, gate: threading.Event | None = None) -> Callable[..., None]:
    def request(_: object) -> None:
        if gate:
            gate.wait(30)
        raise error

    return request


async def refusal(upstream: Upstream, request: Callable[..., Any]) -> UpstreamUnavailable:
    with pytest.raises(UpstreamUnavailable) as error:
        await upstream.call(request)
    return error.value


def answer(_: object) -> str:
    return "answer"


def not_called(_: object) -> None:
    raise AssertionError("the API was called")


async def test_calls_above_the_rate_wait(
    make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a burst, each call waits one interval more; a pause allows one more burst."""
    waits_s: list[float] = []
    real, mine = asyncio.sleep, threading.get_ident()

    async def sleep(wait_s: float) -> None:
        if threading.get_ident() == mine:
            waits_s.append(wait_s)
        else:  # a server of another test
            await real(wait_s)

    monkeypatch.setattr("include.vin_service.upstream.asyncio.sleep", sleep)
    upstream = make(per_minute=600)
    for _ in range(62):
        await upstream.call(answer)
    assert waits_s == pytest.approx([0] * 60 + [0.1, 0.2])
    clock.now = 3600
    for _ in range(62):
        await upstream.call(answer)
    assert waits_s[62:] == pytest.approx([0] * 61 + [0.1])


async def test_concurrent_calls_are_limited(make: Make) -> None:
    """Twelve calls run three at a time."""
    barrier = threading.Barrier(3, timeout=30)
    inside, peak, lock = 0, 0, threading.Lock()

    def request(_: object) -> None:
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        barrier.wait()
        with lock:
            inside -= 1

    upstream = make(calls=3)
    await asyncio.gather(*(upstream.call(request) for _ in range(12)))
    assert peak == 3


async def test_call_beyond_the_queue_limit_is_refused(make: Make, gate: threading.Event) -> None:
    upstream = make(calls=1, per_minute=80)
    asked = [asyncio.create_task(upstream.call(lambda _: gate.wait(30))) for _ in range(20)]
    await asyncio.sleep(0)
    full = await refusal(upstream, not_called)
    assert "20 questions are already waiting for vPIC" in full.detail
    assert full.retry_after_s == 5
    for task in asked[1:]:
        task.cancel()
    gate.set()
    await asyncio.wait(asked)
    assert await upstream.call(answer) == "answer"


@pytest.mark.parametrize(
    ("retry_after_s", "rest_s"), [(None, REST_S), (40.0, 40.0), (float("inf"), 3600.0)], ids=str
)
async def test_outage_refuses_all_calls_until_it_ends(
    make: Make, clock: Clock, retry_after_s: float | None, rest_s: float
) -> None:
    """Each refusal has the reason and the remaining time."""
    error = RateLimited("too many")
    error.retry_after_s = retry_after_s
    upstream = make()
    first = await refusal(upstream, failing(error))
    assert first.headers == {"Retry-After": f"{rest_s:.0f}"}
    clock.now = 10
    again = await refusal(upstream, not_called)
    assert again.detail == "vPIC could not be asked: too many"
    assert again.retry_after_s == rest_s - 10
    clock.now = rest_s
    assert [await upstream.call(answer) for _ in range(2)] == ["answer"] * 2


async def test_one_probe_call_checks_for_recovery(
    make: Make, clock: Clock, gate: threading.Event
) -> None:
    """Other calls are refused meanwhile; a failed probe restarts the wait."""
    upstream = make()
    await refusal(upstream, failing(DOWN))
    clock.now = REST_S
    probe = asyncio.create_task(upstream.call(failing(DOWN, gate)))
    await asyncio.sleep(0.01)
    assert (await refusal(upstream, not_called)).retry_after_s == PROBE_S
    gate.set()
    with pytest.raises(UpstreamUnavailable):
        await probe
    assert (await refusal(upstream, not_called)).retry_after_s == REST_S


async def test_outage_refuses_queued_calls(make: Make, gate: threading.Event) -> None:
    """They fail together, not each after its own timeout."""
    upstream = make(calls=1)
    first = asyncio.create_task(upstream.call(failing(DOWN, gate)))
    queued = [asyncio.create_task(upstream.call(not_called)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(first, *queued, return_exceptions=True)
    assert {type(error) for error in ended} == {UpstreamUnavailable}


@pytest.mark.parametrize(
    "error", [UnreadableAnswer("not about this VIN"), AuthError("403")], ids=str
)
async def test_failure_of_one_request_is_not_an_outage(
    make: Make, error: HttpError, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = make()
    assert str(error) in (await refusal(upstream, failing(error))).detail
    assert str(error) in caplog.text
    assert await upstream.call(answer) == "answer"

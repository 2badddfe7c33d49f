"""What stands before an API: calls at once, calls a minute, a short queue and a breaker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from include.http.errors import AuthError, HttpError, RateLimited, SourceUnavailable
from include.vin_service.upstream import (
    PROBE_S,
    REST_S,
    UnreadableAnswer,
    Upstream,
    UpstreamUnavailable,
)

pytestmark = pytest.mark.anyio
Make = Callable[..., Upstream]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long calls would have waited for their turn."""
    waits: list[float] = []
    real, mine = asyncio.sleep, threading.get_ident()

    async def sleep(wait_s: float) -> None:
        is_mine = threading.get_ident() == mine
        if is_mine:
            waits.append(wait_s)
        await real(0 if is_mine else wait_s)

    monkeypatch.setattr("include.vin_service.upstream.asyncio.sleep", sleep)
    return waits


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Upstream]]:
    made: list[Upstream] = []

    def make(at_once: int = 4, per_minute: int = 60_000, **more: Any) -> Upstream:
        made.append(Upstream("vPIC", None, at_once, per_minute, **more))
        return made[-1]

    yield make
    for upstream in made:
        upstream.close()


def failing(error: Exception, retry_after_s: float | None = None) -> Callable[..., None]:
    def question(_: object) -> None:
        raise error

    if isinstance(error, HttpError):
        error.retry_after_s = retry_after_s
    return question


async def refused(upstream: Upstream, question: Callable[..., Any]) -> UpstreamUnavailable:
    with pytest.raises(UpstreamUnavailable) as error:
        await upstream.call(question)
    return error.value


def answer(_: object) -> str:
    return "answer"


def never(_: object) -> None:
    raise AssertionError("it was asked")


async def test_calls_beyond_the_rate_wait_in_line(make: Make, slept: list[float]) -> None:
    """After what was saved up each call waits one interval more; a pause saves up no more."""
    clock = Clock()
    upstream = make(per_minute=600, clock=clock)
    for _ in range(63):
        await upstream.call(answer)
    assert slept[:60] == [0] * 60
    assert slept[60:] == pytest.approx([0.1, 0.2, 0.3])
    slept.clear()
    clock.now = 3600
    for _ in range(62):
        await upstream.call(answer)
    assert slept[:61] == [0] * 61
    assert slept[61:] == pytest.approx([0.1])


async def test_calls_at_once_are_limited(make: Make) -> None:
    """Twelve calls go through in threes: three must meet inside, and never a fourth."""
    meeting = threading.Barrier(3, timeout=30)
    inside, most, lock = 0, 0, threading.Lock()

    def question(_: object) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        meeting.wait()
        with lock:
            inside -= 1

    upstream = make(at_once=3)
    await asyncio.gather(*(upstream.call(question) for _ in range(12)))

    assert most == 3


@pytest.mark.usefixtures("slept")
async def test_a_long_queue_is_refused_at_once(make: Make, gate: threading.Event) -> None:
    """Nobody waits longer than its patience: a slower rate has a shorter queue."""
    upstream = make(at_once=1, per_minute=80)
    waits = lambda _: gate.wait(30)  # noqa: E731
    asked = [asyncio.create_task(upstream.call(waits)) for _ in range(20)]
    await asyncio.sleep(0)
    full = await refused(upstream, waits)
    assert "20 questions wait for vPIC already" in full.detail
    assert full.retry_after_s == 5
    gate.set()
    await asyncio.gather(*asked)
    assert await upstream.call(answer) == "answer"


@pytest.mark.parametrize(
    ("said", "told"), [(None, 15), (0.2, 1), (7.4, 7), (float("inf"), 3600)], ids=str
)
def test_retry_after_is_a_second_to_an_hour(said: float | None, told: int) -> None:
    error = UpstreamUnavailable("down", said)
    assert error.retry_after_s == told
    assert error.headers == {"Retry-After": str(told)}


@pytest.mark.parametrize(
    ("error", "retry_after_s", "rest_s"),
    [
        (SourceUnavailable("down"), None, REST_S),
        (RateLimited("too many"), 40.0, 40.0),
        (RateLimited("too many"), 99_999.0, 3600.0),
    ],
    ids=["down", "limited", "limited for long"],
)
async def test_an_outage_is_remembered_for_all_calls(
    make: Make, error: HttpError, retry_after_s: float | None, rest_s: float
) -> None:
    """Until its time is over nobody asks, and each caller hears why, and how long it lasts."""
    clock = Clock()
    upstream = make(clock=clock)
    await refused(upstream, failing(error, retry_after_s))
    clock.now += 10
    again = await refused(upstream, never)
    assert again.detail == f"vPIC could not be asked: {error}"
    assert again.retry_after_s == rest_s - 10
    clock.now = rest_s
    assert await upstream.call(answer) == "answer"
    assert await upstream.call(answer) == "answer"


async def test_one_call_finds_out_whether_it_is_back(make: Make, gate: threading.Event) -> None:
    """The others are refused meanwhile; when it fails, the rest starts again."""
    clock = Clock()

    def slow_failure(_: object) -> None:
        gate.wait(30)
        raise SourceUnavailable("still down")

    upstream = make(clock=clock)
    await refused(upstream, failing(SourceUnavailable("down")))
    clock.now = REST_S
    probe = asyncio.create_task(upstream.call(slow_failure))
    await asyncio.sleep(0.01)
    assert (await refused(upstream, never)).retry_after_s == PROBE_S
    gate.set()
    with pytest.raises(UpstreamUnavailable, match="still down"):
        await probe
    assert (await refused(upstream, never)).retry_after_s == REST_S


async def test_calls_in_line_are_refused_when_it_goes_down(
    make: Make, gate: threading.Event
) -> None:
    """They do not fail one after the other, each after its own time."""

    def fails_late(_: object) -> None:
        gate.wait(30)
        raise SourceUnavailable("down")

    upstream = make(at_once=1)
    first = asyncio.create_task(upstream.call(fails_late))
    in_line = [asyncio.create_task(upstream.call(never)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(first, *in_line, return_exceptions=True)
    assert {type(error) for error in ended} == {UpstreamUnavailable}


async def test_a_success_that_began_before_the_failure_ends_no_rest(
    make: Make, gate: threading.Event
) -> None:
    upstream = make()
    early = asyncio.create_task(upstream.call(lambda _: gate.wait(30)))
    await asyncio.sleep(0.01)
    await refused(upstream, failing(RateLimited("too many"), 60))
    gate.set()
    await early
    await refused(upstream, never)


@pytest.mark.parametrize(
    "error",
    [
        UnreadableAnswer("not about this VIN"),
        AuthError("403"),
        ZeroDivisionError("a fault of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_failure_of_one_question_is_no_outage(
    make: Make, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = make()
    unavailable = await refused(upstream, failing(error))
    assert "vPIC" in unavailable.detail
    assert str(error) in caplog.text
    assert await upstream.call(answer) == "answer"

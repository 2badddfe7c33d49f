"""What stands before an API: calls at once, calls a minute, a short queue and a breaker."""

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
def clock() -> Clock:
    return Clock()


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
    def question(_: object) -> None:
        if gate:
            gate.wait(30)
        raise error

    return question


async def refused(upstream: Upstream, question: Callable[..., Any]) -> UpstreamUnavailable:
    with pytest.raises(UpstreamUnavailable) as error:
        await upstream.call(question)
    return error.value


def answer(_: object) -> str:
    return "answer"


def never(_: object) -> None:
    raise AssertionError("it was asked")


async def test_calls_beyond_the_rate_wait_in_line(
    make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a burst each call waits one interval more; a pause saves up no more than a burst."""
    waits_s: list[float] = []
    real, mine = asyncio.sleep, threading.get_ident()

    async def sleep(wait_s: float) -> None:
        if threading.get_ident() == mine:
            waits_s.append(wait_s)
        else:  # a server that another test shares
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

    upstream = make(calls=3)
    await asyncio.gather(*(upstream.call(question) for _ in range(12)))
    assert most == 3


async def test_long_queue_is_refused_at_once(make: Make, gate: threading.Event) -> None:
    upstream = make(calls=1, per_minute=80)
    asked = [asyncio.create_task(upstream.call(lambda _: gate.wait(30))) for _ in range(20)]
    await asyncio.sleep(0)
    full = await refused(upstream, never)
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
async def test_outage_is_remembered_for_all_calls(
    make: Make, clock: Clock, retry_after_s: float | None, rest_s: float
) -> None:
    """Until its time is over it is not asked; each caller hears why, and how long it lasts."""
    error = RateLimited("too many")
    error.retry_after_s = retry_after_s
    upstream = make()
    first = await refused(upstream, failing(error))
    assert first.headers == {"Retry-After": f"{rest_s:.0f}"}
    clock.now = 10
    again = await refused(upstream, never)
    assert again.detail == "vPIC could not be asked: too many"
    assert again.retry_after_s == rest_s - 10
    clock.now = rest_s
    assert [await upstream.call(answer) for _ in range(2)] == ["answer"] * 2


async def test_one_call_finds_out_whether_it_is_back(
    make: Make, clock: Clock, gate: threading.Event
) -> None:
    """The others are refused meanwhile; when it fails, the rest starts again."""
    upstream = make()
    await refused(upstream, failing(DOWN))
    clock.now = REST_S
    probe = asyncio.create_task(upstream.call(failing(DOWN, gate)))
    await asyncio.sleep(0.01)
    assert (await refused(upstream, never)).retry_after_s == PROBE_S
    gate.set()
    with pytest.raises(UpstreamUnavailable):
        await probe
    assert (await refused(upstream, never)).retry_after_s == REST_S


async def test_calls_in_line_are_refused_when_it_goes_down(
    make: Make, gate: threading.Event
) -> None:
    """They do not fail one after the other, each after its own time."""
    upstream = make(calls=1)
    first = asyncio.create_task(upstream.call(failing(DOWN, gate)))
    in_line = [asyncio.create_task(upstream.call(never)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(first, *in_line, return_exceptions=True)
    assert {type(error) for error in ended} == {UpstreamUnavailable}


@pytest.mark.parametrize(
    "error", [UnreadableAnswer("not about this VIN"), AuthError("403")], ids=str
)
async def test_failure_of_one_question_is_no_outage(
    make: Make, error: HttpError, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = make()
    assert str(error) in (await refused(upstream, failing(error))).detail
    assert str(error) in caplog.text
    assert await upstream.call(answer) == "answer"

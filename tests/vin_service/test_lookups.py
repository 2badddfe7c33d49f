"""Cache first, vPIC once, and what is said when vPIC is not there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from include.first.rest import RateLimited, SourceUnavailable
from include.vin_service import lookups as lookups_module
from include.vin_service.cache import Cache, CacheTrouble
from include.vin_service.decoding import Unknown, Vehicle
from include.vin_service.flights import Flights
from include.vin_service.lookups import Answer, Lookups, Trouble
from include.vin_service.upstream import Upstream
from include.vin_service.vpic import Decoded

CAR = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
NO_CAR = Unknown("1M8GDM9AXKP042788", "vPIC does not know it")
FOUND_TTL_S, NOT_FOUND_TTL_S = 1_000, 10


def vins(n: int) -> list[str]:
    return [f"1HGCM826{number:09}" for number in range(n)]


class FakeVpic:
    """Knows the car, its many sisters, and one VIN that it refuses; counts its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.trouble: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.left_out: set[str] = set()
        self.source = "official"

    def decode(self, asked: Sequence[str]) -> Decoded:
        self.calls.append(list(asked))
        self.asked.set()
        self.gate.wait(30)
        if self.trouble:
            raise self.trouble
        answers = {
            vin: NO_CAR if vin == NO_CAR.vin else CAR._replace(vin=vin)
            for vin in asked
            if vin not in self.left_out
        }
        return Decoded(answers, self.source)


class World:
    """Lookups over a cache of their own, with a clock and a vPIC that the test holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vpic = FakeVpic()
        self.now = 1_000_000.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Lookups]:
        cache = Cache.open(self.folder / "vins.db")
        fenced = Upstream("vpic", lambda: self.vpic, calls_at_once=4, per_minute=60_000)
        flights = Flights(self.folder / "vins.db.flights")
        try:
            yield Lookups(
                cache,
                fenced,
                flights,
                found_ttl_s=FOUND_TTL_S,
                not_found_ttl_s=NOT_FOUND_TTL_S,
                clock=lambda: self.now,
            )
        finally:
            self.vpic.gate.set()
            fenced.close()
            flights.close()
            cache.close()

    def ask(self, *asked: str) -> list[Answer | Trouble]:
        """Look them up one after the other, in a service that starts for it."""

        async def all_of_them() -> list[Answer | Trouble]:
            async with self.open() as lookups:
                found: list[Answer | Trouble] = []
                for vin in asked:
                    try:
                        found.append(await lookups.lookup(vin))
                    except Trouble as trouble:
                        found.append(trouble)
                return found

        return asyncio.run(all_of_them())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_was_asked_once_is_in_the_cache(world: World) -> None:
    """The second lookup is answered from the cache, also after a restart, found or not."""
    assert world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]
    assert world.ask(NO_CAR.vin) == [Answer(NO_CAR, "miss")]
    assert world.ask(CAR.vin, NO_CAR.vin) == [Answer(CAR, "hit"), Answer(NO_CAR, "hit")]
    assert world.vpic.calls == [[CAR.vin], [NO_CAR.vin]]


def test_found_is_kept_long_and_not_found_briefly(world: World) -> None:
    """Each kind of answer is asked again when its own time is over, and not a second before."""
    world.ask(CAR.vin, NO_CAR.vin)
    world.now += NOT_FOUND_TTL_S - 1
    world.ask(NO_CAR.vin)
    assert len(world.vpic.calls) == 2
    world.now += 1
    assert world.ask(NO_CAR.vin, CAR.vin) == [Answer(NO_CAR, "miss"), Answer(CAR, "hit")]
    world.now += FOUND_TTL_S
    assert world.ask(CAR.vin) == [Answer(CAR, "miss")]
    assert world.vpic.calls[2:] == [[NO_CAR.vin], [CAR.vin]]


def test_old_refusals_do_not_pile_up(world: World) -> None:
    """What is no longer good for an answer is dropped with a later one; old vehicles are kept."""
    world.ask(CAR.vin, NO_CAR.vin)
    world.now += lookups_module.TIDY_EVERY_S
    world.ask(vins(1)[0])
    cache = Cache.open(world.folder / "vins.db")
    assert cache.get(NO_CAR.vin) is None
    assert cache.get(CAR.vin)
    cache.close()


def test_refusals_that_still_count_are_kept(world: World) -> None:
    """Tidying takes what is too old for an answer, and nothing else; it is not done each time."""

    async def ask() -> None:
        async with world.open() as lookups:
            await lookups.lookup(NO_CAR.vin)
            world.now += NOT_FOUND_TTL_S - 1
            await lookups.lookup(CAR.vin)
            assert lookups.cache.get(NO_CAR.vin)
            world.now += lookups_module.TIDY_EVERY_S - NOT_FOUND_TTL_S
            await lookups.lookup(vins(1)[0])
            assert lookups.cache.get(NO_CAR.vin)  # the hour is not over yet

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("said", "told"), [(None, 30), (0.2, 1), (7.4, 7), (float("inf"), 86_400)], ids=str
)
def test_when_to_ask_again_is_a_time_to_wait(said: float | None, told: int) -> None:
    """At least a second and at most a day, whatever the API said."""
    assert Trouble("down", said).retry_after_s == told


def test_an_answer_that_breaks_us_is_trouble(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with an answer, an old one still stands, and the log has the reason."""
    world.ask(CAR.vin)
    world.now += FOUND_TTL_S
    world.vpic.trouble = ZeroDivisionError("nobody thought of this")
    stale, trouble = world.ask(CAR.vin, vins(1)[0])
    assert stale == Answer(CAR, "stale")
    assert "the log says why" in str(trouble)
    assert "nobody thought of this" in caplog.text


def test_a_removal_waits_for_the_lookup_under_way(world: World) -> None:
    """What is being looked up when it is removed is removed, and said to be."""
    world.vpic.gate.clear()

    async def both() -> None:
        async with world.open() as lookups:
            looked_up = asyncio.create_task(lookups.lookup(CAR.vin))
            await asyncio.to_thread(world.vpic.asked.wait, 30)
            removed = asyncio.create_task(lookups.remove(CAR.vin))
            await asyncio.sleep(0)
            world.vpic.gate.set()
            assert await removed is True
            await looked_up
            assert lookups.cache.get(CAR.vin) is None

    asyncio.run(both())


def test_without_a_cache_the_source_is_still_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up answers are marked, and not mixed with official ones, also on a full disk."""

    def fails(*_: object) -> None:
        raise CacheTrouble("vins.db: the disk is full; free space")

    monkeypatch.setattr(Cache, "put", fails)
    world.vpic.source = "made-up:1"

    async def ask() -> None:
        async with world.open() as lookups:
            await lookups.lookup(CAR.vin)
            assert lookups.source() == "made-up:1"
            world.vpic.source = "official"
            with pytest.raises(Trouble, match="correct VPIC_URL"):
                await lookups.lookup(vins(1)[0])

    asyncio.run(ask())


def test_fifty_at_once_make_one_call(world: World) -> None:
    """Who asks for a VIN that is being asked for waits for the same answer."""
    world.vpic.gate.clear()

    async def fifty() -> None:
        async with world.open() as lookups:
            asked = [asyncio.create_task(lookups.lookup(CAR.vin)) for _ in range(50)]
            await asyncio.sleep(0)
            world.vpic.gate.set()
            assert set(await asyncio.gather(*asked)) == {Answer(CAR, "miss")}
            assert await lookups.lookup(CAR.vin) == Answer(CAR, "hit")

    asyncio.run(fifty())
    assert world.vpic.calls == [[CAR.vin]]


def test_trouble_is_not_cached_and_says_when_to_ask_again(world: World) -> None:
    """The trouble of vPIC is told as such; when it is over the VIN is asked again."""
    world.vpic.trouble = RateLimited("vpic says it is asked too often (429); ask again later")
    world.vpic.trouble.retry_after_s = 7.4
    (trouble,) = world.ask(CAR.vin)
    assert isinstance(trouble, Trouble)
    assert "asked too often" in str(trouble)
    assert trouble.retry_after_s == 7
    world.vpic.trouble = None
    assert world.ask(CAR.vin) == [Answer(CAR, "miss")]


def test_an_old_vehicle_is_served_while_vpic_is_down(world: World) -> None:
    """Better an old answer than none: it is called stale, and replaced when vPIC is back."""
    world.ask(CAR.vin)
    world.now += FOUND_TTL_S
    world.vpic.trouble = SourceUnavailable("down")
    assert world.ask(CAR.vin) == [Answer(CAR, "stale")]
    world.vpic.trouble = None
    assert world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]


def test_an_old_refusal_is_not_served_while_vpic_is_down(world: World) -> None:
    """That a car does not exist is said only by a vPIC that was asked."""
    world.ask(NO_CAR.vin)
    world.now += NOT_FOUND_TTL_S
    world.vpic.trouble = SourceUnavailable("down")
    (trouble,) = world.ask(NO_CAR.vin)
    assert isinstance(trouble, Trouble)


def test_who_has_an_old_answer_does_not_wait_for_a_slow_vpic(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow vPIC costs only the patience; its answer still reaches the cache when it comes."""
    world.ask(CAR.vin)
    world.now += FOUND_TTL_S
    world.vpic.gate.clear()
    monkeypatch.setattr(lookups_module, "STALE_PATIENCE_S", 0.01)

    async def ask() -> None:
        async with world.open() as lookups:
            # Who waited for longer than the patience would get this answer.
            asyncio.get_running_loop().call_later(2, world.vpic.gate.set)
            assert await lookups.lookup(CAR.vin) == Answer(CAR, "stale")

    asyncio.run(ask())
    assert world.ask(CAR.vin) == [Answer(CAR, "hit")]


def test_a_slow_vpic_is_trouble(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever: a cold VIN gets no answer, and its answer the cache, when it comes."""
    world.vpic.gate.clear()
    monkeypatch.setattr(lookups_module, "PATIENCE_S", 0.01)
    (trouble,) = world.ask(CAR.vin)
    assert "no answer of vPIC within" in str(trouble)


def test_many_cold_vins_go_in_full_batches(world: World) -> None:
    """1,000 VINs are twenty calls of fifty, each VIN once, however often it was asked for."""
    asked = vins(1_000)

    async def many() -> None:
        async with world.open() as lookups:
            found = await lookups.lookup_many([*asked, *reversed(asked)])
            assert list(found) == asked
            assert {answer.state for answer in found.values() if isinstance(answer, Answer)} == {
                "miss"
            }

    asyncio.run(many())
    assert sorted(map(len, world.vpic.calls)) == [50] * 20
    assert sorted(vin for call in world.vpic.calls for vin in call) == asked


def test_many_take_from_the_cache_what_it_has(world: World) -> None:
    """Only what the cache does not have, or has too old, is asked; the rest is hits."""
    world.ask(*vins(3))
    world.vpic.calls.clear()

    async def many() -> None:
        async with world.open() as lookups:
            found = await lookups.lookup_many(vins(5))
            states = [answer.state for answer in found.values() if isinstance(answer, Answer)]
            assert sorted(states) == ["hit"] * 3 + ["miss"] * 2

    asyncio.run(many())
    assert world.vpic.calls == [vins(5)[3:]]


def test_a_vin_that_a_batch_leaves_out_is_trouble_of_its_own(world: World) -> None:
    """No answer is no refusal; the others of the batch have theirs, and keep it."""
    one, two = vins(2)
    world.vpic.left_out = {two}

    async def many() -> None:
        async with world.open() as lookups:
            found = await lookups.lookup_many([one, two])
            assert isinstance(found[one], Answer)
            assert isinstance(found[two], Trouble)
            world.vpic.left_out.clear()
            found = await lookups.lookup_many([one, two])
            assert [answer.state for answer in found.values() if isinstance(answer, Answer)] == [
                "hit",
                "miss",
            ]

    asyncio.run(many())


def test_trouble_with_one_batch_leaves_the_others(world: World) -> None:
    """Where one call of several fails, the VINs of the others are answered."""
    asked = vins(100)
    usual = world.vpic.decode

    def fails_for_the_last(part: Sequence[str]) -> Decoded:
        if asked[-1] in part:
            raise SourceUnavailable("down")
        return usual(part)

    world.vpic.decode = fails_for_the_last  # type: ignore[method-assign]

    async def many() -> None:
        async with world.open() as lookups:
            found = await lookups.lookup_many(asked)
            assert [isinstance(found[vin], Trouble) for vin in asked] == [False] * 50 + [True] * 50

    asyncio.run(many())


def test_lookup_joins_a_batch_under_way(world: World) -> None:
    """A VIN that a batch is asking for is not asked for by itself."""
    world.vpic.gate.clear()

    async def both() -> None:
        async with world.open() as lookups:
            batch = asyncio.create_task(lookups.lookup_many(vins(2)))
            await asyncio.to_thread(world.vpic.asked.wait, 30)
            single = asyncio.create_task(lookups.lookup(vins(2)[1]))
            await asyncio.sleep(0)
            world.vpic.gate.set()
            assert (await single).state == "miss"
            await batch

    asyncio.run(both())
    assert world.vpic.calls == [vins(2)]


def test_who_goes_away_leaves_the_others_their_answer(world: World) -> None:
    """A client that hangs up does not end the call that others wait for."""
    world.vpic.gate.clear()

    async def two() -> None:
        async with world.open() as lookups:
            leaves = asyncio.create_task(lookups.lookup(CAR.vin))
            stays = asyncio.create_task(lookups.lookup(CAR.vin))
            await asyncio.to_thread(world.vpic.asked.wait, 30)
            leaves.cancel()
            await asyncio.sleep(0)
            world.vpic.gate.set()
            assert await stays == Answer(CAR, "miss")

    asyncio.run(two())
    assert len(world.vpic.calls) == 1


@pytest.mark.parametrize("broken", ["get", "put"])
def test_a_cache_in_trouble_costs_only_the_cache(
    world: World,
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk or a damaged file is told in the log; lookups are answered, uncached."""

    def fails(*_: object) -> None:
        raise CacheTrouble("vins.db: the disk is full; free space")

    monkeypatch.setattr(Cache, broken, fails)
    if broken == "get":
        monkeypatch.setattr(Cache, "get_many", fails)
    assert world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss")] * 2
    assert "the disk is full" in caplog.text


def test_another_source_is_refused_and_not_mixed_in(world: World) -> None:
    """Answers of made-up data never join official ones: that is trouble, and the cache says why."""
    world.ask(CAR.vin)
    world.vpic.source = "made-up:1"
    (trouble,) = world.ask(vins(1)[0])
    assert isinstance(trouble, Trouble)
    assert "made-up:1" in str(trouble)
    assert world.ask(CAR.vin) == [Answer(CAR, "hit")]

"""Cache first, vPIC once, and what is said when vPIC is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from include.vin_service import lookups as lookups_module
from include.vin_service.cache import Cache, CacheError
from include.vin_service.lookups import Answer, Lookups
from include.vin_service.upstream import UpstreamUnavailable
from include.vin_service.vpic import Decoded, NotAVin, Unknown, Vehicle

pytestmark = pytest.mark.anyio
CAR = Vehicle("1HGCM82633A004352", "HONDA", "Accord", "2003", "Coupe")
NO_CAR = Unknown("1M8GDM9AXKP042788", "vPIC does not know it")
FOUND_TTL_S, NOT_FOUND_TTL_S = 1_000, 10
DOWN = UpstreamUnavailable("vPIC could not be asked: down", 7.4)


def vins(n: int) -> list[str]:
    return [f"1HGCM826{number:09}" for number in range(n)]


class FakeVpic:
    """Knows the car, its many sisters, and one VIN that it refuses; counts its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failure: UpstreamUnavailable | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.left_out: set[str] = set()
        self.source = "official"

    async def call(self, _: object, asked: Sequence[str]) -> Decoded:
        self.calls.append(list(asked))
        self.asked.set()
        await self.gate.wait()
        if self.failure:
            raise self.failure
        known = [vin for vin in asked if vin not in self.left_out]
        answers = {vin: NO_CAR if vin == NO_CAR.vin else CAR._replace(vin=vin) for vin in known}
        return Decoded(answers, self.source)


class World:
    """Lookups over a cache of their own, with a clock and a vPIC that the test holds."""

    def __init__(self, db: Path) -> None:
        self.cache = Cache(db)
        self.vpic = FakeVpic()
        self.now = 1_000_000.0
        self.restart()

    def restart(self) -> None:
        ttls_s = (FOUND_TTL_S, NOT_FOUND_TTL_S)
        self.lookups = Lookups(self.cache, self.vpic, *ttls_s, clock=lambda: self.now)

    async def ask(self, *asked: str) -> list[Answer | UpstreamUnavailable]:
        """Look them up one after the other."""
        found: list[Answer | UpstreamUnavailable] = []
        for vin in asked:
            try:
                found.append(await self.lookups.lookup(vin))
            except UpstreamUnavailable as error:
                found.append(error)
        return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "vins.db")
    yield world
    world.vpic.gate.set()
    world.cache.close()


async def test_lookup_second_time_is_a_hit_also_after_a_restart(world: World) -> None:
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]
    assert await world.ask(NO_CAR.vin) == [Answer(NO_CAR, "miss")]
    world.restart()
    assert world.lookups.source == "official"
    hits = [Answer(CAR, "hit"), Answer(NO_CAR, "hit")]
    assert await world.ask(CAR.vin, NO_CAR.vin) == hits
    assert world.vpic.calls == [[CAR.vin], [NO_CAR.vin]]


async def test_lookup_after_its_time_is_asked_again(world: World) -> None:
    """Found is kept long, not found briefly, and neither a second longer."""
    await world.ask(CAR.vin, NO_CAR.vin)
    world.now += NOT_FOUND_TTL_S - 1
    assert await world.ask(NO_CAR.vin) == [Answer(NO_CAR, "hit")]
    world.now += 1
    assert await world.ask(NO_CAR.vin, CAR.vin) == [Answer(NO_CAR, "miss"), Answer(CAR, "hit")]
    world.now += FOUND_TTL_S
    assert await world.ask(CAR.vin) == [Answer(CAR, "miss")]


async def test_old_refusals_do_not_pile_up(world: World) -> None:
    """What is too old to count goes with a later answer, once an hour; old vehicles stay."""
    await world.ask(CAR.vin, NO_CAR.vin)
    world.now += lookups_module.TIDY_EVERY_S - 1
    await world.ask(vins(1)[0])
    assert NO_CAR.vin in world.cache.get([NO_CAR.vin])
    world.now += 1
    await world.ask(vins(2)[1])
    assert world.cache.get([NO_CAR.vin, CAR.vin]).keys() == {CAR.vin}


async def test_unavailable_is_not_cached(world: World) -> None:
    world.vpic.failure = DOWN
    assert await world.ask(CAR.vin) == [DOWN]
    world.vpic.failure = None
    assert await world.ask(CAR.vin) == [Answer(CAR, "miss")]


async def test_old_vehicle_is_served_while_vpic_is_down_and_old_refusal_is_not(
    world: World,
) -> None:
    await world.ask(CAR.vin, NO_CAR.vin)
    world.now += FOUND_TTL_S
    world.vpic.failure = DOWN
    assert await world.ask(CAR.vin, NO_CAR.vin) == [Answer(CAR, "stale"), DOWN]
    world.vpic.failure = None
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]


async def test_slow_vpic_costs_no_more_than_the_patience(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old vehicle is served sooner; the new answer still reaches the cache when it comes."""
    await world.ask(CAR.vin)
    monkeypatch.setattr(lookups_module, "STALE_PATIENCE_S", 0.01)
    monkeypatch.setattr(lookups_module, "PATIENCE_S", 0.01)
    world.now += FOUND_TTL_S
    world.vpic.gate.clear()
    stale, late = await world.ask(CAR.vin, vins(1)[0])
    assert stale == Answer(CAR, "stale")
    assert "did not answer in time" in late.detail
    world.vpic.gate.set()
    await asyncio.wait({*world.lookups._calls.values()})
    assert await world.ask(CAR.vin) == [Answer(CAR, "hit")]


async def test_fifty_at_once_make_one_call(world: World) -> None:
    world.vpic.gate.clear()
    asked = [asyncio.create_task(world.lookups.lookup(CAR.vin)) for _ in range(50)]
    await world.vpic.asked.wait()
    world.vpic.gate.set()
    assert set(await asyncio.gather(*asked)) == {Answer(CAR, "miss")}
    assert world.vpic.calls == [[CAR.vin]]


async def test_a_client_that_leaves_ends_no_call(world: World) -> None:
    world.vpic.gate.clear()
    leaves = asyncio.create_task(world.lookups.lookup(CAR.vin))
    stays = asyncio.create_task(world.lookups.lookup(CAR.vin))
    await world.vpic.asked.wait()
    leaves.cancel()
    with pytest.raises(UpstreamUnavailable):
        await leaves
    world.vpic.gate.set()
    assert await stays == Answer(CAR, "miss")
    assert len(world.vpic.calls) == 1


async def test_lookup_joins_a_batch_under_way(world: World) -> None:
    world.vpic.gate.clear()
    batch = asyncio.create_task(world.lookups.lookup_many(vins(2)))
    await world.vpic.asked.wait()
    single = asyncio.create_task(world.lookups.lookup(vins(2)[1]))
    await asyncio.sleep(0)
    world.vpic.gate.set()
    assert (await single).cache == "miss"
    await batch
    assert world.vpic.calls == [vins(2)]


async def test_remove_waits_for_the_lookup_under_way(world: World) -> None:
    world.vpic.gate.clear()
    looked_up = asyncio.create_task(world.lookups.lookup(CAR.vin))
    await world.vpic.asked.wait()
    removed = asyncio.create_task(world.lookups.remove(CAR.vin))
    await asyncio.sleep(0)
    world.vpic.gate.set()
    assert await removed is True
    await looked_up
    assert world.cache.get([CAR.vin]) == {}


async def test_lookup_many_asks_in_full_batches_each_vin_once(world: World) -> None:
    asked = vins(1_000)
    found = await world.lookups.lookup_many([*asked, *map(str.lower, asked), "nonsense"])
    assert len(found) == 2_001
    assert isinstance(found.pop("nonsense"), NotAVin)
    assert {answer.cache for answer in found.values()} == {"miss"}
    assert sorted(map(len, world.vpic.calls)) == [50] * 20
    assert sorted(vin for call in world.vpic.calls for vin in call) == asked


async def test_lookup_many_asks_only_what_the_cache_lacks(world: World) -> None:
    await world.ask(*vins(3))
    world.vpic.calls.clear()
    found = await world.lookups.lookup_many(vins(5))
    assert [found[vin].cache for vin in vins(5)] == ["hit"] * 3 + ["miss"] * 2
    assert world.vpic.calls == [vins(5)[3:]]


async def test_lookup_many_one_failure_leaves_the_others(world: World) -> None:
    """A call that fails, or a VIN that is left out, says nothing about the other VINs."""
    usual, asked = world.vpic.call, vins(100)

    async def fails_for_the_last(question: object, part: Sequence[str]) -> Decoded:
        if asked[-1] in part:
            raise DOWN
        return await usual(question, part)

    world.vpic.call = fails_for_the_last
    world.vpic.left_out = {asked[0]}
    found = await world.lookups.lookup_many(asked)
    assert "left this VIN out" in found[asked[0]].detail
    assert [isinstance(found[vin], Answer) for vin in asked[1:]] == [True] * 49 + [False] * 50
    world.vpic.left_out = set()
    assert await world.ask(*asked[:2]) == [
        Answer(CAR._replace(vin=asked[0]), "miss"),
        Answer(CAR._replace(vin=asked[1]), "hit"),
    ]


@pytest.mark.parametrize("broken", ["get", "put"])
async def test_a_broken_cache_costs_only_the_cache(
    world: World, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise CacheError(503, "the disk is full")

    monkeypatch.setattr(Cache, broken, fails)
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss")] * 2
    assert "the disk is full" in caplog.text


async def test_another_source_is_refused_with_and_without_a_cache(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up answers are known as such, and not mixed with official ones, on a full disk too."""
    world.vpic.source = "made-up:1"
    await world.ask(CAR.vin)
    world.vpic.source = "official"
    (refused,) = await world.ask(vins(1)[0])
    assert "correct VPIC_URL" in refused.detail

    def fails(*_: object) -> None:
        raise CacheError(503, "the disk is full")

    monkeypatch.setattr(Cache, "put", fails)
    (refused,) = await world.ask(vins(1)[0])
    assert "correct VPIC_URL" in refused.detail
    assert world.lookups.source == "made-up:1"
    assert await world.ask(CAR.vin) == [Answer(CAR, "hit")]

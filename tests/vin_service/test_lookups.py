"""Lookups use the cache first, share calls to vPIC and survive its outages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from include.vin_service import lookups as lookups_module
from include.vin_service.cache import Cache, CacheError
from include.vin_service.lookups import Answer, Lookups
from include.vin_service.settings import Settings
from include.vin_service.upstream import UpstreamUnavailable
from include.vin_service.vpic import Verdict
from tests.vin_service.conftest import Clock

pytestmark = pytest.mark.anyio
CAR = Verdict("1HGCM82633A004352", "", "HONDA", "Accord", "2003", "Coupe")
NO_CAR = Verdict("1M8GDM9AXKP042788", "vPIC does not know it")
FOUND_TTL_S, NOT_FOUND_TTL_S = 1_000, 10
SETTINGS = Settings(vin_found_ttl_s=FOUND_TTL_S, vin_not_found_ttl_s=NOT_FOUND_TTL_S)
DOWN = UpstreamUnavailable("vPIC could not be asked: down", 7.4)


def vins(n: int) -> list[str]:
    return [f"1HGCM826{number:09}" for number in range(n)]


class FakeVpic:
    """Decodes every VIN except `NO_CAR` and records its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        self.left_out: set[str] = set()
        self.source = "official"
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def call(self, _: object, asked: Sequence[str]) -> tuple[dict[str, Verdict], str]:
        self.calls.append(list(asked))
        self.asked.set()
        await self.gate.wait()
        if self.failing & set(asked):
            raise DOWN
        known = [vin for vin in asked if vin not in self.left_out]
        verdicts = {vin: NO_CAR if vin == NO_CAR.vin else CAR._replace(vin=vin) for vin in known}
        return verdicts, self.source


class World:
    """Lookups with their own cache, and a clock and a vPIC that the test controls."""

    def __init__(self, db: Path) -> None:
        self.cache = Cache(db)
        self.vpic = FakeVpic()
        self.clock = Clock()
        self.restart()

    def restart(self) -> None:
        self.lookups = Lookups(self.cache, self.vpic, SETTINGS, self.clock)

    async def ask(self, *asked: str) -> list[Answer | UpstreamUnavailable]:
        """Look up the VINs one after the other."""
        found: list[Answer | UpstreamUnavailable] = []
        for vin in asked:
            try:
                answer = await self.lookups.lookup(vin)
                found.append(answer._replace(fresh_until=0))
            except UpstreamUnavailable as error:
                found.append(error)
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "vins.db")
    yield world
    world.vpic.gate.set()
    world.cache.close()


async def test_second_lookup_is_a_hit_even_after_a_restart(world: World) -> None:
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]
    assert await world.ask(NO_CAR.vin) == [Answer(NO_CAR, "miss")]
    world.restart()
    assert world.lookups.source == "official"
    assert await world.ask(CAR.vin, NO_CAR.vin) == [Answer(CAR, "hit"), Answer(NO_CAR, "hit")]
    assert world.vpic.calls == [[CAR.vin], [NO_CAR.vin]]


async def test_expired_answer_is_requested_again(world: World) -> None:
    """Found and not-found answers expire after different times."""
    await world.ask(CAR.vin, NO_CAR.vin)
    world.clock.now = NOT_FOUND_TTL_S - 1
    assert await world.ask(NO_CAR.vin) == [Answer(NO_CAR, "hit")]
    world.clock.now = NOT_FOUND_TTL_S
    assert await world.ask(NO_CAR.vin, CAR.vin) == [Answer(NO_CAR, "miss"), Answer(CAR, "hit")]
    world.clock.now = FOUND_TTL_S
    assert await world.ask(CAR.vin) == [Answer(CAR, "miss")]


async def test_outage_serves_expired_vehicle_but_not_expired_refusal(world: World) -> None:
    await world.ask(CAR.vin, NO_CAR.vin)
    world.clock.now = FOUND_TTL_S
    world.vpic.failing = {CAR.vin, NO_CAR.vin}
    assert await world.ask(CAR.vin, NO_CAR.vin) == [Answer(CAR, "stale"), DOWN]
    world.vpic.failing = set()
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss"), Answer(CAR, "hit")]


async def test_slow_vpic_is_not_awaited_beyond_the_timeout(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired vehicle is served; the late answer still reaches the cache."""
    await world.ask(CAR.vin)
    monkeypatch.setattr(lookups_module, "STALE_PATIENCE_S", 0.01)
    monkeypatch.setattr(lookups_module, "PATIENCE_S", 0.01)
    world.clock.now = FOUND_TTL_S
    world.vpic.gate.clear()
    stale, late = await world.ask(CAR.vin, vins(1)[0])
    assert stale == Answer(CAR, "stale")
    assert "did not answer in time" in late.detail
    world.vpic.gate.set()
    await asyncio.wait(world.lookups._calls)
    assert await world.ask(CAR.vin) == [Answer(CAR, "hit")]


async def test_concurrent_lookups_share_a_call_that_survives_canceling(world: World) -> None:
    world.vpic.gate.clear()
    leaves, *stay = [asyncio.create_task(world.lookups.lookup(CAR.vin)) for _ in range(50)]
    await world.vpic.asked.wait()
    leaves.cancel()
    with pytest.raises(UpstreamUnavailable):
        await leaves
    world.vpic.gate.set()
    assert set(await asyncio.gather(*stay)) == {Answer(CAR, "miss")}
    assert world.vpic.calls == [[CAR.vin]]


async def test_concurrent_clients_share_full_batches(world: World) -> None:
    asked = vins(200)
    answers = await asyncio.gather(*map(world.lookups.lookup, asked))
    assert [answer.verdict.vin for answer in answers] == asked
    assert [len(call) for call in world.vpic.calls] == [50] * 4


async def test_client_that_comes_slightly_later_shares_the_call(world: World) -> None:
    first = asyncio.create_task(world.lookups.lookup(vins(2)[0]))
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.gather(first, world.lookups.lookup(vins(2)[1]))
    assert world.vpic.calls == [vins(2)]


async def test_lookup_joins_a_running_batch(world: World) -> None:
    world.vpic.gate.clear()
    batch = asyncio.create_task(world.lookups.lookup_many(vins(2)))
    await world.vpic.asked.wait()
    single = asyncio.create_task(world.lookups.lookup(vins(2)[1]))
    await asyncio.sleep(0)
    world.vpic.gate.set()
    assert (await single).cache == "miss"
    await batch
    assert world.vpic.calls == [vins(2)]


async def test_lookup_many_requests_uncached_vins_in_full_batches(world: World) -> None:
    await world.ask(*vins(3))
    world.vpic.calls.clear()
    asked = vins(1_003)
    found = await world.lookups.lookup_many([*asked, *map(str.lower, asked), "nonsense"])
    assert len(found) == 2_007
    assert found.pop("nonsense").status_code == 404
    assert [found[vin].cache for vin in asked] == ["hit"] * 3 + ["miss"] * 1_000
    assert sorted(map(len, world.vpic.calls)) == [50] * 20
    assert sorted(vin for call in world.vpic.calls for vin in call) == asked[3:]


async def test_lookup_many_failure_does_not_affect_other_vins(world: World) -> None:
    asked = vins(100)
    world.vpic.failing, world.vpic.left_out = {asked[-1]}, {asked[0]}
    found = await world.lookups.lookup_many(asked)
    assert "left this VIN out" in found[asked[0]].detail
    assert [isinstance(found[vin], Answer) for vin in asked[1:]] == [True] * 49 + [False] * 50
    world.vpic.left_out = set()
    assert [answer.cache for answer in await world.ask(*asked[:2])] == ["miss", "hit"]


@pytest.mark.parametrize("broken", ["get", "put"])
async def test_lookup_works_with_a_broken_cache(
    world: World, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise CacheError(503, "the disk is full")

    monkeypatch.setattr(Cache, broken, fails)
    assert await world.ask(CAR.vin, CAR.vin) == [Answer(CAR, "miss")] * 2
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize("with_cache", [True, False])
async def test_second_source_is_refused_with_and_without_a_cache(
    world: World, monkeypatch: pytest.MonkeyPatch, *, with_cache: bool
) -> None:
    """Made-up answers are never mixed with official ones."""

    def fails(*_: object) -> None:
        raise CacheError(503, "the disk is full")

    if not with_cache:
        monkeypatch.setattr(Cache, "put", fails)
    world.vpic.source = "made-up:1"
    await world.ask(CAR.vin)
    world.vpic.source = "official"
    (refused,) = await world.ask(vins(1)[0])
    assert "made-up:1" in refused.detail
    assert "correct VPIC_URL" in refused.detail
    assert world.lookups.source == "made-up:1"
    assert world.cache.get(vins(1)) == {}

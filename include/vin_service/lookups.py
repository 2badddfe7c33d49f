"""A VIN's answer: from the cache, or from vPIC once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple, Self

from include.errors import PermanentError
from include.first.rest import RestError
from include.vin_service.cache import Cache, CacheTrouble, Kept
from include.vin_service.decoding import Unknown, Vehicle
from include.vin_service.flights import Flights
from include.vin_service.upstream import Upstream
from include.vin_service.vpic import BATCH, Decoded, Vpic

log = logging.getLogger("headwaters.vin")
# How long who asks is kept waiting; vPIC usually takes 0.3 to 2.5 s for a call.
PATIENCE_S = 15.0
BATCH_PATIENCE_S = 60.0
# With an old answer at hand nobody waits long for a new one.
STALE_PATIENCE_S = 3.0
ASK_AGAIN_S = 30.0
LONGEST_WAIT_S = 86_400.0
TIDY_EVERY_S = 3600.0


class Trouble(Exception):
    """We could not ask: nothing is said about the VIN. Worth asking again."""

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = max(1, round(min(retry_after_s or ASK_AGAIN_S, LONGEST_WAIT_S)))

    @classmethod
    def of(cls, error: Exception, whom: str) -> Self:
        if isinstance(error, RestError):
            return cls(f"{whom} could not be asked: {error}", error.retry_after_s)
        return cls(str(error))


class Answer(NamedTuple):
    known: Vehicle | Unknown
    state: Literal["hit", "miss", "stale"]


Outcome = Answer | Trouble


class Lookups:
    def __init__(
        self,
        cache: Cache,
        vpic: Upstream[Vpic],
        flights: Flights,
        *,
        found_ttl_s: float,
        not_found_ttl_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cache = cache
        self._vpic = vpic
        self._flights = flights
        self._ttl_s = {Vehicle: found_ttl_s, Unknown: not_found_ttl_s}
        self._clock = clock
        self._asking: dict[str, asyncio.Task[Mapping[str, Outcome]]] = {}
        self._source: str | None = None
        self._tidy_at = 0.0

    def source(self) -> str | None:
        """Whose answers these are; None before the first. It never changes while we serve."""
        if self._source is None:
            try:
                self._source = self.cache.source()
            except CacheTrouble as error:
                log.warning("the source of the cache is not known: %s", error)
        return self._source

    async def lookup(self, vin: str) -> Answer:
        kept = self._kept(vin)
        if kept and self._is_fresh(kept):
            return Answer(kept.answer, "hit")
        outcome = await self._outcome(vin, self._asked([vin])[vin], kept, PATIENCE_S)
        if isinstance(outcome, Trouble):
            raise outcome
        return outcome

    async def remove(self, vin: str) -> bool:
        """Whether a vehicle was cached; one that is just being asked for is waited for."""
        if flight := self._asking.get(vin):
            await asyncio.wait([flight], timeout=PATIENCE_S)
        return await asyncio.to_thread(self.cache.remove, vin)

    async def lookup_many(self, vins: Sequence[str]) -> dict[str, Outcome]:
        """Each VIN once: cache first, the rest from vPIC, as few calls as it allows."""
        wanted = list(dict.fromkeys(vins))
        kept = await asyncio.to_thread(self._kept_of, wanted)
        outcomes: dict[str, Outcome] = {
            vin: Answer(has.answer, "hit") for vin, has in kept.items() if self._is_fresh(has)
        }
        rest = [vin for vin in wanted if vin not in outcomes]
        asked = self._asked(rest)
        found = await asyncio.gather(
            *(self._outcome(vin, asked[vin], kept.get(vin), BATCH_PATIENCE_S) for vin in rest)
        )
        return outcomes | dict(zip(rest, found, strict=True))

    def _asked(self, vins: Sequence[str]) -> dict[str, asyncio.Task[Mapping[str, Outcome]]]:
        """The flight that each VIN is on; a new one for those that are on none."""
        new = [vin for vin in vins if vin not in self._asking]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            flight = asyncio.create_task(self._ask(batch))
            self._asking |= dict.fromkeys(batch, flight)
            flight.add_done_callback(partial(self._landed, batch))
        return {vin: self._asking[vin] for vin in vins}

    def _landed(self, batch: Sequence[str], _: object) -> None:
        for vin in batch:
            del self._asking[vin]

    async def _ask(self, vins: Sequence[str]) -> Mapping[str, Outcome]:
        try:
            return await self._vpic.ask(lambda vpic: self._decode(vpic, vins))
        except (RestError, PermanentError) as error:
            log.warning("vPIC could not be asked for %d VINs: %s", len(vins), error)
            return dict.fromkeys(vins, Trouble.of(error, "vPIC"))
        except Exception:
            # Whatever it is, it says nothing about the VINs, and an old answer still stands.
            log.exception("vPIC's answer for %d VINs could not be used", len(vins))
            return dict.fromkeys(vins, Trouble("vPIC's answer could not be used; the log says why"))

    def _decode(self, vpic: Vpic, vins: Sequence[str]) -> Mapping[str, Outcome]:
        """In a thread, with the VINs held: what another worker has just learned is not asked."""
        with self._flights.held(vins, PATIENCE_S):
            outcomes: dict[str, Outcome] = {
                vin: Answer(has.answer, "hit")
                for vin, has in self._kept_of(vins).items()
                if self._is_fresh(has)
            }
            rest = [vin for vin in vins if vin not in outcomes]
            if not rest:
                return outcomes
            decoded = vpic.decode(rest)
            self._keep(decoded)
        for vin in rest:
            known = decoded.answers.get(vin)
            outcomes[vin] = Answer(known, "miss") if known else Trouble("vPIC left this VIN out")
        return outcomes

    def _keep(self, decoded: Decoded) -> None:
        now = self._clock()
        try:
            self.cache.put(decoded.answers.values(), int(now), decoded.source)
            if now >= self._tidy_at:
                self._tidy_at = now + TIDY_EVERY_S
                self.cache.forget_unknowns(int(now - self._ttl_s[Unknown]))
        except CacheTrouble as error:
            log.warning("answered, and not cached: %s", error)
            if self.source() not in {None, decoded.source}:
                raise PermanentError(
                    f"vPIC's answers were {self.source()}, and these are {decoded.source}; "
                    "correct VPIC_URL, or start again"
                ) from None
        self._source = decoded.source

    async def _outcome(
        self,
        vin: str,
        flight: asyncio.Task[Mapping[str, Outcome]],
        kept: Kept | None,
        patience_s: float,
    ) -> Outcome:
        """What the flight brings. An old vehicle is better than none; an old refusal is not."""
        old = Answer(kept.answer, "stale") if kept and isinstance(kept.answer, Vehicle) else None
        try:
            # The flight goes on when who asked has gone: others may wait for it, and the cache.
            async with asyncio.timeout(min(patience_s, STALE_PATIENCE_S) if old else patience_s):
                outcome = (await asyncio.shield(flight))[vin]
        except TimeoutError:
            outcome = Trouble(
                f"there was no answer of vPIC within {patience_s:.0f} s; it is slow, or many ask",
                10,
            )
        return old if old and isinstance(outcome, Trouble) else outcome

    def _is_fresh(self, kept: Kept) -> bool:
        return self._clock() < kept.decoded_at + self._ttl_s[type(kept.answer)]

    def _kept(self, vin: str) -> Kept | None:
        try:
            return self.cache.get(vin)
        except CacheTrouble as error:
            log.warning("looked up without the cache: %s", error)
            return None

    def _kept_of(self, vins: Sequence[str]) -> dict[str, Kept]:
        try:
            return self.cache.get_many(vins)
        except CacheTrouble as error:
            log.warning("looked up without the cache: %s", error)
            return {}

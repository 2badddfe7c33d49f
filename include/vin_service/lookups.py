"""A VIN's answer: from the cache, or from vPIC in one call for all who ask at the same time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple

from include.vin_service.cache import (
    Cache,
    CachedAnswer,
    CacheError,
    SourceMismatch,
    refuse_other_source,
)
from include.vin_service.upstream import Upstream, UpstreamUnavailable
from include.vin_service.vpic import (
    BATCH,
    Decoded,
    NotAVin,
    Unknown,
    Vehicle,
    decode,
    normalize_vin,
)

log = logging.getLogger("headwaters.vin")
# vPIC usually takes 0.3 to 2.5 s for a call.
PATIENCE_S = 12.0
BATCH_PATIENCE_S = 60.0
STALE_PATIENCE_S = 3.0  # with an old answer at hand
TIDY_EVERY_S = 3600.0
TOO_SLOW = "vPIC did not answer in time; ask again later"


class Answer(NamedTuple):
    known: Vehicle | Unknown
    cache: Literal["hit", "miss", "stale"]


Outcome = Answer | UpstreamUnavailable | NotAVin
Calls = dict[str, asyncio.Task[Mapping[str, Outcome]]]


class Lookups:
    """Use it from one event loop."""

    def __init__(
        self,
        cache: Cache,
        vpic: Upstream,
        found_ttl_s: float,
        not_found_ttl_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cache = cache
        self.source = cache.source()  # whose answers these are; None before the first
        self._vpic = vpic
        self._ttl_s = {Vehicle: found_ttl_s, Unknown: not_found_ttl_s}
        self._clock = clock
        self._calls: Calls = {}  # those under way, by VIN
        self._tidy_at = 0.0

    async def lookup(self, text: str) -> Answer:
        outcome = (await self.lookup_many([text], PATIENCE_S))[text]
        if not isinstance(outcome, Answer):
            raise outcome
        return outcome

    async def lookup_many(
        self, texts: Sequence[str], patience_s: float = BATCH_PATIENCE_S
    ) -> dict[str, Outcome]:
        """An outcome for each text: from the cache, the rest in as few calls as vPIC allows."""
        vins: dict[str, str] = {}
        malformed: dict[str, Outcome] = {}
        for text in texts:
            try:
                vins[text] = normalize_vin(text)
            except NotAVin as error:
                malformed[text] = error
        wanted = list(dict.fromkeys(vins.values()))
        cached = self._cached(wanted)
        outcomes: dict[str, Outcome] = {
            vin: Answer(known.answer, "hit")
            for vin, known in cached.items()
            if self._is_fresh(known)
        }
        rest = [vin for vin in wanted if vin not in outcomes]
        # An old vehicle is better than none; an old "not known" is served to nobody.
        stale = {vin for vin in rest if vin in cached and isinstance(cached[vin].answer, Vehicle)}
        calls = self._join_calls(rest)
        if rest:
            with suppress(asyncio.CancelledError):  # uvicorn cancels what holds up its end
                timeout_s = STALE_PATIENCE_S if len(stale) == len(rest) else patience_s
                await asyncio.wait(set(calls.values()), timeout=timeout_s)
        for vin in rest:
            outcome: Outcome = UpstreamUnavailable(TOO_SLOW, 10)
            if calls[vin].done():
                outcome = calls[vin].result()[vin]
            if vin in stale and not isinstance(outcome, Answer):
                outcome = Answer(cached[vin].answer, "stale")
            outcomes[vin] = outcome
        return {text: malformed.get(text) or outcomes[vins[text]] for text in texts}

    async def remove(self, vin: str) -> bool:
        """Whether a vehicle was cached; a lookup of it that is under way ends first."""
        if call := self._calls.get(vin):
            await asyncio.wait([call], timeout=PATIENCE_S)
        return await asyncio.to_thread(self.cache.remove, vin)

    def _join_calls(self, vins: Sequence[str]) -> Calls:
        """The call that each VIN is part of; a new one for those that are in none."""
        new = [vin for vin in vins if vin not in self._calls]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            call = asyncio.create_task(self._ask(batch))
            self._calls |= dict.fromkeys(batch, call)
            call.add_done_callback(partial(self._forget_call, batch))
        return {vin: self._calls[vin] for vin in vins}

    def _forget_call(self, batch: Sequence[str], _: object) -> None:
        for vin in batch:
            del self._calls[vin]

    async def _ask(self, vins: Sequence[str]) -> Mapping[str, Outcome]:
        try:
            decoded = await self._vpic.call(decode, vins)
            await self._keep(decoded)
        except UpstreamUnavailable as error:
            return dict.fromkeys(vins, error)
        return {
            vin: Answer(decoded.answers[vin], "miss")
            if vin in decoded.answers
            else UpstreamUnavailable("vPIC left this VIN out of its answer; ask again later")
            for vin in vins
        }

    async def _keep(self, decoded: Decoded) -> None:
        """Cache the answers; a cache that cannot be written costs only the caching."""
        now = self._clock()
        try:
            refuse_other_source(self.source, decoded.source)
            await asyncio.to_thread(self.cache.put, decoded, int(now))
            if now >= self._tidy_at:
                self._tidy_at = now + TIDY_EVERY_S
                unknown_until = int(now - self._ttl_s[Unknown])
                await asyncio.to_thread(self.cache.forget_unknown, unknown_until)
        except SourceMismatch as error:
            log.error("%s", error)  # noqa: TRY400 - the line says all
            raise UpstreamUnavailable(str(error)) from None
        except CacheError as error:
            log.warning("answered, and not cached: %s", error.detail)
        self.source = decoded.source

    def _is_fresh(self, cached: CachedAnswer) -> bool:
        return self._clock() < cached.decoded_at + self._ttl_s[type(cached.answer)]

    def _cached(self, vins: Sequence[str]) -> dict[str, CachedAnswer]:
        try:
            return self.cache.get(vins)
        except CacheError as error:
            log.warning("looked up without the cache: %s", error.detail)
            return {}

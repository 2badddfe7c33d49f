"""The answer about a VIN: from the cache, or from vPIC in one call that later clients join."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from fastapi import HTTPException

from include.vin_service.cache import Cache, CacheError
from include.vin_service.upstream import Upstream, UpstreamUnavailable
from include.vin_service.vpic import BATCH, Verdict, decode, normalize_vin

log = logging.getLogger("headwaters.vin")
# vPIC usually takes 0.3 to 2.5 s for a call.
PATIENCE_S = 12.0
BATCH_PATIENCE_S = 60.0
STALE_PATIENCE_S = 3.0  # with an old answer at hand
COLLECT_S = 0.02  # VINs that are asked together go to vPIC in one call
TOO_SLOW = "vPIC did not answer in time; ask again later"
LEFT_OUT = "vPIC left this VIN out of its answer; ask again later"


class Answer(NamedTuple):
    verdict: Verdict
    cache: Literal["hit", "miss", "stale"]
    fresh_until: float = 0  # of a hit


Outcome = Answer | HTTPException  # a 404 about the text, or a 503
Call = asyncio.Task[Mapping[str, Outcome]]


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
        self.source = cache.source()  # where all answers come from; None before the first
        self._vpic = vpic
        self._found_ttl_s, self._not_found_ttl_s = found_ttl_s, not_found_ttl_s
        self._clock = clock
        self._calls: dict[str, Call] = {}  # those under way, by VIN
        self._collected: list[str] = []  # the VINs of the newest call, while it collects
        self._full = asyncio.Event()  # set when that call has all that vPIC takes

    async def lookup(self, text: str) -> Answer:
        outcome = (await self.lookup_many([text], PATIENCE_S))[text]
        if isinstance(outcome, Answer):
            return outcome
        raise outcome

    async def lookup_many(
        self, texts: Sequence[str], patience_s: float = BATCH_PATIENCE_S
    ) -> dict[str, Outcome]:
        """An outcome for each text: from the cache, the rest in as few calls as vPIC allows."""
        vins: dict[str, str] = {}
        malformed: dict[str, Outcome] = {}
        for text in texts:
            try:
                vins[text] = normalize_vin(text)
            except HTTPException as refusal:
                malformed[text] = refusal
        found = await self._answers(list(dict.fromkeys(vins.values())), patience_s)
        return malformed | {text: found[vin] for text, vin in vins.items()}

    async def _answers(self, vins: Sequence[str], patience_s: float) -> dict[str, Outcome]:
        cached = self._cached(vins)
        answers: dict[str, Outcome] = {
            vin: Answer(verdict, "hit", until)
            for vin, (verdict, decoded_at) in cached.items()
            if (until := self._fresh_until(verdict, decoded_at)) > self._clock()
        }
        rest = [vin for vin in vins if vin not in answers]
        if not rest:
            return answers
        # An old vehicle is better than none; an old "not known" is never served.
        stale = {vin: cached[vin][0] for vin in rest if vin in cached and cached[vin][0].is_vehicle}
        calls = self._join_calls(rest)
        with suppress(asyncio.CancelledError):  # uvicorn cancels what holds up its end
            timeout_s = STALE_PATIENCE_S if len(stale) == len(rest) else patience_s
            await asyncio.wait(set(calls.values()), timeout=timeout_s)
        for vin, call in calls.items():
            answer = call.result()[vin] if call.done() else UpstreamUnavailable(TOO_SLOW, 10)
            if vin in stale and not isinstance(answer, Answer):
                answer = Answer(stale[vin], "stale")
            answers[vin] = answer
        return answers

    def _cached(self, vins: Sequence[str]) -> dict[str, tuple[Verdict, int]]:
        try:
            return self.cache.get(vins)
        except CacheError as error:
            log.warning("looked up without the cache: %s", error.detail)
            return {}

    def _fresh_until(self, verdict: Verdict, decoded_at: int) -> float:
        return decoded_at + (self._found_ttl_s if verdict.is_vehicle else self._not_found_ttl_s)

    def _join_calls(self, vins: Sequence[str]) -> dict[str, Call]:
        """The call that each VIN is part of; those that are in none join the newest."""
        for vin in vins:
            if vin in self._calls:
                continue
            if not self._collected or len(self._collected) == BATCH:
                self._collected, self._full = [vin], asyncio.Event()
                call = self._collect(self._collected, self._full)
                self._calls[vin] = asyncio.create_task(call)
            else:
                self._calls[vin] = self._calls[self._collected[0]]
                self._collected.append(vin)
                if len(self._collected) == BATCH:
                    self._full.set()
        return {vin: self._calls[vin] for vin in vins}

    async def _collect(self, vins: list[str], full: asyncio.Event) -> Mapping[str, Outcome]:
        with suppress(TimeoutError):
            async with asyncio.timeout(COLLECT_S):
                await full.wait()
        if self._collected is vins:
            self._collected = []
        return await self._ask(vins)

    async def _ask(self, vins: Sequence[str]) -> Mapping[str, Outcome]:
        try:
            verdicts, source = await self._vpic.call(decode, vins)
            self._check_source(source)
            await asyncio.to_thread(self.cache.put, verdicts, source, int(self._clock()))
        except UpstreamUnavailable as error:
            return dict.fromkeys(vins, error)
        except CacheError as error:
            log.warning("answered, and not cached: %s", error.detail)
        finally:
            for vin in vins:
                del self._calls[vin]
        left_out: dict[str, Outcome] = dict.fromkeys(vins, UpstreamUnavailable(LEFT_OUT))
        return left_out | {vin: Answer(verdict, "miss") for vin, verdict in verdicts.items()}

    def _check_source(self, source: str) -> None:
        """Made-up and real answers never share a cache."""
        if self.source not in {None, source}:
            refusal = (
                f"the cache holds answers that are {self.source}, and vPIC's are {source}; "
                "correct VPIC_URL, or set VIN_DB to another file"
            )
            log.error(refusal)
            raise UpstreamUnavailable(refusal)
        self.source = source

"""The answer about a VIN: from the cache, or from vPIC in one call that later clients join."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from fastapi import HTTPException

from include.vin_service.cache import Cache, CacheError
from include.vin_service.settings import Settings
from include.vin_service.upstream import Clock, Upstream, UpstreamUnavailable
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


class Lookups:
    """Use it from one event loop."""

    def __init__(
        self, cache: Cache, vpic: Upstream, settings: Settings, clock: Clock = time.time
    ) -> None:
        self.cache = cache
        self.source = cache.source()  # where all answers come from; None before the first
        self._vpic = vpic
        self._found_ttl_s = settings.vin_found_ttl_s
        self._not_found_ttl_s = settings.vin_not_found_ttl_s
        self._clock = clock
        self._collected: list[str] = []  # VINs that go to vPIC in a moment
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}  # by VIN, those collected too
        self._calls: set[asyncio.Task[None]] = set()  # without a reference, a task may vanish

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
        outcomes: dict[str, Outcome] = {}
        for text in texts:
            try:
                vins[text] = normalize_vin(text)
            except HTTPException as refusal:
                outcomes[text] = refusal
        found = await self._answers(list(dict.fromkeys(vins.values())), patience_s)
        return outcomes | {text: found[vin] for text, vin in vins.items()}

    async def _answers(self, vins: Sequence[str], patience_s: float) -> dict[str, Outcome]:
        answers, stale = self._cached(vins)
        waiting = {vin: self._ask_soon(vin) for vin in vins if vin not in answers}
        if not waiting:
            return answers
        with suppress(asyncio.CancelledError):  # uvicorn cancels requests that delay its end
            timeout_s = STALE_PATIENCE_S if len(stale) == len(waiting) else patience_s
            await asyncio.wait(waiting.values(), timeout=timeout_s)
        for vin, future in waiting.items():
            answer = future.result() if future.done() else UpstreamUnavailable(TOO_SLOW, 10)
            is_answer = isinstance(answer, Answer)
            answers[vin] = answer if is_answer else stale.get(vin, answer)
        return answers

    def _cached(self, vins: Sequence[str]) -> tuple[dict[str, Outcome], dict[str, Answer]]:
        """The fresh answers, and the old vehicles; an old "not known" is never served."""
        fresh: dict[str, Outcome] = {}
        stale: dict[str, Answer] = {}
        try:
            cached = self.cache.get(vins)
        except CacheError as error:
            log.warning("looked up without the cache: %s", error.detail)
            return fresh, stale
        for vin, (verdict, decoded_at) in cached.items():
            ttl_s = self._found_ttl_s if verdict.is_vehicle else self._not_found_ttl_s
            if self._clock() < decoded_at + ttl_s:
                fresh[vin] = Answer(verdict, "hit", decoded_at + ttl_s)
            elif verdict.is_vehicle:
                stale[vin] = Answer(verdict, "stale")
        return fresh, stale

    def _ask_soon(self, vin: str) -> asyncio.Future[Outcome]:
        """What the call under way answers, or the next one."""
        if vin not in self._waiting:
            loop = asyncio.get_running_loop()
            if not self._collected:
                loop.call_later(COLLECT_S, self._ask_collected)
            self._collected.append(vin)
            self._waiting[vin] = loop.create_future()
        return self._waiting[vin]

    def _ask_collected(self) -> None:
        vins, self._collected = self._collected, []
        for start in range(0, len(vins), BATCH):
            call = asyncio.create_task(self._ask(vins[start : start + BATCH]))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _ask(self, vins: Sequence[str]) -> None:
        outcomes: dict[str, Outcome] = dict.fromkeys(vins, UpstreamUnavailable(LEFT_OUT))
        try:
            verdicts, source = await self._vpic.call(decode, vins)
            self._check_source(source)
            outcomes |= {vin: Answer(verdict, "miss") for vin, verdict in verdicts.items()}
            await asyncio.to_thread(self.cache.put, verdicts, source, int(self._clock()))
        except UpstreamUnavailable as error:
            outcomes = dict.fromkeys(vins, error)
        except CacheError as error:
            log.warning("answered, and not cached: %s", error.detail)
        finally:
            for vin in vins:
                self._waiting.pop(vin).set_result(outcomes[vin])

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

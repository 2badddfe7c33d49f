"""The recalls of a vehicle's make, model and year, with what the lake knows of each."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple

from include.errors import PermanentError
from include.first.bucket import LakeError
from include.first.rest import RestError
from include.vehicle_recalls.commands.asking import NothingThere
from include.vin_service.decoding import Vehicle
from include.vin_service.lake_facts import Facts, LakeFacts
from include.vin_service.lookups import Trouble
from include.vin_service.model_recalls import Asked, ModelRecall, ModelRecalls
from include.vin_service.upstream import Upstream

log = logging.getLogger("headwaters.vin")
PATIENCE_S = 15.0
LAKE_PATIENCE_S = 10.0
LAKE_READS_AT_ONCE = 4
Model = tuple[str, str, str]


class KnownRecalls(NamedTuple):
    recalls: list[ModelRecall]
    facts: dict[str, Facts]
    lake: str | None  # what the lake had to say: which version, or why nothing; None without one


def rows_of(known: KnownRecalls) -> list[dict[str, Any]]:
    """As JSON has them, each with what the lake adds."""
    return [
        recall._asdict() | {"lake": known.facts.get(recall.nhtsa_id)} for recall in known.recalls
    ]


class Recalls:
    def __init__(self, api: Upstream[ModelRecalls], lake: LakeFacts | None) -> None:
        self._api = api
        self._lake = lake
        self._asking: dict[Model, asyncio.Task[Asked]] = {}
        # Its own: a lake that hangs must hold up nobody who asks for something else.
        self._threads = ThreadPoolExecutor(LAKE_READS_AT_ONCE, thread_name_prefix="lake")

    async def of(self, vehicle: Vehicle, source: str | None) -> KnownRecalls:
        """Raises Trouble when nobody could be asked: that is not the same as no recalls."""
        model = (vehicle.make, vehicle.model, vehicle.model_year)
        if not (asking := self._asking.get(model)):
            asking = asyncio.create_task(self._api.ask(lambda api: api.recalls(*model)))
            self._asking[model] = asking
            asking.add_done_callback(lambda _: self._asking.pop(model))
        try:
            async with asyncio.timeout(PATIENCE_S):
                asked = await asyncio.shield(asking)
        except TimeoutError:
            raise Trouble(f"NHTSA did not answer within {PATIENCE_S:.0f} s", 10) from None
        except (RestError, PermanentError) as error:
            log.warning("NHTSA could not be asked for the recalls of %s: %s", model, error)
            raise Trouble.of(error, "NHTSA") from None
        except Exception:
            log.exception("NHTSA's answer for the recalls of %s could not be used", model)
            raise Trouble("NHTSA's answer could not be used; the log says why") from None
        if source not in {None, asked.source}:
            raise Trouble(
                f"the VIN is from a source that is {source}, the recalls are {asked.source}; "
                "correct VPIC_URL or RECALLS_API_URL"
            )
        if self._lake is None or not asked.recalls:
            return KnownRecalls(asked.recalls, {}, None)
        return await self._enriched(asked, self._lake)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _enriched(self, asked: Asked, lake: LakeFacts) -> KnownRecalls:
        campaigns = {
            recall.nhtsa_id: date.fromisoformat(day)
            if (day := recall.report_received_date)
            else None
            for recall in asked.recalls
        }
        try:
            async with asyncio.timeout(LAKE_PATIENCE_S):
                found = await asyncio.get_running_loop().run_in_executor(
                    self._threads, lake.of, campaigns
                )
        except NothingThere:
            return KnownRecalls(asked.recalls, {}, "the lake has no recalls yet")
        except (LakeError, PermanentError, TimeoutError) as error:
            why = str(error) or f"no answer within {LAKE_PATIENCE_S:.0f} s"
            log.warning("recalls were answered without the lake: %s", why)
            return KnownRecalls(asked.recalls, {}, "the lake could not be read")
        if found.source != asked.source:
            log.warning(
                "recalls were answered without the lake: it is %s, they are %s",
                found.source,
                asked.source,
            )
            return KnownRecalls(asked.recalls, {}, "the lake has data of another source")
        return KnownRecalls(asked.recalls, found.facts, f"version {found.version}")

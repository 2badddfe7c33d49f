"""The recalls of a vehicle's make, model and year, with what the lake knows about each."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from include.http.client import HttpClient, Response
from include.lake.store import Store
from include.vin_service.lake_facts import UNREADABLE, Lake, LakeFacts
from include.vin_service.upstream import UnreadableAnswer, Upstream, UpstreamUnavailable
from include.vin_service.vpic import Verdict

NOTE = (
    "These are recalls of this make, model and year; whether this very car is affected or was "
    "repaired is not known here: ask a dealer, or www.nhtsa.gov/recalls."
)
LAKE_PATIENCE_S = 5.0
NO_RECALLS = 400  # the API says so with the status of a bad request


def _iso_date(text: str | None) -> str | None:
    """The API writes 14/11/2025."""
    return f"{datetime.strptime(text, '%d/%m/%Y'):%Y-%m-%d}" if text else None  # noqa: DTZ007 - a day


Text = Annotated[str, BeforeValidator(lambda text: "" if text is None else text)]
Day = Annotated[str | None, AfterValidator(_iso_date)]


class Recall(BaseModel):
    """One campaign, as the API words it; null: it does not say."""

    model_config = ConfigDict(strict=True, str_strip_whitespace=True)

    nhtsa_id: Text = Field(validation_alias="NHTSACampaignNumber", min_length=1)
    report_received_date: Day = Field(None, validation_alias="ReportReceivedDate")
    component: Text = Field("", validation_alias="Component")
    summary: Text = Field("", validation_alias="Summary")
    consequence: Text = Field("", validation_alias="Consequence")
    remedy: Text = Field("", validation_alias="Remedy")
    notes: Text = Field("", validation_alias="Notes")
    park_it: bool | None = Field(None, validation_alias="parkIt")
    park_outside: bool | None = Field(None, validation_alias="parkOutSide")
    over_the_air_update: bool | None = Field(None, validation_alias="overTheAirUpdate")


class Change(TypedDict):
    """A field that NHTSA edited, or the campaign's number if the recall came or went."""

    observed_at: str
    event: str
    field: str
    old: str | None
    new: str | None


class RecallInLake(TypedDict):
    """`first_seen` is when Headwaters first saw it; `at_baseline`: it was there from the start."""

    completion_rate: float | None
    do_not_drive: bool | None
    first_seen: str | None
    at_baseline: bool
    changes: list[Change]


class EnrichedRecall(Recall):
    lake: RecallInLake | None = Field(description="What the lake adds; null without it.")


class RecallsAnswer(BaseModel):
    vin: str = Field(examples=["1HGCM82633A004352"])
    make: str
    model: str
    model_year: str
    scope: Literal["model"]
    note: str = Field(examples=[NOTE])
    lake_note: str | None = Field(description="The lake's version, or why it adds nothing.")
    recalls: list[EnrichedRecall] = Field(description="Empty: NHTSA knows of none.")


class Recalls:
    """Use it from one event loop."""

    def __init__(self, nhtsa: Upstream, store: Store | None) -> None:
        self._nhtsa = nhtsa
        self._lake = Lake(store) if store else None
        self._calls: dict[tuple[str, ...], asyncio.Task[Any]] = {}  # by model
        # Its own thread: a lake that hangs holds up nothing else.
        self._lake_thread = ThreadPoolExecutor(1, thread_name_prefix="lake")

    async def of(self, vehicle: Verdict, source: str | None) -> dict[str, Any]:
        """As `RecallsAnswer`; no recalls is an answer, UpstreamUnavailable is not."""
        model = (vehicle.make, vehicle.model, vehicle.model_year)
        if not (call := self._calls.get(model)):
            call = asyncio.create_task(self._nhtsa.call(recalls_of_model, *model))
            self._calls[model] = call
            call.add_done_callback(lambda _: self._calls.pop(model))
        recalls, publisher = await asyncio.shield(call)
        if source not in {None, publisher}:
            raise UpstreamUnavailable(
                f"the vehicle's source is {source}, that of the recalls is {publisher}; "
                "correct VPIC_URL or RECALLS_API_URL"
            )
        lake = await self._read_lake(publisher) if recalls else None
        known = lake.recalls if lake else {}
        named = {name: getattr(vehicle, name) for name in ("vin", "make", "model", "model_year")}
        return named | {
            "scope": "model",
            "note": NOTE,
            "lake_note": lake.note if lake else None,
            "recalls": [recall | {"lake": known.get(recall["nhtsa_id"])} for recall in recalls],
        }

    async def _read_lake(self, publisher: str) -> LakeFacts | None:
        if not self._lake:
            return None
        reading = asyncio.get_running_loop().run_in_executor(self._lake_thread, self._lake.facts)
        try:
            facts = await asyncio.wait_for(reading, LAKE_PATIENCE_S)
        except TimeoutError:
            return UNREADABLE
        if facts.publisher not in {"", publisher}:
            return LakeFacts("the lake has data of another source")
        return facts

    def close(self) -> None:
        self._lake_thread.shutdown(wait=False, cancel_futures=True)


def recalls_of_model(
    client: HttpClient, make: str, model: str, model_year: str
) -> tuple[list[dict[str, Any]], str]:
    """The recalls, and whose data they are."""
    check = partial(_rows, client)
    response = client.get(
        "/recalls/recallsByVehicle",
        params={"make": make, "model": model, "modelYear": model_year},
        ok_statuses=(NO_RECALLS,),
        check=check,
    )
    return check(response), response.publisher


def _rows(client: HttpClient, response: Response) -> list[dict[str, Any]]:
    body = response.json()
    results = body.get("results") if isinstance(body, dict) else None
    if response.status == NO_RECALLS and results != []:
        client.raise_for_status(response)
    problem = "no list of recalls"
    if isinstance(results, list) and (results or not body.get("Count")):
        try:
            return [Recall.model_validate(result).model_dump() for result in results]
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
    what = f"sent JSON that cannot be read ({problem})"
    raise UnreadableAnswer(str(response.unexpected(what)))

"""The routes of the API: from a request to the lookups, and from their outcome to JSON."""

import asyncio
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from include.vin_service.cache import CacheError
from include.vin_service.lookups import Answer, Lookups, Outcome
from include.vin_service.recalls import RecallsAnswer
from include.vin_service.upstream import UpstreamUnavailable
from include.vin_service.vpic import VIN, normalize_vin

MAX_VINS = 1_000
CHECK_DIGIT = '199 headwaters "the check digit is wrong; a character may be mistyped"'
PARQUET = "application/vnd.apache.parquet"
EXPORTS_AT_ONCE = 2
EXPORT_TIMEOUT_S = 600  # an export holds a snapshot, and with it the cache's write-ahead log
EXAMPLE = "1HGCM82633A004352"
# The pattern is for readers; what does not match is not a 422, but a 404 that says why.
VinInPath = Annotated[str, Path(examples=[EXAMPLE], json_schema_extra={"pattern": VIN.pattern})]


class VehicleAnswer(BaseModel):
    vin: str = Field(description="In upper case.", examples=[EXAMPLE])
    make: str = Field(examples=["HONDA"])
    model: str = Field(examples=["Accord"])
    model_year: str = Field(examples=["2003"])
    body_class: str = Field(description="Empty if vPIC gives none.", examples=["Coupe"])
    cached: bool = Field(description="Whether the answer came from the cache.")


# JSON can hold a lone surrogate, which no answer can carry.
Text = Annotated[str, AfterValidator(lambda text: text.encode().decode())]


class Vins(BaseModel):
    model_config = ConfigDict(extra="forbid")

    vins: Annotated[list[Text], Field(max_length=MAX_VINS, examples=[[EXAMPLE, EXAMPLE[:-1]]])]


class OneOfMany(BaseModel):
    """Either a vehicle, or a sentence on why there is none."""

    asked: str = Field(description="The text as it was asked.", examples=[EXAMPLE])
    status: Literal[200, 404, 503] = Field(description="What `GET /lookup/{vin}` would answer.")
    vehicle: VehicleAnswer | None = None
    cache: Literal["hit", "miss", "stale"] | None = Field(None, description="As in `X-Cache`.")
    check_digit_wrong: bool | None = Field(None, description="As `Warning` says.")
    detail: str | None = None


class ManyAnswers(BaseModel):
    results: list[OneOfMany] = Field(description="One for each text, in the order asked.")


class Detail(BaseModel):
    """One sentence on why there is no answer."""

    detail: str


router = APIRouter(responses={status: {"model": Detail} for status in (400, 401, 404, 413, 503)})


@router.get("/lookup/{vin:path}", response_model=VehicleAnswer)
async def lookup(request: Request, vin: VinInPath) -> Response:
    """Look up a VIN."""
    answer, headers = await _look_up(request, vin)
    response = JSONResponse(vehicle_of(answer), headers=headers)
    if answer.cache == "hit":
        request.app.state.hits.keep(answer.verdict.vin, response, answer.fresh_until)
    return response


@router.post("/lookup", response_model=ManyAnswers)
async def lookup_many(request: Request, asked: Vins) -> Response:
    """Look up as many as 1,000 VINs."""
    lookups: Lookups = request.app.state.lookups
    found = await lookups.lookup_many(asked.vins)
    waits_s = [o.retry_after_s for o in found.values() if isinstance(o, UpstreamUnavailable)]
    headers = made_up(lookups) | ({"Retry-After": str(max(waits_s))} if waits_s else {})
    results = [one_of_many(text, found[text]) for text in asked.vins]
    return JSONResponse({"results": results}, headers=headers)


@router.delete("/remove/{vin:path}")
async def remove(request: Request, vin: VinInPath) -> bool:
    """Forget a VIN; true if a vehicle was cached."""
    vin = normalize_vin(vin)
    removed: bool = await asyncio.to_thread(request.app.state.lookups.cache.remove, vin)
    request.app.state.hits.forget(vin)
    return removed


@router.get("/recalls/{vin:path}", response_model=RecallsAnswer)
async def recalls(request: Request, vin: VinInPath) -> Response:
    """List the recalls of a VIN's make, model and year."""
    answer, headers = await _look_up(request, vin)
    state = request.app.state
    found = await state.recalls.of(answer.verdict, state.lookups.source)
    return JSONResponse(found, headers=headers)


class Download(StreamingResponse):
    media_type = PARQUET

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(EXPORT_TIMEOUT_S), scope["app"].state.exports:
            await super().__call__(scope, receive, send)


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {PARQUET: {}}, "description": "Parquet"}},
)
async def export_all(request: Request) -> Response:
    """Download all cached vehicles as one Parquet file."""
    state = request.app.state
    headers = {"Content-Disposition": 'attachment; filename="vehicles.parquet"'}
    headers |= made_up(state.lookups)
    if state.exports.locked():
        raise UpstreamUnavailable("other exports are under way; ask again when one has ended", 5)
    pieces = state.lookups.cache.export()
    first = await asyncio.to_thread(next, pieces)  # what fails here is answered, not cut off
    return Download(chain([first], pieces), headers=headers)


@router.get("/healthz")
async def healthz(request: Request) -> dict[str, str]:
    """Tell whether the service works; needs no key."""
    try:
        request.app.state.lookups.cache.source()
    except CacheError:
        return {"status": "degraded", "detail": "the cache cannot be read; lookups work without it"}
    return {"status": "ok"}


async def _look_up(request: Request, vin: str) -> tuple[Answer, dict[str, str]]:
    """The vehicle and the headers that go with it, or the 404 about it."""
    lookups: Lookups = request.app.state.lookups
    answer = await lookups.lookup(vin)
    headers = {"X-Cache": answer.cache} | made_up(lookups)
    if not answer.verdict.is_vehicle:
        raise HTTPException(404, answer.verdict.detail, headers)
    if answer.verdict.check_digit_wrong:
        headers["Warning"] = CHECK_DIGIT
    return answer, headers


def one_of_many(asked: str, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, HTTPException):
        return {"asked": asked, "status": outcome.status_code, "detail": outcome.detail}
    if not outcome.verdict.is_vehicle:
        return {"asked": asked, "status": 404, "detail": outcome.verdict.detail}
    return {
        "asked": asked,
        "status": 200,
        "vehicle": vehicle_of(outcome),
        "cache": outcome.cache,
        "check_digit_wrong": outcome.verdict.check_digit_wrong,
    }


def vehicle_of(answer: Answer) -> dict[str, Any]:
    fields = answer.verdict._asdict()
    del fields["detail"], fields["check_digit_wrong"]
    return fields | {"cached": answer.cache != "miss"}


def made_up(lookups: Lookups) -> dict[str, str]:
    """Made-up data says so."""
    kind, _, seed = (lookups.source or "").partition(":")
    return {"X-Made-Up": f"seed={seed}"} if kind == "made-up" else {}

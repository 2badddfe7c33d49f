"""The routes: from a request to the lookups, and from their outcome to an answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from starlette.convertors import Convertor, register_url_convertor

from include.vin_service.answers import (
    NOTE,
    SCOPE,
    VIN_IN_PATH,
    Health,
    Invalid,
    ManyAnswers,
    RecallsAnswer,
    VehicleAnswer,
    Vins,
    documented,
)
from include.vin_service.cache import CacheTrouble
from include.vin_service.decoding import Unknown, Vehicle
from include.vin_service.download import MEDIA_TYPE, Download
from include.vin_service.export import export
from include.vin_service.lookups import Answer, Lookups, Outcome, Trouble
from include.vin_service.recalls import KnownRecalls, rows_of
from include.vin_service.vin import NotAVin, checked


class Anything(Convertor[str]):
    """Slashes and line ends too: whatever is asked is told what is wrong with it as a VIN."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", Anything())
as_json = json.JSONEncoder(ensure_ascii=False).encode
router = APIRouter()
CHECK_DIGIT = '199 headwaters "the check digit is wrong; a character may be mistyped"'


@router.get(
    "/lookup/{vin:anything}",
    openapi_extra=VIN_IN_PATH,
    response_model=VehicleAnswer,
    responses=documented(404, 503),
    summary="Look a VIN up",
)
async def lookup(request: Request) -> Response:
    lookups: Lookups = request.app.state.lookups
    answer = await lookups.lookup(checked(request.path_params["vin"]))
    headers = _headers(lookups, answer)
    if isinstance(answer.known, Unknown):
        raise HTTPException(404, answer.known.detail, headers)
    return Response(
        as_json(vehicle_of(answer.known, answer)), headers=headers, media_type="application/json"
    )


@router.post(
    "/lookup",
    response_model=ManyAnswers,
    responses=documented(400, 413) | {422: {"model": Invalid}},
    summary="Look up to 1,000 VINs up",
)
async def lookup_many(request: Request, asked: Vins) -> Response:
    lookups: Lookups = request.app.state.lookups
    found = await outcomes(lookups, asked.vins)
    results = [one_of_many(text, found[text]) for text in asked.vins]
    waits = [o.retry_after_s for o in found.values() if isinstance(o, Trouble)]
    headers = made_up(lookups) | ({"Retry-After": str(max(waits))} if waits else {})
    return JSONResponse({"results": results}, headers=headers)


@router.delete(
    "/remove/{vin:anything}",
    openapi_extra=VIN_IN_PATH,
    response_model=bool,
    responses=documented(404, 503),
    summary="Forget a VIN",
)
async def remove(request: Request) -> bool:
    """True when it was cached, false when not."""
    lookups: Lookups = request.app.state.lookups
    return await lookups.remove(checked(request.path_params["vin"]))


@router.get(
    "/export",
    response_class=Response,
    responses=documented(503) | {200: {"content": {MEDIA_TYPE: {}}, "description": "Parquet"}},
    summary="All cached vehicles as one Parquet file",
)
async def export_all(request: Request) -> Response:
    lookups: Lookups = request.app.state.lookups
    slots: asyncio.Semaphore = request.app.state.exports
    if slots.locked():
        raise Trouble("other exports are under way; ask again when one has ended", 5)
    await slots.acquire()
    try:
        download = Download(export(lookups.cache), slots.release)
        await download.begin()
    except BaseException:
        slots.release()
        raise
    download.headers.update(made_up(lookups))
    return download


@router.get(
    "/recalls/{vin:anything}",
    openapi_extra=VIN_IN_PATH,
    response_model=RecallsAnswer,
    responses=documented(404, 503),
    summary="The recalls of a VIN's make, model and year",
)
async def recalls(request: Request) -> Response:
    lookups: Lookups = request.app.state.lookups
    answer = await lookups.lookup(checked(request.path_params["vin"]))
    headers = _headers(lookups, answer)
    if isinstance(answer.known, Unknown):
        raise HTTPException(404, answer.known.detail, headers)
    known = await request.app.state.recalls.of(answer.known, lookups.source())
    return JSONResponse(recalls_of(answer.known, known), headers=headers)


@router.get(
    "/healthz",
    response_model=Health,
    response_model_exclude_none=True,
    summary="Whether it works; needs no key",
)
async def healthz(request: Request) -> dict[str, Any]:
    lookups: Lookups = request.app.state.lookups
    try:
        lookups.cache.source()
    except CacheTrouble:
        return {"status": "degraded", "detail": "the cache cannot be read; lookups work without"}
    return {"status": "ok"}


async def outcomes(lookups: Lookups, texts: list[str]) -> dict[str, Outcome | NotAVin]:
    """What comes of each text; a malformed one is asked of nobody."""
    vins: dict[str, str] = {}
    found: dict[str, Outcome | NotAVin] = {}
    for text in texts:
        try:
            vins[text] = checked(text)
        except NotAVin as error:
            found[text] = error
    answers = await lookups.lookup_many(list(vins.values()))
    return found | {text: answers[vin] for text, vin in vins.items()}


def one_of_many(asked: str, outcome: Outcome | NotAVin) -> dict[str, Any]:
    if isinstance(outcome, Trouble):
        return {"asked": asked, "status": 503, "detail": str(outcome)}
    if isinstance(outcome, NotAVin):
        return {"asked": asked, "status": 404, "detail": str(outcome)}
    if isinstance(outcome.known, Unknown):
        return {"asked": asked, "status": 404, "detail": outcome.known.detail}
    return {
        "asked": asked,
        "status": 200,
        "vehicle": vehicle_of(outcome.known, outcome),
        "cache": outcome.state,
        "check_digit_wrong": outcome.known.check_digit_wrong,
    }


def vehicle_of(vehicle: Vehicle, answer: Answer) -> dict[str, Any]:
    return {
        "vin": vehicle.vin,
        "make": vehicle.make,
        "model": vehicle.model,
        "model_year": vehicle.model_year,
        "body_class": vehicle.body_class,
        "cached": answer.state != "miss",
    }


def recalls_of(vehicle: Vehicle, known: KnownRecalls) -> dict[str, Any]:
    return {
        "vin": vehicle.vin,
        "make": vehicle.make,
        "model": vehicle.model,
        "model_year": vehicle.model_year,
        "scope": SCOPE,
        "note": NOTE,
        "lake": known.lake,
        "recalls": rows_of(known),
    }


def made_up(lookups: Lookups) -> dict[str, str]:
    """Made-up data says so, in the words of the local APIs."""
    kind, _, seed = (lookups.source() or "").partition(":")
    return {"X-Made-Up": f"seed={seed}"} if kind == "made-up" else {}


def _headers(lookups: Lookups, answer: Answer) -> dict[str, str]:
    headers = {"X-Cache": answer.state} | made_up(lookups)
    if isinstance(answer.known, Vehicle) and answer.known.check_digit_wrong:
        headers["Warning"] = CHECK_DIGIT
    return headers

"""The vehicle recalls API of data.transportation.gov, as far as SODA 2.1 serves this dataset."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from email.utils import format_datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fakes import answers
from fakes.control import Control, Fault
from fakes.json_rows import body_of
from fakes.memory import Remembered
from fakes.published import Published
from fakes.query import Columns, Malformed, Query
from fakes.soql import parse

DATASET = "6axg-epim"
router = APIRouter()
_bodies = Remembered[bytes](64_000_000, len)


@router.get("/resource/{resource}")
def rows(request: Request, resource: str) -> Response:
    control: Control = request.app.state.control
    faults: list[Fault] = request.state.faults
    published = Published.under(faults, control.rows, control.seed, control.day)
    if resource.removesuffix(".json") != DATASET:
        return _missing(resource)
    parameters = dict(request.query_params)
    token = request.headers.get("X-App-Token") or parameters.get("$$app_token")
    if token and token not in control.valid_tokens:
        return _error(403, "permission_denied", "Invalid app_token specified")
    types = published.types()
    try:
        query = parse(request.query_params.multi_items(), Columns(types))
        return _answer(request, published, query, types, faults)
    except Malformed as error:
        query_text = " ".join(f"{name}={value}" for name, value in parameters.items())
        return _error(400, "query.compiler.malformed", str(error), {"query": query_text})


@router.get("/api/views/{resource}")
def view(request: Request, resource: str) -> Response:
    """What the dataset is: its columns, and when its rows were updated."""
    if resource.removesuffix(".json") != DATASET:
        return _missing(resource)
    control: Control = request.app.state.control
    published = Published.under(request.state.faults, control.rows, control.seed, control.day)
    columns = [
        {
            "id": number,
            "name": name.replace("_", " ").title(),
            "fieldName": name,
            "dataTypeName": "calendar_date" if kind == "floating_timestamp" else kind,
        }
        for number, (name, kind) in enumerate(published.types().items(), start=1)
        if not name.startswith(":")
    ]
    updated = int(published.refreshed.timestamp())
    return JSONResponse(
        {"id": DATASET, "name": "Recalls Data", "rowsUpdatedAt": updated, "columns": columns}
    )


def _answer(
    request: Request,
    published: Published,
    query: Query,
    types: dict[str, str],
    faults: list[Fault],
) -> Response:
    gzipped = "gzip" in request.headers.get("Accept-Encoding", "")
    if query.counts:
        found = answers.groups(published, query)
        body = _encoded(body_of([(found, None)] if found.num_rows else []), gzipped=gzipped)
    else:
        places = answers.places_of(published, query)
        spoiled = _spoil(places, faults)

        def render() -> bytes:
            return _encoded(answers.page_body(published, query, spoiled), gzipped=gzipped)

        if query.is_ordered and spoiled is places:
            body = _bodies.get((published, query, gzipped), render)
        else:
            body = render()
    headers = _headers(published, query, types, faults)
    headers["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    if gzipped:
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, headers=headers, media_type="application/json;charset=utf-8")


def _spoil(places: answers.Places, faults: list[Fault]) -> answers.Places:
    """Lose or repeat the row in the middle of the page, if a fault says so."""
    for fault in faults:
        every = list(range(len(places)))
        before, after = every[: len(every) // 2 + 1], every[len(every) // 2 + 1 :]
        if fault.kind == "lost_row":
            places = places[before[:-1] + after]
        if fault.kind == "repeated_row":
            places = places[before + before[-1:] + after[bool(fault.options.get("loses")) :]]
    return places


def _headers(
    published: Published, query: Query, types: dict[str, str], faults: list[Fault]
) -> dict[str, str]:
    refreshed = format_datetime(published.refreshed, usegmt=True)
    kinds = {fault.kind for fault in faults}
    headers = {
        "Last-Modified": refreshed,
        "X-SODA2-Truth-Last-Modified": refreshed,
        "X-SODA2-Data-Out-Of-Date": "true" if "stale" in kinds else "false",
    }
    if "no_headers" not in kinds:
        declared = {
            one.name: "number" if one.what is None or one.what.year else types[one.what.column]
            for one in query.select
        }
        headers["X-SODA2-Fields"] = json.dumps(list(declared), separators=(",", ":"))
        headers["X-SODA2-Types"] = json.dumps(list(declared.values()), separators=(",", ":"))
    return headers


def _encoded(pieces: Iterable[bytes], *, gzipped: bool) -> bytes:
    if not gzipped:
        return b"".join(pieces)
    # Level 1: the reader waits for it. Window 31 means gzip, whose header then has no time.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(piece) for piece in pieces), packer.flush()])


def _missing(resource: str) -> Response:
    name = resource.removesuffix(".json")
    return _error(404, "dataset.missing", "Not found", {"id": name})


def _error(status: int, code: str, message: str, more: dict[str, str] | None = None) -> Response:
    body: dict[str, object] = {"code": code, "error": True, "message": message}
    return JSONResponse(body | ({"data": more} if more else {}), status)

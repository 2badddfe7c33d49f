"""The vehicle recalls API of data.transportation.gov, as far as SODA 2.1 serves this dataset."""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Sequence
from email.utils import format_datetime
from functools import lru_cache

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fakes.faults import Fault, World, spoil
from fakes.recalls_table import Source
from fakes.soql import TYPES, Malformed, translate

DATASET, TOKEN = "6axg-epim", "local-token"
router = APIRouter()


@router.get("/resource/{resource}")
def rows(request: Request, resource: str) -> Response:
    world: World = request.app.state.control
    faults: list[Fault] = request.state.faults
    source = source_of(world, faults)
    if resource.removesuffix(".json") != DATASET:
        return _missing(resource)
    if request.headers.get("X-App-Token", TOKEN) != TOKEN:
        return _error(403, "permission_denied", "Invalid app_token specified")
    gzipped = "gzip" in request.headers.get("Accept-Encoding", "")
    try:
        question = translate(request.query_params)
        if faults:
            body = _encoded(spoil(_lines(source, question.sql), faults), gzipped=gzipped)
        else:
            body = _body(source, question.sql, gzipped=gzipped)
    except (Malformed, sqlite3.OperationalError) as error:
        asked = {"query": str(request.query_params)}
        return _error(400, "query.compiler.malformed", str(error), asked)
    refreshed = format_datetime(source.refreshed, usegmt=True)
    headers = {
        "ETag": f'W/"{hashlib.sha256(body).hexdigest()[:24]}"',
        "Last-Modified": refreshed,
        "X-SODA2-Truth-Last-Modified": refreshed,
        "X-SODA2-Data-Out-Of-Date": "false",
        "X-SODA2-Fields": json.dumps(list(question.columns)),
        "X-SODA2-Types": json.dumps(list(question.columns.values())),
    }
    if gzipped:
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, headers=headers, media_type="application/json;charset=utf-8")


@router.get("/api/views/{resource}")
def view(request: Request, resource: str) -> Response:
    """What the dataset is: its columns, and when its rows were updated."""
    if resource.removesuffix(".json") != DATASET:
        return _missing(resource)
    source = source_of(request.app.state.control, request.state.faults)
    columns = [
        {
            "id": number,
            "name": name.replace("_", " ").title(),
            "fieldName": name,
            "dataTypeName": "calendar_date" if kind == "floating_timestamp" else kind,
        }
        for number, (name, kind) in enumerate(TYPES.items(), start=1)
        if not name.startswith(":")
    ]
    updated = int(source.refreshed.timestamp())
    said = {"id": DATASET, "name": "Recalls Data", "rowsUpdatedAt": updated, "columns": columns}
    return JSONResponse(said)


def source_of(world: World, faults: Sequence[Fault] = ()) -> Source:
    """The data as it stands, under the conditions that hold for a request."""
    dirt = tuple(tuple(fault.options.items()) for fault in faults if fault.kind == "dirty")
    is_empty = any(fault.kind == "empty" for fault in faults)
    return Source(world.rows, world.seed, world.day, dirt, is_empty)


@lru_cache(maxsize=16)
def _body(source: Source, sql: str, *, gzipped: bool) -> bytes:
    return _encoded(_lines(source, sql), gzipped=gzipped)


def _lines(source: Source, sql: str) -> list[str]:
    return [line for (line,) in source.table().execute(sql)]


def _encoded(lines: Sequence[str], *, gzipped: bool) -> bytes:
    """As the publisher lays it out: one object a line, the comma first."""
    body = ("[" + "\n,".join(lines) + "\n]\n").encode() if lines else b"[]\n"
    # Level 1: the reader waits for it. Window 31 means gzip, whose header then has no time.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush() if gzipped else body


def _missing(resource: str) -> Response:
    name = resource.removesuffix(".json")
    return _error(404, "dataset.missing", "Not found", {"id": name})


def _error(status: int, code: str, message: str, more: dict[str, str] | None = None) -> Response:
    body: dict[str, object] = {"code": code, "error": True, "message": message}
    return JSONResponse(body | ({"data": more} if more else {}), status)

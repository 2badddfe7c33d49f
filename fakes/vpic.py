"""vPIC, NHTSA's decoder of VINs, as far as its flat answers go. A bad VIN is answered with 200."""

from __future__ import annotations

from xml.sax.saxutils import escape

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fakes.control import Fault
from fakes.vpic_decoding import decode

MOST_VINS = 50
MESSAGE = (
    "Results returned successfully. NOTE: Any missing decoded values should be interpreted as "
    "NHTSA does not have data on the specific variable. Missing value should NOT be interpreted "
    "as an indication that a feature or technology is unavailable for a vehicle."
)
router = APIRouter(prefix="/api/vehicles")


@router.get("/DecodeVinValues/{vin}")
async def one(request: Request, vin: str) -> Response:
    given = {name.lower(): value for name, value in request.query_params.items()}
    results = [decode(vin, given.get("modelyear", ""))]
    return _answer(given.get("format"), vin, results)


@router.post("/DecodeVINValuesBatch/")
async def batch(request: Request) -> Response:
    async with request.form() as form:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
    request.state.asked.params.update(sent)
    given = {name.lower(): value for name, value in sent.items()}
    entries = [entry for entry in given.get("data", "").split(";") if entry.strip()]
    if not entries or len(entries) > MOST_VINS:
        said = f"Error: DATA has {len(entries)} VINs; a batch has 1 to {MOST_VINS}."
        body = {"Count": 0, "Message": said, "SearchCriteria": None, "Results": []}
        return JSONResponse(body, 400)
    decoded = [decode(vin, year) for vin, _, year in (entry.partition(",") for entry in entries)]
    results = _spoiled(decoded, request.state.faults)
    return _answer(given.get("format"), given["data"], results, count=len(entries))


def _spoiled(results: list[dict[str, str]], faults: list[Fault]) -> list[dict[str, str]]:
    """Lose or repeat the result in the middle, or turn their order round, if a fault says so."""
    for fault in faults:
        middle = len(results) // 2
        if fault.kind == "lost_row":
            results = results[:middle] + results[middle + 1 :]
        if fault.kind == "repeated_row":
            last = len(results) - 1 if fault.options.get("loses") else len(results)
            results = results[: middle + 1] + results[middle:last]
        if fault.kind == "reordered":
            results = results[::-1]
    return results


def _answer(
    asked_format: str | None, searched: str, results: list[dict[str, str]], count: int = 1
) -> Response:
    """`count` is what was asked for, whatever the results are; without a format it is XML."""
    criteria = f"VIN(s): {searched}"
    if (asked_format or "").lower() == "json":
        return JSONResponse(
            {"Count": count, "Message": MESSAGE, "SearchCriteria": criteria, "Results": results}
        )
    rows = "".join(
        "<DecodedVINValues>"
        + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in result.items())
        + "</DecodedVINValues>"
        for result in results
    )
    body = (
        f"<Response><Count>{count}</Count><Message>{MESSAGE}</Message>"
        f"<Results>{rows}</Results><SearchCriteria>{escape(criteria)}</SearchCriteria></Response>"
    )
    return Response(body, media_type="application/xml")

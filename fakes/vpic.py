"""vPIC, NHTSA's decoder of VINs, as far as its flat answers go. A bad VIN is answered with 200."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from fakes.vpic_decoding import decode

MAX_VINS = 50
MESSAGE = (
    "Results returned successfully. NOTE: Any missing decoded values should be interpreted as "
    "NHTSA does not have data on the specific variable. Missing value should NOT be interpreted "
    "as an indication that a feature or technology is unavailable for a vehicle."
)
router = APIRouter(prefix="/api/vehicles")


@router.get("/DecodeVinValues/{vin}")
async def one(request: Request, vin: str) -> Response:
    given = {name.lower(): value for name, value in request.query_params.items()}
    return _answer(given, vin, [decode(vin)])


@router.post("/DecodeVINValuesBatch/")
async def batch(request: Request) -> Response:
    async with request.form() as form:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
    request.state.asked.params.update(sent)
    given = {name.lower(): value for name, value in sent.items()}
    entries = [entry for entry in given.get("data", "").split(";") if entry.strip()]
    if not entries or len(entries) > MAX_VINS:
        said = f"Error: DATA has {len(entries)} VINs; a batch has 1 to {MAX_VINS}."
        body = {"Count": 0, "Message": said, "SearchCriteria": None, "Results": []}
        return JSONResponse(body, 400)
    return _answer(given, given["data"], [decode(vin) for vin in entries])


def _answer(given: dict[str, str], searched: str, results: list[dict[str, str]]) -> Response:
    """Without a format it is XML."""
    count = len(results)
    if given.get("format", "").lower() != "json":
        return Response(f"<Response><Count>{count}</Count></Response>", media_type="text/xml")
    body = {"Count": count, "Message": MESSAGE, "SearchCriteria": f"VIN(s): {searched}"}
    return JSONResponse(body | {"Results": results})

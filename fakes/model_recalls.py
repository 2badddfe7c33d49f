"""NHTSA's recalls of a model, which are campaigns of the recalls dataset of the same source."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from fakes.control import MODEL_RECALLS, Control
from fakes.made_up_makes import is_made
from fakes.made_up_model_recalls import campaigns_of, number_of

NEEDED = ("make", "model", "modelYear")
NO_ONE_SAYS, OVER_THE_AIR = 5, 9  # one campaign in so many
router = APIRouter()


@router.get(MODEL_RECALLS)
def recalls_by_vehicle(request: Request) -> JSONResponse:
    control: Control = request.app.state.control
    given = {name.lower(): value.strip() for name, value in request.query_params.items()}
    asked = {name: given.get(name.lower(), "") for name in NEEDED}
    if missing := [name for name, value in asked.items() if not value]:
        said = f"Missing required request parameters: [{', '.join(missing)}]"
        return JSONResponse({"message": said}, 400)
    make, model, year = asked.values()
    campaigns: list[dict[str, Any]] = []
    if is_made(make, model) and re.fullmatch("[0-9]{4}", year):
        source = (control.rows, control.seed, control.day)
        campaigns = campaigns_of(*source, make, model, int(year))
    results = [_written(campaign, make, model, year) for campaign in campaigns]
    body = {"Count": len(results), "Message": "Results returned successfully", "results": results}
    return JSONResponse(body, 200 if results else 400)


def _written(row: dict[str, Any], make: str, model: str, year: str) -> dict[str, Any]:
    reported = datetime.fromisoformat(row["report_received_date"])
    number = number_of(row["nhtsa_id"])
    # The flags are null now and then.
    flags: dict[str, bool | None] = {
        "parkIt": row["do_not_drive"] == "Yes",
        "parkOutSide": row["fire_risk_when_parked"] == "Yes",
    }
    if number % NO_ONE_SAYS == 0 and not any(flags.values()):
        flags = dict.fromkeys(flags)
    return {
        "Manufacturer": row["manufacturer"],
        "NHTSACampaignNumber": row["nhtsa_id"],
        **flags,
        "overTheAirUpdate": number % OVER_THE_AIR == 0,
        "ReportReceivedDate": f"{reported:%d/%m/%Y}",
        "Component": row["component"] or "",
        "Summary": row["defect_summary"] or "",
        "Consequence": row["consequence_summary"] or "",
        "Remedy": row["corrective_action"] or "",
        "Notes": "",
        "ModelYear": year,
        "Make": make.upper(),
        "Model": model.upper(),
    }

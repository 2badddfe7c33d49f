"""NHTSA's recalls of a model, which are campaigns of the recalls dataset of the same source."""

import json
import re
from collections import defaultdict
from datetime import datetime
from functools import lru_cache

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from fakes.made_up_vins import MAKES, number_of, vin_of
from fakes.made_up_words import NAMES
from fakes.recalls import source_of
from fakes.recalls_table import Row, Source

NEEDED = ("make", "model", "modelYear")
RECENT_YEARS = range(2000, 2027)
# How many recalls a model of a year has where others stand in; each is as likely.
STAND_INS = (0, 0, 0, 1, 1, 1, 2, 3, 5, 8)
NO_FLAGS, OVER_THE_AIR = 5, 9  # every fifth campaign, every ninth
RECALLED = re.compile(r"(.+) is recalling certain (\d{4})-(\d{4}) (.+?) vehicles", re.IGNORECASE)
MODELS = {(m.name.casefold(), name.casefold()) for m in MAKES.values() for name in m.models}
router = APIRouter()


@router.get("/recalls/recallsByVehicle")
def recalls_by_vehicle(request: Request) -> JSONResponse:
    asked = {name: request.query_params.get(name, "").strip() for name in NEEDED}
    if missing := [name for name, value in asked.items() if not value]:
        said = f"Missing required request parameters: [{', '.join(missing)}]"
        return JSONResponse({"message": said}, 400)
    make, model, year = asked.values()
    campaigns: list[Row] = []
    if re.fullmatch("[0-9]{4}", year):
        campaigns = campaigns_of(source_of(request.app.state.control), make, model, int(year))
    results = [_written(campaign, make, model, year) for campaign in campaigns]
    body = {"Count": len(results), "Message": "Results returned successfully", "results": results}
    return JSONResponse(body, 200 if results else 400)


def campaigns_of(source: Source, make: str, model: str, year: int) -> list[Row]:
    """The recalls of its maker that name this model and year, the newest first."""
    key = (make.casefold(), model.casefold(), year)
    if source.rows >= NAMES:
        return _by_model(source).get(key, [])
    # So few rows have no recall of a given maker: others stand in.
    rows = _vehicle_recalls(source)
    if not rows or key[:2] not in MODELS:
        return []
    wanted = STAND_INS[number_of("/".join(map(str, key))) % len(STAND_INS)]
    start = number_of(f"{source.seed}/{key}")
    chosen = {(start + 97 * n) % len(rows) for n in range(wanted)}
    return [rows[place] for place in sorted(chosen)]


@lru_cache(maxsize=4)
def _by_model(source: Source) -> dict[tuple[str, str, int], list[Row]]:
    makes = {make.manufacturer: make.name.casefold() for make in MAKES.values()}
    found = defaultdict(list)
    for row in _vehicle_recalls(source):
        text, maker = RECALLED.match(row.get("defect_summary", "")), row["manufacturer"]
        if text and maker in makes and text[1].casefold() == maker.casefold():
            for year in range(int(text[2]), int(text[3]) + 1):
                found[makes[maker], text[4].casefold(), year].append(row)
    return dict(found)


def _vehicle_recalls(source: Source) -> list[Row]:
    text = "SELECT row FROM recalls ORDER BY report_received_date DESC, nhtsa_id"
    rows = (json.loads(row) for (row,) in source.table().execute(text))
    return [row for row in rows if row["recall_type"] == "Vehicle"]


def sample_vins(rows: int, seed: int, day: int = 1) -> list[str]:
    """A VIN of each make, of its model and year with the most recalls; all decode clean."""
    found = _by_model(Source(rows, seed, day))
    samples = []
    for number, make in enumerate(MAKES.values(), start=1):
        times, year, model = max(
            (len(found.get((make.name.casefold(), model.casefold(), year), [])), year, model)
            for model in make.models
            for year in RECENT_YEARS
        )
        if times:
            samples.append((times, vin_of(make, model, year, number * 111_111)))
    return [vin for _, vin in sorted(samples, reverse=True)]


def _written(row: Row, make: str, model: str, year: str) -> dict[str, object]:
    reported = datetime.fromisoformat(row["report_received_date"])
    number = number_of(row["nhtsa_id"])
    # The flags are null now and then.
    flags: dict[str, bool | None] = {
        "parkIt": row["do_not_drive"] == "Yes",
        "parkOutSide": row["fire_risk_when_parked"] == "Yes",
    }
    if number % NO_FLAGS == 0 and not any(flags.values()):
        flags = dict.fromkeys(flags)
    return {
        "Manufacturer": row["manufacturer"],
        "NHTSACampaignNumber": row["nhtsa_id"],
        **flags,
        "overTheAirUpdate": number % OVER_THE_AIR == 0,
        "ReportReceivedDate": f"{reported:%d/%m/%Y}",
        "Component": row.get("component", ""),
        "Summary": row.get("defect_summary", ""),
        "Consequence": row.get("consequence_summary", ""),
        "Remedy": row.get("corrective_action", ""),
        "Notes": "",
        "ModelYear": year,
        "Make": make.upper(),
        "Model": model.upper(),
    }

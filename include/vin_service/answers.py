"""What the service answers, as its OpenAPI document shows it, and what it takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from include.vin_service.vin import VIN

MOST_VINS = 1_000
SCOPE = "model"
# Nobody can know it from what NHTSA publishes.
NOTE = (
    "These are recalls of this make, model and year; whether this very car is affected or was "
    "repaired is not known here: ask a dealer, or www.nhtsa.gov/recalls."
)
CAR: dict[str, Any] = {
    "vin": "1HGCM82633A004352",
    "make": "HONDA",
    "model": "Accord",
    "model_year": "2003",
    "body_class": "Coupe",
    "cached": True,
}


# The routes take it from the path by themselves: for FastAPI to look at it first costs a third of
# a cached lookup. What does not look like a VIN is no 422, for the answer says what is wrong.
VIN_IN_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "vin",
            "in": "path",
            "required": True,
            "description": "17 characters, in upper or lower case.",
            "schema": {"type": "string", "pattern": f"^{VIN.pattern}$", "examples": [CAR["vin"]]},
        }
    ]
}


class VehicleAnswer(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [CAR]})

    vin: str = Field(description="The VIN that was asked for, in upper case.")
    make: str
    model: str
    model_year: str
    body_class: str = Field(description="Empty where vPIC says nothing.")
    cached: bool = Field(description="Whether the answer came from the cache.")


class Detail(BaseModel):
    """Why there is no answer, in one sentence."""

    detail: str


def _text(given: str) -> str:
    given.encode()  # JSON can hold half a character, which no answer can carry
    return given


class Vins(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"vins": [CAR["vin"], "1HGCM82633A00435"]}]}
    )

    vins: Annotated[list[Annotated[str, AfterValidator(_text)]], Field(max_length=MOST_VINS)]


class OneOfMany(BaseModel):
    """Either a vehicle, or a sentence on why there is none."""

    asked: str = Field(description="The text as it was asked.")
    status: Literal[200, 404, 503] = Field(description="What `GET /lookup/{vin}` would answer.")
    vehicle: VehicleAnswer | None = None
    cache: Literal["hit", "miss", "stale"] | None = Field(None, description="As in `X-Cache`.")
    check_digit_wrong: bool | None = Field(None, description="As `Warning` says.")
    detail: str | None = None


class ManyAnswers(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {
                            "asked": CAR["vin"],
                            "status": 200,
                            "vehicle": CAR,
                            "cache": "hit",
                            "check_digit_wrong": False,
                        },
                        {
                            "asked": "1HGCM82633A00435",
                            "status": 404,
                            "detail": "a VIN has 17 characters, and this has 16; look at it again",
                        },
                    ]
                }
            ]
        }
    )

    results: list[OneOfMany] = Field(description="One for each text, in the order asked.")


class Invalid(BaseModel):
    """What is wrong with a body, and where."""

    class Problem(BaseModel):
        loc: list[str | int]
        msg: str
        type: str

    detail: list[Problem]


RECALLED: dict[str, Any] = {
    **{name: CAR[name] for name in ("vin", "make", "model", "model_year")},
    "scope": SCOPE,
    "note": NOTE,
    "lake": "version 12",
    "recalls": [
        {
            "nhtsa_id": "19V182000",
            "report_received_date": "2019-03-07",
            "component": "AIR BAGS:FRONTAL:DRIVER SIDE:INFLATOR MODULE",
            "summary": "The inflator may rupture.",
            "consequence": "Fragments may strike the driver.",
            "remedy": "Dealers will replace the module, free of charge.",
            "notes": "",
            "park_it": False,
            "park_outside": False,
            "over_the_air_update": False,
            "lake": {
                "completion_rate": 61.5,
                "do_not_drive": False,
                "first_seen": "2026-06-28T09:31:10Z",
                "at_baseline": True,
                "changes": [
                    {
                        "observed_at": "2026-07-02T09:31:12Z",
                        "event": "edited",
                        "field": "completion_rate",
                        "old": "61.2",
                        "new": "61.5",
                    }
                ],
            },
        }
    ],
}


class Change(BaseModel):
    observed_at: str
    event: str
    field: str
    old: str | None
    new: str | None


class FromTheLake(BaseModel):
    completion_rate: float | None = Field(description="Percent of the vehicles repaired.")
    do_not_drive: bool | None
    first_seen: str | None = Field(description="When Headwaters first saw this recall.")
    at_baseline: bool = Field(description="It was there when Headwaters first looked.")
    changes: list[Change] = Field(description="What NHTSA changed since, the newest last.")


class Recall(BaseModel):
    nhtsa_id: str
    report_received_date: str | None
    component: str
    summary: str
    consequence: str
    remedy: str
    notes: str
    park_it: bool | None
    park_outside: bool | None
    over_the_air_update: bool | None
    lake: FromTheLake | None = Field(description="What the lake adds; null without it.")


class RecallsAnswer(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [RECALLED]})

    vin: str
    make: str
    model: str
    model_year: str
    scope: Literal["model"]
    note: str
    lake: str | None = Field(description="The lake's version, or why it adds nothing.")
    recalls: list[Recall] = Field(description="Empty: NHTSA knows of none.")


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    detail: str | None = Field(None, description="What does not work, if anything.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route answers when it cannot answer, for its OpenAPI document."""
    said = {
        400: "The body is no text in UTF-8, or nested too deeply.",
        401: "The key in `X-API-Key` is missing or wrong.",
        404: "No such VIN: it is malformed, or vPIC does not know it.",
        413: "The body is over 1 MB.",
        503: "We could not ask; nothing is said about the VIN. See `Retry-After`.",
    }
    return {status: {"model": Detail, "description": said[status]} for status in (401, *statuses)}

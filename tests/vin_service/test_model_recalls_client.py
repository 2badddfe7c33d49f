"""Asking NHTSA for the recalls of a model: none, some, and that nobody could be asked."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from fakes.control import Control
from include.first.rest import BadRequest, RateLimited, RestError, SourceUnavailable, UnexpectedBody
from include.vin_service.decoding import Vehicle
from include.vin_service.model_recalls import Asked, ModelRecall, ModelRecalls
from include.vin_service.vpic import Vpic
from tests.vin_service.scripted import reply, saying

FORD = ("FORD", "BRONCO & CO", "2026")
BRONCO = {
    "Manufacturer": "Ford Motor Company",
    "NHTSACampaignNumber": "25V788000",
    "parkIt": False,
    "parkOutSide": True,
    "overTheAirUpdate": False,
    "ReportReceivedDate": "14/11/2025",
    "Component": "STEERING: COLUMN",
    "Summary": "It may  come loose.",
    "Consequence": "A crash.",
    "Remedy": "A new column.",
    "Notes": "Call 1-800.",
    "ModelYear": "2026",
    "Make": "FORD",
    "Model": "BRONCO",
}
READ = ModelRecall(
    nhtsa_id="25V788000",
    report_received_date="2025-11-14",
    component="STEERING: COLUMN",
    summary="It may  come loose.",
    consequence="A crash.",
    remedy="A new column.",
    notes="Call 1-800.",
    park_it=False,
    park_outside=True,
    over_the_air_update=False,
)
NONE = {"Count": 0, "Message": "Results returned successfully", "results": []}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.first.rest.sleep", lambda _: None)


def recalled(*results: Any, **headers: str) -> Response:
    return reply({"Count": len(results), "Message": "", "results": list(results)}, **headers)


def asked_of(*answers: Response) -> Asked:
    with saying(*answers) as nhtsa:
        return ModelRecalls(nhtsa.url).recalls(*FORD)


def test_the_recalls_of_a_model() -> None:
    """Every field as the API has it, the date as ISO writes it."""
    older = BRONCO | {"NHTSACampaignNumber": "25V001000", "ReportReceivedDate": "03/01/2025"}
    asked = asked_of(recalled(BRONCO, older))
    assert asked == Asked(
        [READ, READ._replace(nhtsa_id="25V001000", report_received_date="2025-01-03")], "official"
    )


def test_make_model_and_year_are_asked_for() -> None:
    """Whatever characters they have."""
    with saying(recalled()) as nhtsa:
        ModelRecalls(nhtsa.url).recalls(*FORD)
    (asked,) = nhtsa.asked
    assert asked[:2] == ("GET", "/recalls/recallsByVehicle")
    assert asked.params == {"make": "FORD", "model": "BRONCO & CO", "modelYear": "2026"}


@pytest.mark.parametrize("status", [400, 200])
def test_no_recalls_is_an_answer(status: int) -> None:
    """NHTSA says so with a 400 that lists none; it is asked once."""
    with saying(reply(NONE, status)) as nhtsa:
        assert ModelRecalls(nhtsa.url).recalls(*FORD) == Asked([], "official")
    assert len(nhtsa.asked) == 1


@pytest.mark.parametrize(
    "body",
    [{"message": "modelYear is missing"}, {"results": None}, {"results": [BRONCO]}, [], None],
    ids=["no results", "null", "some", "a list", "nothing"],
)
def test_any_other_400_is_an_error(body: object) -> None:
    """It is never taken for no recalls, and not asked again."""
    with saying(reply(body, 400)) as nhtsa, pytest.raises(BadRequest) as trouble:
        ModelRecalls(nhtsa.url).recalls(*FORD)
    assert len(nhtsa.asked) == 1
    if isinstance(body, dict) and "message" in body:
        assert "modelYear is missing" in str(trouble.value)


def test_what_is_not_said_is_empty() -> None:
    """Flags, date and texts may be null, or not there."""
    (recall,) = asked_of(recalled(dict.fromkeys(BRONCO) | {"NHTSACampaignNumber": "1"})).recalls
    assert recall == ModelRecall("1", None, "", "", "", "", "", None, None, None)
    assert asked_of(recalled({"NHTSACampaignNumber": "1"})).recalls == [recall]


UNEXPECTED = {
    "not JSON": reply(b"results"),
    "a list": reply([BRONCO]),
    "no results": reply({"Count": 0}),
    "null results": reply({"results": None}),
    "a count without a list": reply({"Count": 5, "results": []}),
    "half a character": reply({"results": [BRONCO | {"Summary": "\ud800"}]}),
    "a page": reply(b"<html>Down</html>", Content_Type="text/html"),
    "a 400 page": reply(b"<html>Down</html>", 400, Content_Type="text/html"),
    "a text": recalled("none"),
    "no number": recalled(BRONCO | {"NHTSACampaignNumber": " "}),
    "a list of texts": recalled(BRONCO | {"Summary": ["It", "may"]}),
    "a flag in words": recalled(BRONCO | {"parkOutSide": "Yes"}),
    "another date": recalled(BRONCO | {"ReportReceivedDate": "11/14/2025"}),
    "an ISO date": recalled(BRONCO | {"ReportReceivedDate": "2025-11-14\n"}),
}


@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED)
def test_what_is_no_answer_is_asked_again(body: Response) -> None:
    """Nothing is known of the recalls then, and nothing is left out of them in silence."""
    assert asked_of(body, recalled(BRONCO)).recalls == [READ]


@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED)
def test_what_stays_no_answer_is_trouble(body: Response) -> None:
    """In one line, which is not the same as no recalls."""
    with pytest.raises(UnexpectedBody) as trouble:
        asked_of(body)
    assert "\n" not in str(trouble.value)
    assert "/recalls/recallsByVehicle" in str(trouble.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SourceUnavailable), (503, SourceUnavailable), (429, RateLimited)]
)
def test_trouble_is_named_and_says_when_to_come_back(status: int, kind: type[RestError]) -> None:
    """After three attempts; even where the body reads like no recalls."""
    with saying(reply(NONE, status, Retry_After="2")) as nhtsa, pytest.raises(kind) as trouble:
        ModelRecalls(nhtsa.url).recalls(*FORD)
    assert len(nhtsa.asked) == 3
    assert trouble.value.retry_after_s == 2


def test_who_made_the_data_is_told() -> None:
    """Of an answer without recalls, too."""
    assert asked_of(recalled(BRONCO, X_Made_Up="seed=1")).source == "made-up:1"
    assert asked_of(reply(NONE, 400, X_Made_Up="seed=2")).source == "made-up:2"


@pytest.fixture
def local(recalls_url: str, replica: Control) -> ModelRecalls:  # noqa: ARG001 - for its tidying up
    """A client of the local NHTSA."""
    return ModelRecalls(recalls_url)


@pytest.mark.parametrize("fault", ["429", "500", "503", "202", "html", "cut", "refused"])
def test_each_fault_of_the_network_is_got_over(
    local: ModelRecalls, replica: Control, fault: str
) -> None:
    """Of a model without recalls, too; when it stays it is trouble, and not no recalls."""
    replica.fault(fault, times=2)
    assert local.recalls("NOBODY", "NOTHING", "2020") == Asked([], f"made-up:{replica.seed}")
    replica.fault(fault, times=3)
    with pytest.raises(RestError):
        local.recalls("NOBODY", "NOTHING", "2020")


def test_a_year_that_is_missing_is_an_error(local: ModelRecalls) -> None:
    """The real 400, of the same status as no recalls."""
    with pytest.raises(BadRequest, match="modelYear"):
        local.recalls("FORD", "BRONCO", "")


@pytest.mark.parametrize(
    ("kind", "number"), [("no recalls", 0), ("one recall", 1), ("eight recalls", 8)]
)
def test_from_a_vin_to_its_recalls(
    local: ModelRecalls, recalls_url: str, examples: dict[str, str], kind: str, number: int
) -> None:
    """What vPIC calls the car is what NHTSA is asked for."""
    vin = examples[kind]
    car = Vpic(f"{recalls_url}/api").decode([vin]).answers[vin]
    assert isinstance(car, Vehicle)
    asked = local.recalls(car.make, car.model, car.model_year)
    assert len({recall.nhtsa_id for recall in asked.recalls}) == number
    for recall in asked.recalls:
        assert recall.report_received_date
        assert recall.report_received_date >= car.model_year
        assert recall.component
        assert recall.summary

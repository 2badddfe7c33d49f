"""Requests to NHTSA for the recalls of a model, and its answers."""

from typing import Any

import pytest

from include.http.client import HttpClient
from include.http.errors import BadRequest, UnexpectedBody
from include.vin_service.recalls import recalls_of_model
from tests.http.raw_server import Api
from tests.vin_service.conftest import reply

pytestmark = pytest.mark.usefixtures("no_pauses")
BRONCO = {
    "Manufacturer": "Ford Motor Company",
    "NHTSACampaignNumber": " 25V788000 ",
    "parkIt": False,
    "parkOutSide": True,
    "overTheAirUpdate": None,
    "ReportReceivedDate": "14/11/2025",
    "Component": "STEERING: COLUMN",
    "Summary": "It may  come loose.",
    "Consequence": "A crash.",
    "Remedy": "A new column.",
    "Notes": "Call 1-800.",
    "lake": "ignored",
}
ROW = {
    "nhtsa_id": "25V788000",
    "report_received_date": "2025-11-14",
    "component": "STEERING: COLUMN",
    "summary": "It may  come loose.",
    "consequence": "A crash.",
    "remedy": "A new column.",
    "notes": "Call 1-800.",
    "park_it": False,
    "park_outside": True,
    "over_the_air_update": None,
}
NONE = {"Count": 0, "Message": "Results returned successfully", "results": []}


def recalls_reply(*results: Any) -> Any:
    return reply({"Count": len(results), "Message": "", "results": list(results)})


def ask(*answers: Any) -> tuple[list[dict[str, Any]], str]:
    with Api(*answers) as nhtsa:
        client = HttpClient(nhtsa.url, attempts=2)
        return recalls_of_model(client, "FORD", "BRONCO & CO", "2026")


def test_recalls_are_requested_by_model_and_year_and_have_iso_dates() -> None:
    with Api(recalls_reply(BRONCO)) as nhtsa:
        client = HttpClient(nhtsa.url)
        assert recalls_of_model(client, "FORD", "BRONCO & CO", "2026") == ([ROW], "official")
    ((asked, _, _),) = nhtsa.requests
    query = "make=FORD&model=BRONCO+%26+CO&modelYear=2026"
    assert asked == f"GET /recalls/recallsByVehicle?{query}"


@pytest.mark.parametrize("status", [400, 200])
def test_no_recalls_returns_an_empty_list(status: int) -> None:
    """NHTSA answers 400 when there are no recalls."""
    assert ask(reply(NONE, status, X_Made_Up="seed=2")) == ([], "made-up:2")


@pytest.mark.parametrize(
    "body", [{"message": "modelYear is missing"}, {"results": [BRONCO]}, []], ids=str
)
def test_any_other_400_is_an_error(body: Any) -> None:
    with pytest.raises(BadRequest) as error:
        ask(reply(body, 400))
    assert "message" not in body or "modelYear is missing" in str(error.value)


def test_missing_values_are_empty() -> None:
    texts = dict.fromkeys(("component", "summary", "consequence", "remedy", "notes"), "")
    row = dict.fromkeys(ROW) | {"nhtsa_id": "1"} | texts
    for nothing in (dict.fromkeys(BRONCO), {}):
        assert ask(recalls_reply(nothing | {"NHTSACampaignNumber": "1"}))[0] == [row]


UNEXPECTED = {
    "not JSON": reply(b"results"),
    "a list": reply([BRONCO]),
    "no results": reply({"Count": 0}),
    "a count without a list": reply({"Count": 5, "results": []}),
    "lone surrogate": recalls_reply(BRONCO | {"Summary": "\ud800"}),
    "a page": reply(b"<html>Down</html>", Content_Type="text/html"),
    "a 400 page": reply(b"<html>Down</html>", 400, Content_Type="text/html"),
    "a text": recalls_reply("none"),
    "no number": recalls_reply(BRONCO | {"NHTSACampaignNumber": " "}),
    "a list of texts": recalls_reply(BRONCO | {"Summary": ["It", "may"]}),
    "a flag in words": recalls_reply(BRONCO | {"parkOutSide": "Yes"}),
    "another date": recalls_reply(BRONCO | {"ReportReceivedDate": "11/14/2025"}),
}


@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED)
def test_unexpected_body_is_retried_and_then_an_error(body: Any) -> None:
    assert ask(body, recalls_reply(BRONCO))[0] == [ROW]
    with pytest.raises(UnexpectedBody, match=r"^[^\n]+$"):
        ask(body)

"""Asking NHTSA for the recalls of a model: none, some, and that nobody could be asked."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.control import Control
from include.http.client import HttpClient
from include.http.errors import (
    BadRequest,
    HttpError,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.vin_service.recalls import ModelRecalls, recalls_of_model
from include.vin_service.vpic import Vehicle, decode
from tests.vin_service.scripted import reply, saying

FORD = ("FORD", "BRONCO & CO", "2026")
BRONCO = {
    "Manufacturer": "Ford Motor Company",
    "NHTSACampaignNumber": "25V788000",
    "parkIt": False,
    "parkOutSide": True,
    "overTheAirUpdate": None,
    "ReportReceivedDate": "14/11/2025",
    "Component": "STEERING: COLUMN",
    "Summary": "It may  come loose.",
    "Consequence": "A crash.",
    "Remedy": "A new column.",
    "Notes": "Call 1-800.",
    "lake": "ours alone",
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


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)


def recalled(*results: Any, **headers: str) -> Any:
    return reply({"Count": len(results), "Message": "", "results": list(results)}, **headers)


def ask(*answers: Any, attempts: int = 2) -> ModelRecalls:
    with saying(*answers) as nhtsa:
        return recalls_of_model(HttpClient(nhtsa.url, attempts=attempts), *FORD)


def test_recalls_have_every_field_and_iso_dates() -> None:
    older = BRONCO | {"NHTSACampaignNumber": " 25V001000 ", "ReportReceivedDate": "03/01/2025"}
    earlier = {"nhtsa_id": "25V001000", "report_received_date": "2025-01-03"}
    rows, source = ask(recalled(BRONCO, older))
    assert rows == [ROW, ROW | earlier]
    assert source == "official"


def test_recalls_are_asked_for_by_make_model_and_year() -> None:
    with saying(recalled()) as nhtsa:
        recalls_of_model(HttpClient(nhtsa.url), *FORD)
    (asked,) = nhtsa.asked
    assert asked[:2] == ("GET", "/recalls/recallsByVehicle")
    assert asked.params == {"make": "FORD", "model": "BRONCO & CO", "modelYear": "2026"}


@pytest.mark.parametrize("status", [400, 200])
def test_no_recalls_is_an_answer(status: int) -> None:
    """NHTSA says so with a 400 that lists none; it is asked once."""
    with saying(reply(NONE, status, X_Made_Up="seed=2")) as nhtsa:
        assert recalls_of_model(HttpClient(nhtsa.url), *FORD) == ModelRecalls([], "made-up:2")
    assert len(nhtsa.asked) == 1


@pytest.mark.parametrize(
    "body",
    [{"message": "modelYear is missing"}, {"results": None}, {"results": [BRONCO]}, [], None],
    ids=["no results", "null", "some", "a list", "nothing"],
)
def test_any_other_400_is_an_error(body: Any) -> None:
    with saying(reply(body, 400)) as nhtsa, pytest.raises(BadRequest) as error:
        recalls_of_model(HttpClient(nhtsa.url), *FORD)
    assert len(nhtsa.asked) == 1
    if body and "message" in body:
        assert "modelYear is missing" in str(error.value)


def test_missing_values_are_empty() -> None:
    nothing = dict.fromkeys(BRONCO) | {"NHTSACampaignNumber": "1"}
    (row,) = ask(recalled(nothing)).recalls
    texts = dict.fromkeys(("component", "summary", "consequence", "remedy", "notes"), "")
    assert row == dict.fromkeys(ROW) | {"nhtsa_id": "1"} | texts
    assert ask(recalled({"NHTSACampaignNumber": "1"})).recalls == [row]


UNEXPECTED = {
    "not JSON": reply(b"results"),
    "a list": reply([BRONCO]),
    "no results": reply({"Count": 0}),
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
def test_other_body_is_asked_again_and_then_an_error(body: Any) -> None:
    """Nothing is left out of the recalls in silence."""
    assert len(ask(body, recalled(BRONCO)).recalls) == 1
    with pytest.raises(UnexpectedBody) as error:
        ask(body)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SourceUnavailable), (503, SourceUnavailable), (429, RateLimited)]
)
def test_failure_is_an_error_even_if_it_lists_no_recalls(
    status: int, kind: type[HttpError]
) -> None:
    with pytest.raises(kind) as error:
        ask(reply(NONE, status, Retry_After="2"))
    assert error.value.retry_after_s == 2


@pytest.mark.parametrize(
    ("kind", "number"), [("no recalls", 0), ("one recall", 1), ("eight recalls", 8)]
)
def test_from_a_vin_to_its_recalls(
    recalls_url: str, replica: Control, examples: dict[str, str], kind: str, number: int
) -> None:
    """What vPIC calls the vehicle is what NHTSA is asked for."""
    vin = examples[kind]
    car = decode(HttpClient(f"{recalls_url}/api"), [vin]).answers[vin]
    assert isinstance(car, Vehicle)
    rows, source = recalls_of_model(HttpClient(recalls_url), *car[1:4])
    assert source == f"made-up:{replica.seed}"
    assert len({row["nhtsa_id"] for row in rows}) == number
    assert all(len(row["report_received_date"]) == 10 for row in rows)

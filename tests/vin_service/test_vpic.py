"""Asking vPIC: one VIN or a batch, matched by VIN, and never a 404 out of vPIC's own trouble."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from fakes import made_up_vins
from fakes.control import Control
from include.first.rest import RateLimited, RestError, SourceUnavailable, UnexpectedBody
from include.vin_service.decoding import Unknown, Vehicle
from include.vin_service.vpic import BATCH, Vpic
from tests.vin_service.scripted import reply, saying

VIN, OTHER, THIRD = "1HGCM82633A004352", "3VV3B7AXXNM077525", "WVWZZZ1JZXW000001"
CAR = {"Make": "HONDA", "Model": "Accord", "ModelYear": "2003", "BodyClass": "Coupe"}
HONDA = Vehicle(VIN, "HONDA", "Accord", "2003", "Coupe")


def result(vin: str = VIN, **changes: Any) -> dict[str, Any]:
    return {"VIN": vin, "ErrorCode": "0", **CAR, **changes}


def decoded(*results: Any, **headers: str) -> Response:
    """As vPIC answers, whose Count cannot be relied on."""
    body = {"Count": 136, "Message": "", "SearchCriteria": "", "Results": list(results)}
    return reply(body, **headers)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited before it asked again."""
    waited: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waited.append)
    return waited


def test_one_vin_is_one_get() -> None:
    """Asked for as JSON, under the path of the API."""
    with saying(decoded(result())) as vpic:
        answer = Vpic(f"{vpic.url}/api").decode([VIN])
    assert answer.answers == {VIN: HONDA}
    (asked,) = vpic.asked
    assert asked[:3] == ("GET", f"/api/vehicles/DecodeVinValues/{VIN}", {"format": "json"})


def test_several_vins_are_one_post() -> None:
    """All in one form field, in the order given."""
    with saying(decoded(result(), result(OTHER, ErrorCode="7"))) as vpic:
        answer = Vpic(f"{vpic.url}/api/").decode([VIN, OTHER])
    assert answer.answers[VIN] == HONDA
    assert isinstance(answer.answers[OTHER], Unknown)
    (asked,) = vpic.asked
    assert asked[:2] == ("POST", "/api/vehicles/DecodeVINValuesBatch/")
    assert asked.form == {"DATA": f"{VIN};{OTHER}", "format": "json"}


def test_answers_are_matched_by_vin() -> None:
    """Not by their position, however the VIN is spelled; one that nobody asked for is passed by."""
    results = (
        result("5YJSA1E26HF000001", Make="TESLA"),
        result(f" {OTHER.lower()} ", Make="VOLKSWAGEN"),
        result(VIN.lower()),
    )
    with saying(decoded(*results)) as vpic:
        answers = Vpic(vpic.url).decode([VIN, THIRD, OTHER]).answers
    assert {vin: car.make for vin, car in answers.items() if isinstance(car, Vehicle)} == {
        VIN: "HONDA",
        OTHER: "VOLKSWAGEN",
    }
    assert answers[OTHER].vin == OTHER
    assert THIRD not in answers


@pytest.mark.parametrize(
    "odd",
    [{"ErrorCode": None}, {"ErrorCode": "execution error"}, {"Make": 7}, {"VIN": None}],
    ids=["no codes", "other codes", "a number", "no VIN"],
)
def test_one_odd_answer_does_not_spoil_a_batch(odd: dict[str, Any]) -> None:
    """It is left out, as if vPIC had: nothing is said of its VIN, and the others are answered."""
    with saying(decoded(result(OTHER, **odd), "?", result())) as vpic:
        assert Vpic(vpic.url).decode([OTHER, VIN]).answers == {VIN: HONDA}
    assert len(vpic.asked) == 1


UNEXPECTED = {
    "not JSON": reply(b"Results:"),
    "cut": reply(b'{"Results": [{"VIN"'),
    "a list": reply([result()]),
    "nothing": reply(None),
    "no results": reply({"Count": 1, "Message": "Execution Error"}),
    "null results": reply({"Results": None}),
    "a text": reply({"Results": "none"}),
    "none of them": decoded(),
    "another VIN": decoded(result(OTHER)),
    "no codes": decoded({key: value for key, value in result().items() if key != "ErrorCode"}),
    "odd codes": decoded(result(ErrorCode="0 - clean")),
    "many codes": decoded(result(ErrorCode=",".join(map(str, range(21))))),
    "half a character": decoded(result(Model="Acc\ud800rd")),
    "half a character in the hint": decoded(result(ErrorCode="7", SuggestedVIN="\ud800")),
    "a long name": decoded(result(Model="A" * 201)),
    "nested without end": reply(b"[" * 200_000),
    "a page": reply(b"<!DOCTYPE html><html>Down</html>", Content_Type="text/html"),
}


@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED)
def test_what_is_no_answer_is_asked_again(body: Response) -> None:
    """A body of another shape says nothing of the VIN; the next one may."""
    with saying(body, decoded(result())) as vpic:
        assert Vpic(vpic.url).decode([VIN]).answers == {VIN: HONDA}
    assert len(vpic.asked) == 2


@pytest.mark.parametrize("vins", [[VIN], [VIN, THIRD]], ids=["one", "a batch"])
@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED)
def test_what_stays_no_answer_is_trouble(body: Response, vins: list[str]) -> None:
    """Never an unknown VIN; as many attempts as allowed are made, of a batch too."""
    with saying(body) as vpic, pytest.raises(UnexpectedBody) as trouble:
        Vpic(vpic.url, attempts=2).decode(vins)
    assert len(vpic.asked) == 2
    assert "\n" not in str(trouble.value)
    assert "/vehicles/Decode" in str(trouble.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SourceUnavailable), (503, SourceUnavailable), (429, RateLimited)]
)
@pytest.mark.parametrize("vins", [[VIN], [VIN, OTHER]], ids=["one", "a batch"])
def test_trouble_is_named_and_says_when_to_come_back(
    vins: list[str], status: int, kind: type[RestError]
) -> None:
    """A batch is repeated as one VIN is; what the server says of a better time stays known."""
    with saying(reply({}, status, Retry_After="3")) as vpic, pytest.raises(kind) as trouble:
        Vpic(vpic.url).decode(vins)
    assert len(vpic.asked) == 3
    assert trouble.value.retry_after_s == 3


def test_a_wait_that_is_too_long_is_the_callers(pauses: list[float]) -> None:
    """Nobody sleeps here for longer than an answer may take in all."""
    with saying(reply({}, 429, Retry_After="50")) as vpic, pytest.raises(RateLimited) as trouble:
        Vpic(vpic.url, total_s=12).decode([VIN])
    assert (len(vpic.asked), pauses) == (1, [])
    assert trouble.value.retry_after_s == 50


def test_who_made_the_data_is_told() -> None:
    """What does not say that it is made up is official."""
    with saying(decoded(result()), decoded(result(), X_Made_Up="seed=7")) as vpic:
        client = Vpic(vpic.url)
        assert [client.decode([VIN]).source for _ in range(2)] == ["official", "made-up:7"]


@pytest.mark.parametrize("number", [0, BATCH + 1])
def test_more_than_a_batch_is_refused(number: int) -> None:
    """Before anybody is asked: vPIC would answer a part, or an error."""
    with saying(decoded(result())) as vpic, pytest.raises(ValueError, match=str(BATCH)):
        Vpic(vpic.url).decode([VIN] * number)
    assert vpic.asked == []


@pytest.fixture
def local(recalls_url: str, replica: Control) -> Vpic:  # noqa: ARG001 - for its tidying up
    """A client of the local vPIC."""
    return Vpic(f"{recalls_url}/api")


UNFILLED = {
    "0 without a make": "no make",
    "0 without a model": "no model",
    "0 without a year": "no model year",
    "0 whose model is not applicable": "no model",
}


def test_each_kind_of_answer(local: Vpic, examples: dict[str, str]) -> None:
    """Found are code 0 and code 1 alone, wherever a car is from; all others say their codes."""
    for kind, vin in examples.items():
        answer = local.decode([vin]).answers[vin]
        codes = [code for code in kind.replace(" ", ",").split(",") if code.isdigit()]
        if kind in UNFILLED:
            assert isinstance(answer, Unknown), kind
            assert f"it names {UNFILLED[kind]} (code 0" in answer.detail
        elif kind[0].isdigit() and set(codes) not in ({"0"}, {"1"}):
            assert isinstance(answer, Unknown), kind
            assert [f"code {code}, " in answer.detail for code in codes] == [True] * len(codes)
        else:
            assert isinstance(answer, Vehicle), kind
            assert answer.check_digit_wrong == (kind == "1"), kind
            assert (answer.body_class == "") == (kind == "0 without a body class")


def test_a_batch_says_what_each_alone_does(
    local: Vpic, examples: dict[str, str], replica: Control
) -> None:
    """Fifty VINs of all kinds are one call, and one answer each."""
    vins = list(dict.fromkeys([*examples.values(), *made_up_vins.vins(replica.seed, BATCH)]))
    vins = vins[:BATCH]
    together = local.decode(vins)
    assert len(replica.requests) == 1
    assert together.source == f"made-up:{replica.seed}"
    assert together.answers.keys() == set(vins)
    assert {vin: local.decode([vin]).answers[vin] for vin in vins} == together.answers


@pytest.mark.parametrize("vins", [1, 3], ids=["one", "a batch"])
@pytest.mark.parametrize("fault", ["429", "500", "503", "202", "html", "cut", "refused"])
def test_each_fault_of_the_network_is_got_over(
    local: Vpic, replica: Control, fault: str, vins: int
) -> None:
    """Twice in a row it is repeated; when it stays it is trouble, and no verdict."""
    asked = made_up_vins.vins(replica.seed, vins)
    replica.fault(fault, times=2)
    assert local.decode(asked).answers.keys() == set(asked)
    replica.fault(fault, times=3)
    with pytest.raises(RestError):
        local.decode(asked)
    assert local.decode(asked).answers.keys() == set(asked)

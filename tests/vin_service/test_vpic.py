"""Validation of VINs, requests to vPIC, and the verdict on each answer."""

from typing import Any
from urllib.parse import parse_qs

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from include.http.client import HttpClient
from include.http.errors import UnexpectedBody
from include.vin_service.vpic import Verdict, decode, normalize_vin
from tests.http.raw_server import Api
from tests.vin_service.conftest import reply

VIN, OTHER, THIRD = "3VV3B7AXXNM077525", "1HGCM82633A004352", "WVWZZZ1JZXW000001"
CAR = {
    "VIN": VIN,
    "Make": "VOLKSWAGEN",
    "Model": "Tiguan",
    "ModelYear": "2022",
    "BodyClass": "Sport Utility Vehicle (SUV)",
    "ErrorCode": "0",
    "ErrorText": "0 - VIN decoded clean",
    "SuggestedVIN": "",
}
TIGUAN = Verdict(VIN, "", "VOLKSWAGEN", "Tiguan", "2022", "Sport Utility Vehicle (SUV)")
NOT_KNOWN = "vPIC does not know this VIN: "
pytestmark = pytest.mark.usefixtures("no_pauses")


def vpic_reply(*results: Any, **headers: str) -> Any:
    """An answer of vPIC, whose Count is unreliable."""
    return reply({"Count": 136, "Message": "", "Results": list(results)}, **headers)


def ask(url: str, *vins: str) -> dict[str, Verdict]:
    return decode(HttpClient(url, attempts=2), vins)[0]


def verdict(**changes: Any) -> Verdict:
    with Api(vpic_reply(CAR | changes)) as vpic:
        return ask(vpic.url, VIN)[VIN]


def refusal(**changes: Any) -> str:
    """The reason why vPIC does not know the VIN."""
    unknown = verdict(**changes)
    assert not unknown.is_vehicle
    assert unknown.vin == VIN
    assert unknown.detail.startswith(NOT_KNOWN)
    return unknown.detail.removeprefix(NOT_KNOWN)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *((text, f"has 17 characters, and this has {len(text)};") for text in ("", VIN[1:])),
        (f"{VIN}\n", "and this has 18;"),
        ("A" * 10_240, "and this has 10,240;"),
        *((f"{bad}{VIN[1:]}", f"cannot contain '{bad}';") for bad in "IoQ/ "),
        *((f"{bad}{VIN[1:]}", f"cannot contain {bad!a};") for bad in "\x00\u0661\u017f\uff11"),
    ],
    ids=lambda value: ascii(value)[:25],
)
def test_normalize_vin_refuses_malformed_text_with_a_reason(text: str, problem: str) -> None:
    with pytest.raises(HTTPException) as error:
        normalize_vin(text)
    assert problem in error.value.detail


@given(st.text(max_size=40) | st.from_regex(r"\w{17}", fullmatch=True))
def test_normalize_vin_returns_a_vin_or_a_short_error(text: str) -> None:
    try:
        result = normalize_vin(text)
    except HTTPException as error:
        result = error.detail
    else:
        assert len(result) == 17
        assert set(result) <= set("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
    assert result.isascii()
    assert len(result) < 150


def test_decode_of_one_vin_sends_one_get() -> None:
    with Api(vpic_reply(CAR)) as vpic:
        assert ask(f"{vpic.url}/api", VIN) == {VIN: TIGUAN}
    ((asked, _, _),) = vpic.requests
    assert asked == f"GET /api/vehicles/DecodeVinValues/{VIN}?format=json"


def test_decode_of_several_vins_sends_one_post_and_matches_by_vin() -> None:
    """A result for a VIN that was not requested is ignored."""
    results = (
        CAR | {"VIN": "5YJSA1E26HF000001"},
        CAR | {"VIN": f" {OTHER.lower()} ", "Make": "HONDA"},
        CAR,
    )
    with Api(vpic_reply(*results)) as vpic:
        verdicts = ask(f"{vpic.url}/api/", VIN, THIRD, OTHER)
    assert verdicts == {VIN: TIGUAN, OTHER: TIGUAN._replace(vin=OTHER, make="HONDA")}
    ((asked, _, form),) = vpic.requests
    assert asked == "POST /api/vehicles/DecodeVINValuesBatch/"
    assert parse_qs(form.decode()) == {"DATA": [f"{VIN};{THIRD};{OTHER}"], "format": ["json"]}


@pytest.mark.parametrize(("codes", "is_wrong"), [("0", False), (" 0 , 0", False), ("1", True)])
def test_verdict_code_0_or_1_is_a_vehicle(codes: str, *, is_wrong: bool) -> None:
    """Some real cars have a wrong check digit (code 1)."""
    assert verdict(ErrorCode=codes) == TIGUAN._replace(check_digit_wrong=is_wrong)


@pytest.mark.parametrize("codes", ["4", "7", "400", "99", "0,1", "0,14", "1, 4", "1,4,14,400"])
def test_verdict_other_codes_are_unknown(codes: str) -> None:
    assert refusal(ErrorCode=codes) == "0 - VIN decoded clean"  # vPIC's own reason
    assert refusal(ErrorCode=codes, ErrorText="") == f"code {codes}"


def test_verdict_ignores_the_error_text() -> None:
    assert verdict(ErrorText="7 - Manufacturer is not registered") == TIGUAN


@pytest.mark.parametrize("nothing", ["", "  ", " Not applicable ", None])
def test_verdict_vehicle_without_make_model_or_year_is_unknown(nothing: str | None) -> None:
    for field, name in {"Make": "make", "Model": "model", "ModelYear": "model year"}.items():
        assert refusal(**{field: nothing}).startswith(f"it names no {name} (0 - VIN ")
    assert verdict(BodyClass=nothing) == TIGUAN._replace(body_class="")


def test_verdict_strips_spaces_and_unprintable_characters() -> None:
    found = verdict(Make=" Škoda ", Model="E  Größe", BodyClass="a\x1fb\nc\x92d\ud800")
    assert (found.make, found.model, found.body_class) == ("Škoda", "E  Größe", "a b c d")


def test_verdict_includes_the_suggested_vin() -> None:
    hint = ". It suggests 3VV3B7AX!NM077525"
    assert refusal(ErrorCode="4", SuggestedVIN=" 3VV3B7AX!NM077525 ").endswith(hint)
    for nothing in ("", None, "Not Applicable", VIN):
        assert "suggests" not in refusal(ErrorCode="8", SuggestedVIN=nothing)


@pytest.mark.parametrize(
    "odd",
    [
        *({"ErrorCode": codes} for codes in (None, "", "0 - clean", "0,,1", 0)),
        {"Make": {"Name": "VOLVO"}},
        *({"VIN": vin} for vin in (None, THIRD)),
    ],
    ids=str,
)
def test_decode_skips_unreadable_results(odd: dict[str, Any]) -> None:
    """Without any readable result, the request is retried and then fails."""
    with Api(vpic_reply(CAR | odd)) as vpic:
        with pytest.raises(UnexpectedBody, match="decodes none of the 1 VINs"):
            ask(vpic.url, VIN)
        assert len(vpic.requests) == 2
    with Api(vpic_reply("?", CAR | {"VIN": OTHER}, CAR | odd)) as vpic:
        assert ask(vpic.url, VIN, OTHER).keys() == {OTHER}


BODIES = {
    "not JSON": reply(b"Results:"),
    "a list": reply([CAR]),
    "no results": reply({"Count": 1, "Message": "Execution Error"}),
    "a text": reply({"Results": "none"}),
    "a page": reply(b"<!DOCTYPE html><html>Down</html>", Content_Type="text/html"),
}


@pytest.mark.parametrize("vins", [[VIN], [VIN, THIRD]], ids=["one", "a batch"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_decode_retries_an_unexpected_body_and_then_fails(body: Any, vins: list[str]) -> None:
    with Api(body, vpic_reply(CAR)) as vpic:
        assert ask(vpic.url, *vins) == {VIN: TIGUAN}
    with Api(body) as vpic, pytest.raises(UnexpectedBody, match=r"^[^\n]+$"):
        ask(vpic.url, *vins)
    assert len(vpic.requests) == 2


def test_decode_source_is_official_unless_marked_made_up() -> None:
    with Api(vpic_reply(CAR), vpic_reply(CAR, X_Made_Up="seed=7")) as vpic:
        client = HttpClient(vpic.url)
        assert [decode(client, [VIN])[1] for _ in range(2)] == ["official", "made-up:7"]

"""What a VIN is, what vPIC is asked, and the verdict on each of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import made_up_vins
from fakes.control import Control
from include.http.client import HttpClient
from include.http.errors import HttpError, RateLimited, SourceUnavailable, UnexpectedBody
from include.vin_service.vpic import BATCH, NotAVin, Unknown, Vehicle, decode, normalize_vin
from tests.vin_service.scripted import reply, saying

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
TIGUAN = Vehicle(VIN, "VOLKSWAGEN", "Tiguan", "2022", "Sport Utility Vehicle (SUV)")
NOT_KNOWN = "vPIC does not know this VIN: "


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)


def decoded(*results: Any, status: int = 200, **headers: str) -> Any:
    """As vPIC answers, whose Count cannot be relied on."""
    return reply({"Count": 136, "Message": "", "Results": list(results)}, status, **headers)


def ask(url: str, *vins: str, attempts: int = 2) -> dict[str, Vehicle | Unknown]:
    return decode(HttpClient(url, attempts=attempts), vins).answers


def verdict(**changes: Any) -> Vehicle | Unknown:
    with saying(decoded(CAR | changes)) as vpic:
        return ask(vpic.url, VIN)[VIN]


def refused(**changes: Any) -> str:
    """Why vPIC does not know the VIN."""
    unknown = verdict(**changes)
    assert isinstance(unknown, Unknown)
    assert unknown.vin == VIN
    assert unknown.detail.startswith(NOT_KNOWN)
    return unknown.detail.removeprefix(NOT_KNOWN)


def test_normalize_vin_lower_case_is_the_same_vin() -> None:
    assert normalize_vin(VIN) == normalize_vin(VIN.lower()) == VIN


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 0), (VIN[:-1], 16), (f" {VIN}", 18), (f"{VIN}\n", 18), ("A" * 10_240, "10,240")],
    ids=["nothing", "16", "space before", "newline after", "10 kB"],
)
def test_normalize_vin_other_length_names_the_length(text: str, found: object) -> None:
    with pytest.raises(NotAVin) as error:
        normalize_vin(text)
    assert f"17 characters, and this has {found};" in error.value.detail


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        *(("I", "'I'"), ("o", "'o'"), ("Q", "'Q'"), ("/", "'/'"), (" ", "' '")),
        *(("\x00", r"'\x00'"), ("\u0661", r"'\u0661'"), ("\u017f", r"'\u017f'")),
        *(("\uff11", r"'\uff11'"), ("\U0001f697", r"'\U0001f697'")),
    ],
    ids=ascii,
)
def test_normalize_vin_foreign_character_is_named_in_ascii(foreign: str, shown: str) -> None:
    """Also letters that become ASCII in upper case, and digits of other scripts."""
    with pytest.raises(NotAVin) as error:
        normalize_vin(foreign + VIN[1:])
    assert f"cannot contain {shown};" in error.value.detail


@given(st.text(max_size=40) | st.from_regex(r"\w{17}", fullmatch=True))
def test_normalize_vin_any_text_is_a_vin_or_a_short_sentence(text: str) -> None:
    try:
        vin = normalize_vin(text)
    except NotAVin as error:
        said = error.detail
    else:
        said = vin
        assert len(vin) == 17
        assert set(vin) <= set("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
    assert said.isascii()
    assert len(said) < 150


def test_decode_one_vin_is_one_get() -> None:
    with saying(decoded(CAR)) as vpic:
        assert ask(f"{vpic.url}/api", VIN) == {VIN: TIGUAN}
    (asked,) = vpic.asked
    assert asked[:3] == ("GET", f"/api/vehicles/DecodeVinValues/{VIN}", {"format": "json"})


def test_decode_several_vins_is_one_post() -> None:
    with saying(decoded(CAR, CAR | {"VIN": OTHER, "ErrorCode": "7"})) as vpic:
        answers = ask(f"{vpic.url}/api/", VIN, OTHER)
    assert answers[VIN] == TIGUAN
    assert isinstance(answers[OTHER], Unknown)
    (asked,) = vpic.asked
    assert asked[:2] == ("POST", "/api/vehicles/DecodeVINValuesBatch/")
    assert asked.form == {"DATA": f"{VIN};{OTHER}", "format": "json"}


def test_decode_answers_are_matched_by_vin() -> None:
    """Not by position, however the VIN is spelled; one that was not asked for is passed over."""
    results = (
        CAR | {"VIN": "5YJSA1E26HF000001"},
        CAR | {"VIN": f" {OTHER.lower()} ", "Make": "HONDA"},
        CAR,
    )
    with saying(decoded(*results)) as vpic:
        answers = ask(vpic.url, VIN, THIRD, OTHER)
    assert answers == {VIN: TIGUAN, OTHER: TIGUAN._replace(vin=OTHER, make="HONDA")}


@pytest.mark.parametrize("codes", ["0", " 0 ", "0,0", "0 , 0"])
def test_verdict_code_0_is_a_vehicle(codes: str) -> None:
    assert verdict(ErrorCode=codes) == TIGUAN


def test_verdict_code_1_is_a_vehicle_with_a_wrong_check_digit() -> None:
    """Real cars with a wrong check digit exist."""
    assert verdict(ErrorCode="1") == TIGUAN._replace(check_digit_wrong=True)


@pytest.mark.parametrize(
    "codes",
    [
        *("2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "14", "400", "99"),
        *("0,1", "1,0", "0,14", "1, 4", "5,14", "6,7", "1,4,14,400"),
    ],
)
def test_verdict_other_codes_are_unknown_however_well_filled(codes: str) -> None:
    detail = refused(ErrorCode=codes)
    for code in codes.split(","):
        assert f"code {int(code)}, " in detail


@pytest.mark.parametrize("text", ["", None, "7 - Who; knows; what"])
def test_verdict_texts_of_vpic_change_nothing(text: str | None) -> None:
    assert verdict(ErrorText=text, AdditionalErrorText=text) == TIGUAN
    assert refused(ErrorCode="7", ErrorText=text) == refused(ErrorCode="7")


@pytest.mark.parametrize("nothing", ["", "  ", "Not Applicable", " not applicable ", None])
@pytest.mark.parametrize(
    ("field", "name"), [("Make", "make"), ("Model", "model"), ("ModelYear", "model year")]
)
def test_verdict_vehicle_without_a_name_is_unknown(
    field: str, name: str, nothing: str | None
) -> None:
    assert refused(**{field: nothing}).startswith(f"it names no {name} (code 0, ")
    assert verdict(BodyClass=nothing) == TIGUAN._replace(body_class="")


def test_verdict_values_stay_but_for_spaces_around_and_control_characters() -> None:
    vehicle = verdict(Make=" MERCEDES-BENZ ", Model="E-Klasse  Größe", BodyClass="a\x1fb\nc\x92")
    assert vehicle[1:5] == ("MERCEDES-BENZ", "E-Klasse  Größe", "2022", "a b c")


def test_verdict_suggested_vin_is_passed_on() -> None:
    hint = ". It suggests 3VV3B7AX!NM077525"
    assert refused(ErrorCode="4", SuggestedVIN=" 3VV3B7AX!NM077525 ").endswith(hint)
    for nothing in ("", None, "Not Applicable", VIN):
        assert "suggests" not in refused(ErrorCode="8", SuggestedVIN=nothing)


UNREADABLE = {
    "no codes": {"ErrorCode": None},
    "empty codes": {"ErrorCode": ""},
    "a text": {"ErrorCode": "0 - clean"},
    "a hole": {"ErrorCode": "0,,1"},
    "a number": {"ErrorCode": 0},
    "many codes": {"ErrorCode": ",".join(map(str, range(21)))},
    "another script": {"ErrorCode": "\u0660"},
    "half a character": {"Model": "Acc\ud800rd"},
    "half a character in the hint": {"ErrorCode": "7", "SuggestedVIN": "\ud800"},
    "a long name": {"Model": "A" * 201},
    "a make that is an object": {"Make": {"Name": "VOLVO"}},
    "no VIN": {"VIN": None},
    "another VIN": {"VIN": THIRD},
}


@pytest.mark.parametrize("odd", UNREADABLE.values(), ids=UNREADABLE)
def test_decode_unreadable_result_is_no_verdict(odd: dict[str, Any]) -> None:
    """Alone it is asked again and then an error; in a batch it is left out."""
    with saying(decoded(CAR | odd)) as vpic:
        with pytest.raises(UnexpectedBody, match="decodes none of the 1 VINs"):
            ask(vpic.url, VIN)
        assert len(vpic.asked) == 2
    with saying(decoded("?", CAR | {"VIN": OTHER}, CAR | odd)) as vpic:
        assert ask(vpic.url, VIN, OTHER).keys() == {OTHER}


BODIES = {
    "not JSON": reply(b"Results:"),
    "cut": reply(b'{"Results": [{"VIN"'),
    "a list": reply([CAR]),
    "nothing": reply(None),
    "no results": reply({"Count": 1, "Message": "Execution Error"}),
    "a text": reply({"Results": "none"}),
    "nested": reply(b"[" * 200_000),
    "a page": reply(b"<!DOCTYPE html><html>Down</html>", Content_Type="text/html"),
}


@pytest.mark.parametrize("vins", [[VIN], [VIN, THIRD]], ids=["one", "a batch"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_decode_other_body_is_asked_again_and_then_an_error(body: Any, vins: list[str]) -> None:
    with saying(body, decoded(CAR)) as vpic:
        assert ask(vpic.url, *vins) == {VIN: TIGUAN}
    with saying(body) as vpic, pytest.raises(UnexpectedBody) as error:
        ask(vpic.url, *vins)
    assert len(vpic.asked) == 2
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SourceUnavailable), (503, SourceUnavailable), (429, RateLimited)]
)
@pytest.mark.parametrize("vins", [[VIN], [VIN, OTHER]], ids=["one", "a batch"])
def test_decode_failure_says_when_to_come_back(
    vins: list[str], status: int, kind: type[HttpError]
) -> None:
    with saying(reply({}, status, Retry_After="3")) as vpic, pytest.raises(kind) as error:
        ask(vpic.url, *vins, attempts=3)
    assert len(vpic.asked) == 3
    assert error.value.retry_after_s == 3


def test_decode_source_is_official_unless_marked_as_made_up() -> None:
    with saying(decoded(CAR), decoded(CAR, X_Made_Up="seed=7")) as vpic:
        client = HttpClient(vpic.url)
        assert [decode(client, [VIN]).source for _ in range(2)] == ["official", "made-up:7"]


def test_decode_batch_gives_what_each_vin_alone_does(
    recalls_url: str, replica: Control, examples: dict[str, str]
) -> None:
    """Fifty VINs of all kinds are one call; found are exactly code 0 and code 1."""
    client = HttpClient(f"{recalls_url}/api")
    known = [vin for vin in dict.fromkeys(examples.values()) if len(vin) == 17 and "O" not in vin]
    vins = [*known, *made_up_vins.vins(replica.seed, BATCH)][:BATCH]
    together = decode(client, vins)
    assert len(replica.requests) == 1
    assert together.source == f"made-up:{replica.seed}"
    assert together.answers.keys() == set(vins)
    assert {vin: decode(client, [vin]).answers[vin] for vin in vins} == together.answers
    kinds = {vin: kind for kind, vin in examples.items()}
    for vin in known:
        answer, kind = together.answers[vin], kinds[vin]
        is_wrong = kind[0].isdigit() and kind != "1"
        unfilled = kind.startswith("0 ") and "body" not in kind and "exception" not in kind
        is_found = not is_wrong or (kind.startswith("0 ") and not unfilled)
        assert isinstance(answer, Vehicle if is_found else Unknown), kind
        assert getattr(answer, "check_digit_wrong", False) == (kind == "1"), kind

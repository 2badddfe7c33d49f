"""The verdict on a VIN: by vPIC's codes and by what it filled, whatever its texts say."""

from __future__ import annotations

from typing import Any

import pytest

from include.vin_service.decoding import Illegible, Unknown, Vehicle, verdict

VIN = "3VV3B7AXXNM077525"
NOT_KNOWN = "vPIC does not know this VIN: "
CAR = {
    "VIN": VIN,
    "Make": "VOLKSWAGEN",
    "Model": "Tiguan",
    "ModelYear": "2022",
    "BodyClass": "Sport Utility Vehicle (SUV)/Multi-Purpose Vehicle (MPV)",
    "ErrorCode": "0",
    "ErrorText": "0 - VIN decoded clean. Check Digit (9th position) is correct",
    "SuggestedVIN": "",
}


def said(**changes: Any) -> Vehicle | Unknown:
    return verdict(VIN, CAR | changes)


def refused(**changes: Any) -> str:
    """Why, of a VIN that must not be found."""
    unknown = said(**changes)
    assert isinstance(unknown, Unknown)
    assert unknown.vin == VIN
    assert unknown.detail.startswith(NOT_KNOWN)
    return unknown.detail.removeprefix(NOT_KNOWN)


def test_a_clean_decode_is_a_vehicle() -> None:
    """Code 0 with make, model and year is found, with the values as vPIC has them."""
    assert said() == Vehicle(VIN, "VOLKSWAGEN", "Tiguan", "2022", CAR["BodyClass"])


def test_a_wrong_check_digit_is_a_vehicle_that_says_so() -> None:
    """Code 1 alone is found: real cars with a wrong check digit exist."""
    vehicle = said(ErrorCode="1")
    assert isinstance(vehicle, Vehicle)
    assert vehicle.check_digit_wrong
    assert vehicle[:5] == (VIN, "VOLKSWAGEN", "Tiguan", "2022", CAR["BodyClass"])


@pytest.mark.parametrize("codes", ["0", " 0 ", "0,0", "0 , 0"])
def test_spaces_and_repetition_do_not_matter(codes: str) -> None:
    """The codes are a set, however it is written."""
    assert said(ErrorCode=codes) == said()


@pytest.mark.parametrize(
    "codes",
    [
        *("2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "14", "400", "99"),
        *("0,1", "1,0", "0,14", "1,11", "1, 4", "5,14", "6,7", "1,4,14,400", "8,11"),
    ],
)
def test_every_other_code_or_combination_is_unknown(codes: str) -> None:
    """However well make, model and year are filled: they are guesses, or garbage."""
    detail = refused(ErrorCode=codes)
    for code in codes.split(","):
        assert f"code {int(code)}, " in detail


@pytest.mark.parametrize(
    ("codes", "detail"),
    [
        ("7", "code 7, the manufacturer is not registered in the USA"),
        (
            "5,14",
            "code 5, a few characters are wrong; code 14, some characters say nothing that the "
            "manufacturer has explained",
        ),
        (
            "14, 5",
            "code 5, a few characters are wrong; code 14, some characters say nothing that "
            "the manufacturer has explained",
        ),
        ("77", "code 77, whose meaning we do not know"),
    ],
    ids=["one", "two", "two in another order", "a new one"],
)
def test_the_reason_is_told_by_code(codes: str, detail: str) -> None:
    """In words of our own, in the order of the numbers; a new code is shown as it is."""
    assert refused(ErrorCode=codes) == detail


@pytest.mark.parametrize("text", ["", None, "0 - VIN decoded clean", "7 - Who; knows; what"])
def test_texts_judge_nothing(text: str | None) -> None:
    """The texts of vPIC drift, and may contradict the codes; they change no answer."""
    assert said(ErrorText=text, AdditionalErrorText=text) == said()
    assert refused(ErrorCode="7", ErrorText=text) == refused(ErrorCode="7")


def test_a_check_digit_exception_is_a_vehicle() -> None:
    """A car whose wrong check digit vPIC knows of has code 0 and a note, and no warning."""
    note = "Check Digit Exception: this VIN was issued with this check digit"
    assert said(Note=note, AdditionalErrorText=note) == said()


@pytest.mark.parametrize("codes", ["0", "1"])
@pytest.mark.parametrize("nothing", ["", "  ", "Not Applicable", " not applicable ", None])
@pytest.mark.parametrize(
    ("field", "name"), [("Make", "make"), ("Model", "model"), ("ModelYear", "model year")]
)
def test_a_car_without_a_name_is_unknown(
    field: str, name: str, nothing: str | None, codes: str
) -> None:
    """Found means that make, model and year are filled; the sentence says which is not."""
    assert refused(**{field: nothing, "ErrorCode": codes}).startswith(
        f"it names no {name} (code {codes}, "
    )


def test_all_that_is_unfilled_is_told() -> None:
    """A key that is not there at all is unfilled, too."""
    detail = verdict(VIN, {"VIN": VIN, "ErrorCode": "0", "Make": "VOLVO"})
    assert detail == Unknown(
        VIN, NOT_KNOWN + "it names no model and no model year (code 0, decoded without an error)"
    )


@pytest.mark.parametrize("nothing", ["", "Not Applicable", None])
def test_a_vehicle_may_have_no_body_class(nothing: str | None) -> None:
    """It is empty then, and the vehicle is found all the same."""
    vehicle = said(BodyClass=nothing)
    assert isinstance(vehicle, Vehicle)
    assert vehicle.body_class == ""


def test_values_are_verbatim_but_for_spaces_around() -> None:
    """Nothing is recased, cut or corrected."""
    vehicle = said(Make=" MERCEDES-BENZ ", Model="E-Klasse  Größe", ModelYear="2003 ")
    assert vehicle[1:4] == ("MERCEDES-BENZ", "E-Klasse  Größe", "2003")


def test_a_suggested_vin_is_passed_on() -> None:
    """With the marks that vPIC puts where a character is wrong."""
    detail = refused(ErrorCode="4", SuggestedVIN=" 3VV3B7AX!NM077525 ")
    assert detail == (
        "code 4, one character is wrong, and several would fit. It suggests 3VV3B7AX!NM077525"
    )


@pytest.mark.parametrize("nothing", ["", None, "Not Applicable", VIN])
def test_a_suggestion_that_is_none_is_not_told(nothing: str | None) -> None:
    """Neither is the very VIN that was asked for."""
    assert "suggests" not in refused(ErrorCode="8", SuggestedVIN=nothing)


@pytest.mark.parametrize(
    "codes",
    [None, "", " ", "zero", "0,", ",0", "0;1", "-1", "1.0", "0 1", "\u0660", 0, [0], "9" * 5000],
    ids=lambda codes: ascii(codes)[:12],
)
def test_without_codes_there_is_no_verdict(codes: object) -> None:
    """What has no list of codes says nothing of the VIN: neither that it is known nor the other."""
    with pytest.raises(Illegible):
        said(ErrorCode=codes)


@pytest.mark.parametrize("field", ["Make", "Model", "ModelYear", "BodyClass"])
def test_a_value_that_is_no_text_is_no_verdict(field: str) -> None:
    """The shape is not vPIC's then."""
    with pytest.raises(Illegible):
        said(**{field: {"Name": "VOLVO"}})

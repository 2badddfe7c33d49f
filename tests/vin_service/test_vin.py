"""What counts as a VIN, and what is said of everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.vin_service.vin import NotAVin, check_digit_holds, checked

CAR = "1HGCM82633A004352"


def test_a_vin_comes_back_in_upper_case() -> None:
    """Lower case is the same VIN."""
    assert checked(CAR) == checked(CAR.lower()) == CAR


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 0),
        (CAR[:-1], 16),
        (CAR + "1", 18),
        (f" {CAR}", 18),
        (f"{CAR}\n", 18),
        ("A" * 10_240, "10,240"),
    ],
    ids=["nothing", "16", "18", "space before", "newline after", "10 kB"],
)
def test_another_length_is_refused_with_the_length(text: str, found: object) -> None:
    """A text that is not 17 characters long is no VIN, and is told how long it is."""
    with pytest.raises(NotAVin, match=rf"17 characters, and this has {found};"):
        checked(text)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        *(("I", "'I'"), ("o", "'o'"), ("Q", "'Q'"), ("/", "'/'"), (" ", "' '"), ("-", "'-'")),
        *(("\x00", r"'\x00'"), ("\u0661", r"'\u0661'"), ("\u017f", r"'\u017f'")),
        *(("\u0131", r"'\u0131'"), ("\uff11", r"'\uff11'"), ("\U0001f697", r"'\U0001f697'")),
    ],
    ids=[
        *("I", "o", "Q", "slash", "space", "dash", "null", "Arabic digit", "long s"),
        *("dotless i", "wide digit", "car"),
    ],
)
def test_a_character_that_no_vin_has_is_named(foreign: str, shown: str) -> None:
    """Letters and digits of other alphabets are refused, those too that become ASCII in upper case.

    What is shown of them is ASCII, whatever they are.
    """
    with pytest.raises(NotAVin) as refused:
        checked(foreign + CAR[1:])
    assert f"no VIN has {shown};" in str(refused.value)


def test_only_a_few_foreign_characters_are_named() -> None:
    """The sentence stays short, whatever was asked."""
    with pytest.raises(NotAVin) as refused:
        checked("!?#$%&*()+=[]{}<>")
    assert str(refused.value).count("'") == 10


@given(st.text(max_size=40) | st.from_regex(r"\w{17}", fullmatch=True))
def test_what_is_taken_is_17_characters_of_the_alphabet(text: str) -> None:
    """Nothing but the 33 characters gets through, and what does stays the same when asked again."""
    try:
        vin = checked(text)
    except NotAVin as refused:
        said = str(refused)
    else:
        said = vin
        assert len(vin) == 17
        assert set(vin) <= set("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
        assert checked(vin) == vin
    assert said.isascii()


@pytest.mark.parametrize(
    "vin", [CAR, "1M8GDM9AXKP042788", "11111111111111111", "5YJSA1DG9DFP14705"]
)
def test_check_digits_that_hold(vin: str) -> None:
    """The ninth character agrees with the others, `X` for ten too."""
    assert check_digit_holds(vin)


@pytest.mark.parametrize(("vin", "at"), [(CAR, at) for at in range(17) if at != 8], ids=str)
def test_a_mistyped_character_breaks_the_check_digit(vin: str, at: int) -> None:
    """Each place has a weight: a digit that is one off is noticed wherever it is."""
    other = {"A": "B", "C": "D", "G": "H", "H": "J", "M": "N"}.get(vin[at]) or str(
        (int(vin[at]) + 1) % 10
    )
    assert not check_digit_holds(vin[:at] + other + vin[at + 1 :])

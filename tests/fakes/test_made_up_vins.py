"""Made-up VINs: made as real ones are, always the same for a seed, and thousands of them."""

from __future__ import annotations

import re

import pytest

from fakes.made_up_makes import MAKES, is_made
from fakes.made_up_vins import MOST, check_digit, examples, vins
from fakes.made_up_words import manufacturers
from fakes.vpic_decoding import decode


@pytest.mark.parametrize("vin", ["1HGCM82633A004352", "1M8GDM9AXKP042788", "11111111111111111"])
def test_the_check_digit_is_that_of_published_examples(vin):
    """The standard's own examples, one with an X."""
    assert check_digit(vin) == vin[8]


def test_a_seed_gives_the_same_distinct_vins():
    """More of a seed begin with the same, and another seed has others."""
    many = vins(1, 5_000)
    assert len(set(many)) == 5_000
    assert many[:400] == vins(1, 400)
    assert not set(many) & set(vins(2, 5_000))


def test_vins_look_real_and_all_decode_clean():
    """17 characters, a right check digit, every make, 1985 to 2026, a name and a body class."""
    found = {vin: decode(vin) for vin in vins(1, 2_000)}
    assert all(re.fullmatch("[A-HJ-NPR-Z0-9]{17}", vin) for vin in found)
    assert all(check_digit(vin) == vin[8] for vin in found)
    assert {result["ErrorCode"] for result in found.values()} == {"0"}
    assert all(is_made(result["Make"], result["Model"]) for result in found.values())
    assert all(result["BodyClass"] for result in found.values())
    assert {int(result["ModelYear"]) for result in found.values()} == set(range(1985, 2027))
    assert {result["Make"] for result in found.values()} == {m.name for m in MAKES.values()} - {""}


def test_more_vins_than_there_are_numbers_are_refused():
    """Rather than the same VIN twice."""
    with pytest.raises(ValueError, match="900,000"):
        vins(1, MOST + 1)


def test_makers_have_recalls_too():
    """Each is a manufacturer of the made-up recalls."""
    assert {make.manufacturer for make in MAKES.values()} <= set(manufacturers())


@pytest.mark.parametrize("seed", [1, 7])
def test_examples_are_what_they_are_called(seed):
    """A name that begins with codes is an example of exactly these, and `found` of 0."""
    for name, vin in examples(seed).items():
        codes = re.match(r"[\d, ]*\d|", name)[0] or "0"
        assert decode(vin)["ErrorCode"] == codes, name
    assert examples(seed) == examples(seed)
    assert len(set(examples(seed).values())) == len(examples(seed))


def test_examples_lack_what_they_say():
    """Code 0 and yet no make, model, year or body class; and both kinds of 8."""
    results = {name: decode(vin) for name, vin in examples(1).items()}
    gaps = {"make": "Make", "model": "Model", "year": "ModelYear", "body class": "BodyClass"}
    for what, key in gaps.items():
        assert results[f"0 without a {what}"][key] == ""
        others = {gap for gap in gaps.values() if gap != key}
        assert all(results[f"0 without a {what}"][other] for other in others)
    assert results["0 whose model is not applicable"]["Model"] == "Not Applicable"
    assert results["8 with a make"]["Make"]
    assert results["8 without a make"]["Make"] == ""


@pytest.mark.parametrize("name", ["found, no check digit abroad", "0 with a check digit exception"])
def test_a_wrong_check_digit_can_be_right(name):
    """Abroad there is none, and vPIC knows exceptions."""
    vin = examples(1)[name]
    assert check_digit(vin) != vin[8]
    assert decode(vin)["ErrorCode"] == "0"

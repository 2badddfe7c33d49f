"""vPIC as a client sees it: always 200, always every key, and the verdict in the codes."""

import re

import pytest
import requests

from fakes.made_up_vins import EXAMPLES, MAKES, MAX_VINS, check_digit, vins
from fakes.made_up_words import manufacturers
from fakes.vpic_decoding import decode

FIFTY = vins(7, 50)


@pytest.fixture
def one(recalls_url, replica):  # noqa: ARG001 - for its tidying up
    def get(vin):
        url = f"{recalls_url}/api/vehicles/DecodeVinValues/{vin}"
        answer = requests.get(url, params={"format": "json"}, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["X-Made-Up"] == "seed=7"
        return answer.json()

    return get


@pytest.fixture
def batch(recalls_url, replica):  # noqa: ARG001 - for its tidying up
    def post(entries, **fields):
        url = f"{recalls_url}/api/vehicles/DecodeVINValuesBatch/"
        form = {"DATA": ";".join(entries), "format": "json"} | fields
        return requests.post(url, data=form, timeout=30)

    return post


def test_a_known_car_has_every_key(one):
    vin = EXAMPLES["found"]
    body = one(vin.lower())
    assert (body["Count"], body["SearchCriteria"]) == (1, f"VIN(s): {vin.lower()}")
    assert body["Message"].startswith("Results returned successfully")
    (result,) = body["Results"]
    assert len(result) == 154
    assert {type(value) for value in result.values()} == {str}
    assert (result["VIN"], result["ErrorCode"]) == (vin, "0")
    assert (result["Make"], result["ModelYear"]) == ("TARNCOMBE", "2019")
    assert (result["TrailerType"], result["Wheels"]) == ("Not Applicable", "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bad_vin_is_an_answer(one, name):
    """200, each code with its text; a name that begins with codes is an example of these."""
    (result,) = one(EXAMPLES[name])["Results"]
    codes = re.match(r"[\d, ]*\d|", name)[0] or "0"
    assert result["ErrorCode"] == codes
    for code in codes.split(","):
        assert f"{code.strip()} - " in result["ErrorText"]


def test_code_0_can_lack_what_a_client_needs():
    gaps = {"make": "Make", "model": "Model", "year": "ModelYear", "body class": "BodyClass"}
    for what, key in gaps.items():
        result = decode(EXAMPLES[f"0 without a {what}"])
        assert {gap for gap in gaps.values() if not result[gap]} == {key}
    assert decode(EXAMPLES["0 whose model is not applicable"])["Model"] == "Not Applicable"
    assert decode(EXAMPLES["8 with a make"])["Make"]
    assert decode(EXAMPLES["8 without a make"])["Make"] == ""


@pytest.mark.parametrize(("name", "at"), [("1, 4", 5), ("5,14", 4), ("14", 5), ("1,4,14,400", 11)])
def test_a_suggested_vin_marks_the_wrong_character(name, at):
    vin = EXAMPLES[name]
    assert decode(vin)["SuggestedVIN"] == f"{vin[:at]}!{vin[at + 1 :]}"


@pytest.mark.parametrize(
    ("vin", "codes"),
    [
        ("1HGCM82633A004352", "7"),
        ("1HGCM82643A004352", "1,7"),
        ("X", "6,7"),
        ("1TC*****", "6"),
        ("OIQ", "6,7,400"),
        ("%00" * 17, "1,7,400"),
        ("\N{ARABIC-INDIC DIGIT ONE}" * 17, "1,7,400"),
        ("9" * 10_000, "1,7,400"),
    ],
    ids=["good", "bad digit", "short", "part", "IOQ", "null", "Arabic", "long"],
)
def test_any_text_is_decoded(one, vin, codes):
    assert one(vin)["Results"][0]["ErrorCode"] == codes


def test_a_batch_answers_each_in_order(batch, replica):
    asked = [EXAMPLES["found"].lower(), "", f" {EXAMPLES['7']} ", EXAMPLES["6"], ""]
    body = batch(asked).json()
    assert [result["ErrorCode"] for result in body["Results"]] == ["0", "7", "6"]
    assert [result["VIN"] for result in body["Results"]] == [v.strip().upper() for v in asked if v]
    assert body["Count"] == 3
    assert replica.requests[-1].params == {"DATA": ";".join(asked), "format": "json"}


def test_a_batch_has_one_to_fifty_vins(batch):
    assert [r["VIN"] for r in batch(FIFTY).json()["Results"]] == FIFTY
    for wrong in ([*FIFTY, EXAMPLES["1"]], []):
        assert (batch(wrong).status_code, batch(wrong).json()["Results"]) == (400, [])


def test_without_a_format_it_is_xml(batch):
    assert "xml" in batch([EXAMPLES["found"]], format="").headers["Content-Type"]


@pytest.mark.parametrize("vin", ["1HGCM82633A004352", "1M8GDM9AXKP042788", "11111111111111111"])
def test_the_check_digit_is_that_of_published_examples(vin):
    assert check_digit(vin) == vin[8]


def test_made_up_vins_are_distinct_and_decode_clean():
    many = vins(1, 2_000)
    assert len(set(many)) == 2_000
    assert many[:400] == vins(1, 400)
    assert not set(many) & set(vins(2, 2_000))
    found = [decode(vin) for vin in many]
    assert {result["ErrorCode"] for result in found} == {"0"}
    assert all(result["Model"] and result["BodyClass"] for result in found)
    assert {int(result["ModelYear"]) for result in found} == set(range(1985, 2027))
    assert {result["Make"] for result in found} == {m.name for m in MAKES.values()} - {""}
    assert {make.manufacturer for make in MAKES.values()} <= set(manufacturers())
    with pytest.raises(ValueError, match="900,000"):
        vins(1, MAX_VINS + 1)

"""The fake vPIC reports the verdict on a VIN in its error codes."""

import pytest
import requests

from fakes.made_up_vins import EXAMPLES, MAKES, check_digit, vins
from fakes.made_up_words import manufacturers
from fakes.vpic import decode

FIFTY = vins(7, 50)


@pytest.fixture
def batch(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    def post(entries):
        url = f"{recalls_url}/api/vehicles/DecodeVINValuesBatch/"
        form = {"DATA": ";".join(entries), "format": "json"}
        return requests.post(url, data=form, timeout=30)

    return post


def test_known_vin_returns_make_and_model_year(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    vin = EXAMPLES["found"]
    url = f"{recalls_url}/api/vehicles/DecodeVinValues/{vin.lower()}"
    answer = requests.get(url, params={"format": "json"}, timeout=30)
    assert (answer.status_code, answer.headers["X-Made-Up"]) == (200, "seed=7")
    (result,) = answer.json()["Results"]
    assert (result["VIN"], result["ErrorCode"]) == (vin, "0")
    assert (result["Make"], result["ModelYear"]) == ("TARNCOMBE", "2019")


@pytest.mark.parametrize("code", ["1", "6", "7", "8"])
def test_bad_vin_returns_error_code_and_text(code):
    result = decode(EXAMPLES[code])
    assert result["ErrorCode"] == code
    assert result["ErrorText"].startswith(f"{code} - ")


@pytest.mark.parametrize(
    ("vin", "codes"),
    [("X", "6"), ("OIQ" + "1" * 14, "400"), ("\N{ARABIC-INDIC DIGIT ONE}" * 17, "400")],
)
def test_malformed_vin_returns_error_code(vin, codes):
    assert decode(vin)["ErrorCode"] == codes


def test_batch_returns_results_in_order(batch):
    asked = [EXAMPLES["found"].lower(), "", f" {EXAMPLES['7']} ", EXAMPLES["6"], ""]
    results = batch(asked).json()["Results"]
    assert [result["ErrorCode"] for result in results] == ["0", "7", "6"]
    assert [result["VIN"] for result in results] == [v.strip().upper() for v in asked if v]


def test_batch_accepts_1_to_50_vins(batch):
    assert [r["VIN"] for r in batch(FIFTY).json()["Results"]] == FIFTY
    assert batch([*FIFTY, EXAMPLES["1"]]).status_code == 400
    assert batch([";"]).status_code == 400


@pytest.mark.parametrize("vin", ["1HGCM82633A004352", "1M8GDM9AXKP042788", "11111111111111111"])
def test_check_digit_matches_published_examples(vin):
    assert check_digit(vin) == vin[8]


def test_made_up_vins_are_distinct_and_valid():
    many = vins(1, 2_000)
    assert len(set(many)) == 2_000
    assert many[:400] == vins(1, 400)
    assert not set(many) & set(vins(2, 2_000))
    found = [decode(vin) for vin in many]
    assert {result["ErrorCode"] for result in found} == {"0"}
    assert {int(result["ModelYear"]) for result in found} == set(range(1985, 2027))
    assert {result["Make"] for result in found} == {make.name for make in MAKES.values()}
    assert {make.manufacturer for make in MAKES.values()} <= set(manufacturers())

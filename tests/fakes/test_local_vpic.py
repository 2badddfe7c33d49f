"""vPIC as a client sees it: always 200, always every key, and the verdict in the codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from fakes.control import Control
from fakes.made_up_vins import examples, vins
from fakes.vpic_decoding import decode

EXAMPLES = examples(7)
FIFTY = vins(7, 50)


@pytest.fixture
def one(recalls_url: str, replica: Control) -> Callable[..., dict[str, Any]]:  # noqa: ARG001
    def get(vin: str, **params: str) -> dict[str, Any]:
        url = f"{recalls_url}/api/vehicles/DecodeVinValues/{vin}"
        answer = requests.get(url, params={"format": "json"} | params, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["X-Made-Up"] == "seed=7"
        return answer.json()

    return get


@pytest.fixture
def batch(recalls_url: str, replica: Control) -> Callable[..., requests.Response]:  # noqa: ARG001
    def post(entries: list[str], **fields: str) -> requests.Response:
        url = f"{recalls_url}/api/vehicles/DecodeVINValuesBatch/"
        form = {"DATA": ";".join(entries), "format": "json"} | fields
        return requests.post(url, data=form, timeout=30)

    return post


def test_a_car_that_is_found(one):
    """The envelope, all 154 keys as strings, empty or not applicable where nothing is known."""
    vin = EXAMPLES["found"]
    body = one(vin)
    assert (body["Count"], body["SearchCriteria"]) == (1, f"VIN(s): {vin}")
    assert body["Message"].startswith("Results returned successfully")
    (result,) = body["Results"]
    assert len(result) == 154
    assert {type(value) for value in result.values()} == {str}
    assert (result["VIN"], result["ErrorCode"]) == (vin, "0")
    assert (result["Make"], result["ModelYear"]) == ("TARNCOMBE", "2019")
    assert (result["TrailerType"], result["Wheels"]) == ("Not Applicable", "")


def test_the_vin_is_echoed_in_upper_case(one):
    """However it was asked."""
    assert one(EXAMPLES["found"].lower())["Results"] == one(EXAMPLES["found"])["Results"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bad_vin_is_an_answer(one, name):
    """200, each code with its text, and the same in whatever way it is asked."""
    (result,) = one(EXAMPLES[name])["Results"]
    assert result == decode(EXAMPLES[name])
    for code in result["ErrorCode"].split(","):
        assert f"{code.strip()} - " in result["ErrorText"]


def test_the_text_of_an_unregistered_maker_looks_like_two(one):
    """Whoever splits it at `; ` goes wrong; the make is empty."""
    (result,) = one(EXAMPLES["7"])["Results"]
    assert result["ErrorText"].count("; ") == 1
    assert (result["Make"], result["Model"], result["SuggestedVIN"]) == ("", "", "")


@pytest.mark.parametrize(("name", "at"), [("1, 4", 5), ("5,14", 4), ("14", 5), ("1,4,14,400", 11)])
def test_a_suggested_vin_marks_where_it_went_wrong(one, name, at):
    """With an exclamation mark in the place of the character."""
    vin = EXAMPLES[name]
    (result,) = one(vin)["Results"]
    assert result["SuggestedVIN"] == f"{vin[:at]}!{vin[at + 1 :]}"


@pytest.mark.parametrize(
    ("vin", "codes"),
    [
        ("1HGCM82633A004352", "7"),
        ("1HGCM82643A004352", "1,7"),
        ("LZZCM82643A004352", "7"),
        ("X", "6,7"),
        ("1TC*****", "6"),
        ("1TCEC5DE*KD174788", "6"),
        ("OIQ", "6,7,400"),
        ("%00" * 17, "1,7,400"),
        ("\N{ARABIC-INDIC DIGIT ONE}" * 17, "1,7,400"),
        ("9" * 10_000, "1,7,400"),
    ],
    ids=["good", "bad digit", "abroad", "short", "part", "star", "IOQ", "null", "Arabic", "long"],
)
def test_any_text_is_decoded(one, vin, codes):
    """Unknown makers, wildcards, and what no VIN has; nothing makes vPIC fail."""
    assert one(vin)["Results"][0]["ErrorCode"] == codes


def test_a_year_tells_cycles_apart(one, batch):
    """One character stands for 1994 and 2024; a year that it does not stand for is not heard."""
    vin = EXAMPLES["found, before 2010"]
    assert one(vin)["Results"][0]["ModelYear"] == "1994"
    assert one(vin, modelyear="2024")["Results"][0]["ModelYear"] == "2024"
    results = batch([f"{vin},2024", f"{vin}, 2025", vin]).json()["Results"]
    assert [result["ModelYear"] for result in results] == ["2024", "1994", "1994"]
    assert {result["VIN"] for result in results} == {vin}


def test_a_batch_answers_each(batch):
    """Good and bad ones, in the order asked, spaces and empty entries ignored."""
    asked = [EXAMPLES["found"].lower(), "", f" {EXAMPLES['7']} ", EXAMPLES["6"], ""]
    body = batch(asked).json()
    assert [result["ErrorCode"] for result in body["Results"]] == ["0", "7", "6"]
    assert [result["VIN"] for result in body["Results"]] == [v.strip().upper() for v in asked if v]
    assert body["Count"] == 3


def test_fifty_are_the_most(batch):
    """One more is an error, and so is none."""
    assert [r["VIN"] for r in batch(FIFTY).json()["Results"]] == FIFTY
    for wrong in ([*FIFTY, EXAMPLES["1"]], []):
        refused = batch(wrong)
        assert refused.status_code == 400
        assert refused.json()["Results"] == []


def test_without_a_format_it_is_xml(batch):
    """As from the real one, so that a client that forgets it is found out."""
    answer = batch([EXAMPLES["found"], "<&>"], format="")
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert f"<VIN>{EXAMPLES['found']}</VIN>" in answer.text
    assert "<VIN>&lt;&amp;&gt;</VIN>" in answer.text


def test_calls_are_counted_with_what_they_asked(one, batch, replica):
    """By purpose; the form of a batch is among the parameters."""
    one(EXAMPLES["found"])
    batch(FIFTY[:2])
    assert [asked.purpose for asked in replica.requests] == ["vin", "batch"]
    assert replica.requests[1].params == {"DATA": ";".join(FIFTY[:2]), "format": "json"}


def test_a_batch_loses_a_vin(batch, replica):
    """Once, while the count is the right one."""
    replica.fault("lost_row", only="batch")
    short = batch(FIFTY[:5]).json()
    assert [result["VIN"] for result in short["Results"]] == [*FIFTY[:2], *FIFTY[3:5]]
    assert short["Count"] == 5
    assert len(batch(FIFTY[:5]).json()["Results"]) == 5


@pytest.mark.parametrize(("loses", "places"), [(False, [0, 1, 1, 2]), (True, [0, 1, 1])])
def test_a_batch_repeats_a_vin(batch, replica, loses, places):
    """Beside all others, or in the place of the last."""
    replica.fault("repeated_row", only="batch", loses=loses)
    results = batch(FIFTY[:3]).json()["Results"]
    assert [result["VIN"] for result in results] == [FIFTY[place] for place in places]


def test_a_batch_comes_in_another_order(one, batch, replica):
    """Only batches have an order; a single VIN passes."""
    replica.fault("reordered")
    assert one(FIFTY[0])["Results"][0]["VIN"] == FIFTY[0]
    assert [r["VIN"] for r in batch(FIFTY).json()["Results"]] == FIFTY[::-1]


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503)])
@pytest.mark.parametrize("only", ["batch", "DecodeVINValuesBatch"])
def test_the_usual_faults_are_its_too(batch, replica, recalls_url, kind, status, only):
    """For one purpose or one path, and nothing else is hit."""
    replica.fault(kind, only=only)
    url = f"{recalls_url}/api/vehicles/DecodeVinValues/{FIFTY[0]}?format=json"
    assert requests.get(url, timeout=30).status_code == 200
    assert [batch(FIFTY[:1]).status_code for _ in "ab"] == [status, 200]


def test_a_batch_can_be_cut(batch, replica):
    """The connection closes half way."""
    replica.fault("cut", only="batch")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        batch(FIFTY)
    assert batch(FIFTY).status_code == 200

"""The fake recallsByVehicle API returns campaigns of the fake dataset."""

from datetime import datetime

import pytest
import requests

from fakes.made_up_vins import EXAMPLES, MAKES
from fakes.model_recalls import RECALLED, sample_vins
from fakes.vpic import decode

ROWS = 30_000


@pytest.fixture
def recalls(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    def get(vin="", **params):
        car = decode(vin)
        named = {"make": car["Make"], "model": car["Model"], "modelYear": car["ModelYear"]}
        url = f"{recalls_url}/recalls/recallsByVehicle"
        return requests.get(url, params=named | params, timeout=60)

    return get


def test_sample_vins_have_recalls_of_their_make_and_model(recalls, replica):
    replica.rows = ROWS
    samples = sample_vins(ROWS, 7)
    cars = [decode(vin) for vin in samples]
    assert len({car["Make"] for car in cars}) == len(cars) >= 5
    for vin, car in zip(samples, cars, strict=True):
        assert (car["VIN"], car["ErrorCode"]) == (vin, "0")
        found = recalls(vin).json()["results"]
        assert found
        for one in found:
            assert one["Manufacturer"] == MAKES[vin[:3]].manufacturer
            maker, first, last, model = RECALLED.match(one["Summary"]).groups()
            assert maker.casefold() == one["Manufacturer"].casefold()
            assert model.casefold() == car["Model"].casefold()
            assert first <= car["ModelYear"] <= last


def test_campaigns_match_dataset_rows(recalls, page, replica):
    replica.rows = ROWS
    rows = {row["nhtsa_id"]: row for row in page()}
    for vin in sample_vins(ROWS, 7):
        for one in recalls(vin).json()["results"]:
            row = rows[one["NHTSACampaignNumber"]]
            assert row["recall_type"] == "Vehicle"
            reported = datetime.fromisoformat(row["report_received_date"])
            assert one["ReportReceivedDate"] == f"{reported:%d/%m/%Y}"
            assert one["Manufacturer"] == row["manufacturer"]
            assert one["Component"] == row.get("component", "")
            assert one["Summary"] == row.get("defect_summary", "")
            assert one["Remedy"] == row.get("corrective_action", "")
            assert bool(one["parkIt"]) == (row["do_not_drive"] == "Yes")
            assert isinstance(one["overTheAirUpdate"], bool)


@pytest.mark.parametrize(("name", "times"), [("one recall", 1), ("eight recalls", 8)])
def test_example_vins_have_recalls_in_small_datasets(recalls, page, name, times):
    vin = EXAMPLES[name]
    body = recalls(vin).json()
    assert (body["Count"], len(body["results"])) == (times, times)
    ids = {one["NHTSACampaignNumber"] for one in body["results"]}
    assert len(ids) == times
    assert ids <= {row["nhtsa_id"] for row in page()}
    assert {one["Model"] for one in body["results"]} == {decode(vin)["Model"].upper()}


@pytest.mark.parametrize(
    "change",
    [{}, {"make": "NONE"}, {"make": "OSTERWICK"}, {"modelYear": "9" * 5_000}, {"modelYear": "x"}],
)
def test_no_recalls_returns_400_with_an_empty_list(recalls, replica, change):
    name = "eight recalls" if change else "no recalls"
    answer = recalls(EXAMPLES[name], **change)
    assert (answer.status_code, answer.json()["Count"]) == (400, 0)
    assert answer.json()["results"] == []
    replica.rows = 0
    assert recalls(EXAMPLES["eight recalls"]).json()["results"] == []


@pytest.mark.parametrize("missing", ["make", "model", "modelYear"])
def test_missing_parameter_returns_400_without_results(recalls, missing):
    answer = recalls(EXAMPLES["eight recalls"], **{missing: " "})
    assert answer.status_code == 400
    assert "results" not in answer.json()
    assert missing in answer.json()["message"]

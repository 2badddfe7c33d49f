"""NHTSA's recalls of a model as a client sees them; their campaigns are those of the dataset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
import requests

from fakes.control import Control
from fakes.made_up_vins import examples, vins
from fakes.vpic_decoding import decode

Ask = Callable[..., requests.Response]


@pytest.fixture
def recalls(recalls_url: str, replica: Control) -> Ask:  # noqa: ARG001 - for its tidying up
    def get(vin: str = "", **params: str) -> requests.Response:
        car = decode(vin)
        named = {"make": car["Make"], "model": car["Model"], "modelYear": car["ModelYear"]}
        url = f"{recalls_url}/recalls/recallsByVehicle"
        return requests.get(url, params=named | params, timeout=30)

    return get


@pytest.mark.parametrize(("name", "times"), [("one recall", 1), ("eight recalls", 8)])
def test_a_model_with_recalls(recalls, name, times):
    """As many as it should have, each once, about what was asked."""
    vin = examples(7)[name]
    answer = recalls(vin)
    body = answer.json()
    assert (answer.status_code, body["Count"], len(body["results"])) == (200, times, times)
    assert len({one["NHTSACampaignNumber"] for one in body["results"]}) == times
    car = decode(vin)
    for one in body["results"]:
        assert (one["Make"], one["ModelYear"]) == (car["Make"], car["ModelYear"])
        assert one["Model"] == car["Model"].upper()


def test_no_recalls_is_400_with_an_empty_list(recalls):
    """A known model without any, a model or make that nobody knows, a year that is none."""
    for answer in (
        recalls(examples(7)["no recalls"]),
        recalls(make="NOBODY", model="Nothing", modelYear="2019"),
        recalls(examples(7)["eight recalls"], make="OSTERWICK"),
        recalls(examples(7)["eight recalls"], modelYear="9" * 5_000),
        recalls(examples(7)["eight recalls"], modelYear="next"),
    ):
        assert (answer.status_code, answer.json()["Count"]) == (400, 0)
        assert answer.json()["results"] == []


@pytest.mark.parametrize("missing", ["make", "model", "modelYear"])
def test_a_missing_parameter_is_400_without_results(recalls, missing):
    """A real error, which says what is missing."""
    answer = recalls(examples(7)["eight recalls"], **{missing: " "})
    assert answer.status_code == 400
    assert "results" not in answer.json()
    assert missing in answer.json()["message"]


def test_case_does_not_matter(recalls):
    """Neither of the make nor of the model."""
    vin = examples(7)["eight recalls"]
    car = decode(vin)
    written = recalls(make=car["Make"].lower(), model=car["Model"].swapcase(), modelYear="2020")
    assert written.json() == recalls(vin, modelYear="2020").json()


def test_campaigns_are_rows_of_the_dataset(recalls, page):
    """The same id, component, texts and day, which is written the other way round."""
    rows = {row["nhtsa_id"]: row for row in page()}
    seen = 0
    for vin in vins(7, 60):
        for one in recalls(vin).json()["results"]:
            row = rows[one["NHTSACampaignNumber"]]
            assert row["recall_type"] == "Vehicle"
            reported = datetime.fromisoformat(row["report_received_date"])
            assert one["ReportReceivedDate"] == f"{reported:%d/%m/%Y}"
            assert one["Manufacturer"] == row["manufacturer"]
            assert one["Component"] == row.get("component", "")
            assert one["Summary"] == row.get("defect_summary", "")
            assert one["Consequence"] == row.get("consequence_summary", "")
            assert one["Remedy"] == row.get("corrective_action", "")
            assert bool(one["parkIt"]) == (row["do_not_drive"] == "Yes")
            assert bool(one["parkOutSide"]) == (row["fire_risk_when_parked"] == "Yes")
            assert isinstance(one["overTheAirUpdate"], bool)
            seen += 1
    assert seen > 60


def test_flags_are_null_now_and_then(recalls):
    """Where nobody has said anything, and only there."""
    found = [one["parkIt"] for vin in vins(7, 60) for one in recalls(vin).json()["results"]]
    assert {None, False} <= set(found)
    assert found.count(None) < found.count(False)


def test_a_model_keeps_its_campaigns_from_day_to_day(recalls, page, replica):
    """Edits of the dataset show here too; what is retracted is gone."""
    before = {vin: recalls(vin).json()["results"] for vin in vins(7, 40)}
    replica.day = 40
    rows = {row["nhtsa_id"]: row for row in page()}
    edited = 0
    for vin, results in before.items():
        now = recalls(vin).json()["results"]
        assert {one["NHTSACampaignNumber"] for one in now} <= {
            one["NHTSACampaignNumber"] for one in results
        }
        for one in now:
            assert one["Component"] == rows[one["NHTSACampaignNumber"]].get("component", "")
        edited += now != results
    assert 0 < edited < len(before)


def test_a_source_without_recalls_has_none_of_a_model(recalls, replica):
    """Rather than an error of ours."""
    replica.rows = 0
    assert recalls(examples(7)["eight recalls"]).json()["results"] == []


def test_the_usual_faults_are_its_too(recalls, replica):
    """By its purpose, and every call is counted."""
    replica.fault("html", only="model_recalls")
    vin = examples(7)["one recall"]
    assert recalls(vin).headers["Content-Type"].startswith("text/html")
    assert recalls(vin).json()["Count"] == 1
    assert [asked.purpose for asked in replica.requests] == ["model_recalls"] * 2

"""`GET /recalls/{vin}`: the model's recalls, with what the lake knows, and never more than that."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.compute as pc
import pytest

from include.first.exchange import Answer
from include.first.keys import Keys
from include.first.lake import Lake
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vin_service.answers import NOTE
from include.vin_service.settings import Settings
from tests.vin_service.conftest import Service, Start

KEYS = Keys("vehicle_recalls")


@pytest.fixture
def eight(examples: dict[str, str]) -> str:
    return examples["eight recalls"]


def test_recalls_are_the_models(service: Service, eight: str) -> None:
    """The answer says that it is about the model, in a word and in a sentence."""
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 200
    said = answer.json()
    car = service.get(f"/lookup/{eight}").json()
    assert {name: said[name] for name in ("vin", "make", "model", "model_year")} == {
        name: car[name] for name in ("vin", "make", "model", "model_year")
    }
    assert said["scope"] == "model"
    assert said["note"] == NOTE
    assert len(said["recalls"]) == 8
    assert all(len(recall["report_received_date"]) == 10 for recall in said["recalls"])


def test_without_a_lake_recalls_are_whole(service: Service, eight: str) -> None:
    """The lake adds to an answer; without one nothing else is missing."""
    said = service.get(f"/recalls/{eight}").json()
    assert said["lake"] is None
    assert all(recall["lake"] is None for recall in said["recalls"])
    assert all(recall["summary"] and recall["component"] for recall in said["recalls"])


def test_no_recalls_is_an_empty_list(service: Service, examples: dict[str, str]) -> None:
    """NHTSA says "none" with a 400; that is an answer."""
    answer = service.get(f"/recalls/{examples['no recalls']}")
    assert answer.status_code == 200
    assert answer.json()["recalls"] == []


@pytest.mark.parametrize("trouble", ["503", "429", "html", "cut", "refused"])
def test_could_not_ask_is_503(service: Service, eight: str, trouble: str) -> None:
    """Trouble of NHTSA's is never an empty list; the car itself is still known."""
    service.get(f"/lookup/{eight}")
    service.replica.fault(trouble, times=None, only="recallsByVehicle")
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("NHTSA could not be asked: ")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unknown_vin_has_no_recalls_to_tell(service: Service, examples: dict[str, str]) -> None:
    """A VIN that vPIC does not know is 404 as in a lookup; NHTSA is not asked."""
    answer = service.get(f"/recalls/{examples['7']}")
    assert answer.status_code == 404
    assert not [asked for asked in service.replica.requests if "recallsBy" in asked.path]


@pytest.fixture
def enriched(start: Start, settings: Settings, lake: Lake, recalls_url: str) -> Service:
    """A service whose lake has two days of the same made-up source."""
    service = start(replace(settings, lake=lake))
    run(RecallsApi(recalls_url), lake)
    service.replica.day = 2
    run(RecallsApi(recalls_url), lake)
    return service


def test_the_lake_adds_what_it_knows(enriched: Service, lake: Lake, eight: str) -> None:
    """Completion rate and do-not-drive are those of the lake's own row of that recall."""
    said = enriched.get(f"/recalls/{eight}").json()
    assert said["lake"] == "version 2"
    found = [recall for recall in said["recalls"] if recall["lake"]]
    assert found
    for recall in found:
        rows = lake.read_parquet(KEYS.year(recall["report_received_date"][:4]))
        (row,) = rows.filter(pc.equal(rows["nhtsa_id"], recall["nhtsa_id"])).to_pylist()
        assert recall["lake"]["completion_rate"] == row["completion_rate"]
        assert recall["lake"]["do_not_drive"] == row["do_not_drive"]
        assert recall["lake"]["at_baseline"] is True
        assert recall["lake"]["first_seen"]


def test_a_lake_that_cannot_be_read_costs_only_what_it_adds(
    start: Start, settings: Settings, lake: Lake, eight: str
) -> None:
    """A bucket without recalls, or none at all, is said, and the recalls are there."""
    gone = Lake(lake.s3, f"{lake.bucket}-gone", lake.storage_options)
    for here, why in ((lake, "has no recalls yet"), (gone, "could not be read")):
        service = start(replace(settings, lake=here))
        said = service.get(f"/recalls/{eight}").json()
        assert said["lake"] == f"the lake {why}"
        assert len(said["recalls"]) == 8


def test_made_up_and_real_are_not_mixed(
    enriched: Service, eight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lake of another source adds nothing to these recalls, and the answer says why."""
    monkeypatch.setattr(Answer, "publisher", "made-up:8")
    said = enriched.get(f"/recalls/{eight}").json()
    assert said["lake"] == "the lake has data of another source"
    assert all(recall["lake"] is None for recall in said["recalls"])


def test_a_vin_and_recalls_of_two_sources_are_refused(
    service: Service, eight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up car has no official recalls: the settings are wrong, and the answer says which."""
    service.get(f"/lookup/{eight}")
    monkeypatch.setattr(Answer, "publisher", "official")
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 503
    assert "RECALLS_API_URL" in answer.json()["detail"]

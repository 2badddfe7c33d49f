"""`GET /recalls/{vin}`: the model's recalls, with what the lake knows, and never more than that."""

from pathlib import Path

import pytest

from include.http.response import Response
from include.lake.store import Store
from include.vin_service.recalls import NOTE
from tests.conftest import open_store
from tests.pipelines.vehicle_recalls.recalls import publish, recall
from tests.vin_service.conftest import Service, Start


@pytest.fixture
def eight(examples: dict[str, str]) -> str:
    return examples["eight recalls"]


def test_recalls_are_those_of_the_model(service: Service, eight: str) -> None:
    """The answer says that it is about the model; without a lake nothing else is missing."""
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 200
    said = answer.json()
    car = service.get(f"/lookup/{eight}").json()
    for name in ("vin", "make", "model", "model_year"):
        assert said[name] == car[name]
    assert (said["scope"], said["note"], said["lake_note"]) == ("model", NOTE, None)
    assert len({recall["nhtsa_id"] for recall in said["recalls"]}) == 8
    assert all(len(recall["report_received_date"]) == 10 for recall in said["recalls"])
    assert all(recall["lake"] is None for recall in said["recalls"])


def test_no_recalls_is_an_empty_list(service: Service, examples: dict[str, str]) -> None:
    """NHTSA says "none" with a 400; that is an answer."""
    answer = service.get(f"/recalls/{examples['no recalls']}")
    assert (answer.status_code, answer.json()["recalls"]) == (200, [])


@pytest.mark.parametrize("failure", ["503", "429", "html", "cut", "refused"])
def test_failure_of_nhtsa_is_503(service: Service, eight: str, failure: str) -> None:
    """It is never an empty list."""
    service.replica.fault(failure, times=None, only="recallsByVehicle")
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("NHTSA could not be asked: ")
    assert int(answer.headers["Retry-After"]) > 0


def test_unknown_vin_is_404_as_in_a_lookup(service: Service, examples: dict[str, str]) -> None:
    assert service.get(f"/recalls/{examples['7']}").status_code == 404
    assert not [asked for asked in service.replica.requests if "recallsBy" in asked.path]


def test_lake_adds_what_it_knows(start: Start, store: Store, eight: str) -> None:
    first, *_ = start().get(f"/recalls/{eight}").json()["recalls"]
    row = recall(1, nhtsa_id=first["nhtsa_id"], completion_rate="61.5", do_not_drive="Yes")
    receipt = publish(store, row)
    service = start(store)
    said = service.get(f"/recalls/{eight}").json()
    assert said["lake_note"] == "version 1"
    assert {row["nhtsa_id"]: row["lake"] for row in said["recalls"] if row["lake"]} == {
        first["nhtsa_id"]: {
            "completion_rate": 61.5,
            "do_not_drive": True,
            "first_seen": receipt["observed_at"],
            "at_baseline": True,
            "changes": [],
        }
    }
    assert "61.5% of the affected vehicles" in service.get(f"/?vins={eight}").text


def test_lake_without_recalls_or_of_another_source_adds_nothing(
    start: Start,
    store: Store,
    s3_url: str,
    eight: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer says why, and the recalls are there."""

    def said(lake: Store, **changed: Path) -> str:
        answer = start(lake, **changed).get(f"/recalls/{eight}").json()
        assert [recall["lake"] for recall in answer["recalls"]] == [None] * 8
        return str(answer["lake_note"])

    assert said(store) == "the lake has no recalls yet"
    assert said(open_store(s3_url, f"{store.bucket}-gone")) == "the lake could not be read"
    publish(store, recall(1))
    monkeypatch.setattr(Response, "publisher", "official")
    assert said(store, vin_db=tmp_path / "official.db") == "the lake has data of another source"


def test_vin_and_recalls_of_two_sources_are_refused(
    service: Service, eight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up vehicle has no official recalls: the answer says which settings are wrong."""
    service.get(f"/lookup/{eight}")
    monkeypatch.setattr(Response, "publisher", "official")
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 503
    assert "RECALLS_API_URL" in answer.json()["detail"]

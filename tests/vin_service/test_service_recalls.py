"""`GET /recalls/{vin}` returns the model's recalls with the facts of the lake."""

from pathlib import Path

import pytest

from include.http.response import Response
from include.lake.store import Store
from include.vin_service.recalls import NOTE
from tests.conftest import open_store
from tests.pipelines.vehicle_recalls.recalls import publish, recall
from tests.vin_service.conftest import Service, Start


@pytest.fixture
def vin(examples: dict[str, str]) -> str:
    return examples["eight recalls"]


def test_recalls_match_the_model(service: Service, vin: str) -> None:
    answer = service.get(f"/recalls/{vin}")
    assert answer.status_code == 200
    body = answer.json()
    car = service.get(f"/lookup/{vin}").json()
    for name in ("vin", "make", "model", "model_year"):
        assert body[name] == car[name]
    assert (body["scope"], body["note"], body["lake_note"]) == ("model", NOTE, None)
    assert len({recall["nhtsa_id"] for recall in body["recalls"]}) == 8
    assert all(len(recall["report_received_date"]) == 10 for recall in body["recalls"])
    assert all(recall["lake"] is None for recall in body["recalls"])


def test_no_recalls_returns_an_empty_list(service: Service, examples: dict[str, str]) -> None:
    """NHTSA answers 400 when there are no recalls."""
    answer = service.get(f"/recalls/{examples['no recalls']}")
    assert (answer.status_code, answer.json()["recalls"]) == (200, [])


@pytest.mark.parametrize("failure", ["503", "429", "html", "cut", "refused"])
def test_nhtsa_failure_returns_503(service: Service, vin: str, failure: str) -> None:
    service.replica.fault(failure, times=None, only="recallsByVehicle")
    answer = service.get(f"/recalls/{vin}")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("NHTSA could not be asked: ")
    assert int(answer.headers["Retry-After"]) > 0


def test_unknown_vin_returns_404(service: Service, examples: dict[str, str]) -> None:
    assert service.get(f"/recalls/{examples['7']}").status_code == 404
    assert not [asked for asked in service.replica.requests if "recallsBy" in asked.path]


def test_lake_adds_its_facts(start: Start, store: Store, vin: str) -> None:
    first, *_ = start().get(f"/recalls/{vin}").json()["recalls"]
    row = recall(1, nhtsa_id=first["nhtsa_id"], completion_rate="61.5", do_not_drive="Yes")
    receipt = publish(store, row)
    service = start(store)
    body = service.get(f"/recalls/{vin}").json()
    assert body["lake_note"] == "version 1"
    assert {row["nhtsa_id"]: row["lake"] for row in body["recalls"] if row["lake"]} == {
        first["nhtsa_id"]: {
            "completion_rate": 61.5,
            "do_not_drive": True,
            "first_seen": receipt["observed_at"],
            "at_baseline": True,
            "changes": [],
        }
    }
    assert "61.5% of the affected vehicles" in service.get(f"/?vins={vin}").text


def test_unusable_lake_adds_only_a_note(
    start: Start,
    store: Store,
    s3_url: str,
    vin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def note(lake: Store, **changed: Path) -> str:
        answer = start(lake, **changed).get(f"/recalls/{vin}").json()
        assert [recall["lake"] for recall in answer["recalls"]] == [None] * 8
        return str(answer["lake_note"])

    assert note(store) == "the lake has no recalls yet"
    assert note(open_store(s3_url, f"{store.bucket}-gone")) == "the lake could not be read"
    publish(store, recall(1))
    monkeypatch.setattr(Response, "publisher", "official")
    assert note(store, vin_db=tmp_path / "official.db") == "the lake has data of another source"


def test_vin_and_recalls_of_two_sources_are_refused(
    service: Service, vin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up vehicle has no official recalls; the error names the setting."""
    service.get(f"/lookup/{vin}")
    monkeypatch.setattr(Response, "publisher", "official")
    answer = service.get(f"/recalls/{vin}")
    assert answer.status_code == 503
    assert "RECALLS_API_URL" in answer.json()["detail"]

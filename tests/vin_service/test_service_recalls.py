"""`GET /recalls/{vin}`: the model's recalls, with what the lake knows, and never more than that."""

from __future__ import annotations

import pytest

from include.http.response import Response
from include.lake.store import Store
from include.vin_service.recalls import NOTE
from include.vin_service.settings import Settings
from tests.conftest import open_store
from tests.vin_service.conftest import Service, Start
from tests.vin_service.recalls_lake import publish_day

BASELINE = "2026-01-01T09:00:00Z"


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
    assert len({recall["nhtsa_id"] for recall in said["recalls"]}) == 8


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


def test_the_lake_adds_what_it_knows(
    start: Start, settings: Settings, store: Store, eight: str
) -> None:
    service = start(settings, store)
    first, *_ = service.get(f"/recalls/{eight}").json()["recalls"]
    publisher = f"made-up:{service.replica.seed}"
    known = {first["nhtsa_id"]: {"completion_rate": 61.5, "do_not_drive": True}}
    publish_day(store, BASELINE, known, publisher=publisher)
    said = start(settings, store).get(f"/recalls/{eight}").json()
    assert said["lake"] == "version 1"
    assert [row["lake"] for row in said["recalls"] if row["nhtsa_id"] != first["nhtsa_id"]] == (
        [None] * 7
    )
    (added,) = [row["lake"] for row in said["recalls"] if row["lake"]]
    assert added == {
        "completion_rate": 61.5,
        "do_not_drive": True,
        "first_seen": BASELINE,
        "at_baseline": True,
        "changes": [],
    }
    assert "61.5% of the affected vehicles" in start(settings, store).get(f"/?vins={eight}").text


def test_a_lake_that_cannot_be_read_costs_only_what_it_adds(
    start: Start, settings: Settings, store: Store, s3_url: str, eight: str
) -> None:
    """A bucket without recalls, or none at all, is said, and the recalls are there."""
    gone = open_store(s3_url, f"{store.bucket}-gone")
    for here, why in ((store, "has no recalls yet"), (gone, "could not be read")):
        said = start(settings, here).get(f"/recalls/{eight}").json()
        assert said["lake"] == f"the lake {why}"
        assert len(said["recalls"]) == 8


def test_a_lake_of_another_source_adds_nothing(
    start: Start, settings: Settings, store: Store, eight: str
) -> None:
    publish_day(store, BASELINE, {"19V000001": {"subject": "x"}}, publisher="official")
    said = start(settings, store).get(f"/recalls/{eight}").json()
    assert said["lake"] == "the lake has data of another source"
    assert all(recall["lake"] is None for recall in said["recalls"])


def test_a_vin_and_recalls_of_two_sources_are_refused(
    service: Service, eight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up vehicle has no official recalls: the answer says which settings are wrong."""
    service.get(f"/lookup/{eight}")
    monkeypatch.setattr(Response, "publisher", "official")
    answer = service.get(f"/recalls/{eight}")
    assert answer.status_code == 503
    assert "RECALLS_API_URL" in answer.json()["detail"]

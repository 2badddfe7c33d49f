"""The service as its users meet it: over HTTP, with the local vPIC behind it."""

from __future__ import annotations

import io
import json
import re

import pyarrow.parquet as pq
import pytest

from fakes import made_up_vins
from include.vin_service.lookups import Lookups
from include.vin_service.settings import Settings
from include.vin_service.upstream import UpstreamUnavailable
from tests.vin_service.conftest import Service, Start, changed

SIX = ["vin", "make", "model", "model_year", "body_class", "cached"]


def test_a_lookup_has_exactly_six_fields(service: Service, car: str) -> None:
    """A VIN that vPIC knows is answered with six fields; asked again it is from the cache."""
    first, second = service.get(f"/lookup/{car}"), service.get(f"/lookup/{car}")
    assert first.status_code == second.status_code == 200
    assert list(first.json()) == SIX
    assert first.json() | {"cached": True} == second.json()
    assert [first.json()["cached"], second.json()["cached"]] == [False, True]
    assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["miss", "hit"]
    assert all(isinstance(first.json()[name], str) for name in SIX[:-1])
    assert all(first.json()[name] for name in SIX[:-1])
    assert len(service.calls()) == 1


def test_lower_case_is_the_same_vin(service: Service, car: str) -> None:
    """The answer has the VIN in upper case, and both spellings share the cache."""
    assert service.get(f"/lookup/{car.lower()}").json()["vin"] == car
    assert service.get(f"/lookup/{car}").json()["cached"] is True


def test_made_up_data_says_so(service: Service, car: str) -> None:
    """Whoever gets an answer of the local vPIC can see that it is made up."""
    said = f"seed={service.replica.seed}"
    assert service.get(f"/lookup/{car}").headers["X-Made-Up"] == said
    assert service.get(f"/lookup/{car}").headers["X-Made-Up"] == said
    assert service.get("/export").headers["X-Made-Up"] == said


MALFORMED = {
    "16 characters": "1HGCM82633A00435",
    "18 characters": "1HGCM82633A0043521",
    "nothing": "",
    "space before": "%201HGCM82633A004352",
    "spaces": "1HGCM826%2033A00435",
    "letter O": "1HGCM82633AOO4352",
    "slash": "1HGCM826/3A004352",
    "escaped slash": "1HGCM826%2F3A004352",
    "dots": "..%2F..%2Fetc%2Fpasswd",
    "Arabic digits": "1HGCM82633A00%D9%A2%D9%A3%D9%A1%D9%A5",
    "long s": "1HGCM82633A00435%C5%BF",
    "null byte": "1HGCM82633A00435%00",
    "no UTF-8": "1HGCM82633A00435%FF",
    "newline after": "1HGCM82633A004352%0A",
    "newline inside": "1HGCM82633%0A004352",
    "10 kB": "A" * 10_240,
}


@pytest.mark.parametrize("path", ["/lookup/", "/recalls/", "/remove/"])
@pytest.mark.parametrize("vin", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_vin_is_404_with_one_sentence(service: Service, path: str, vin: str) -> None:
    """A malformed VIN is told what is wrong with it, wherever it is given; nobody is asked."""
    answer = (service.delete if path == "/remove/" else service.get)(path + vin)
    assert answer.status_code == 404
    assert list(answer.json()) == ["detail"]
    assert re.match(
        r"a VIN has 17 characters, and this has |a VIN cannot contain ", answer.json()["detail"]
    )
    assert len(answer.json()["detail"]) < 200
    assert not service.calls()


def test_a_vin_that_vpic_does_not_know_is_404(service: Service) -> None:
    """What vPIC said is in the sentence; it is kept, but briefly."""
    unknown = list(made_up_vins.EXAMPLES.values())
    answers = {vin: service.get(f"/lookup/{vin}") for vin in unknown if len(vin) == 17}
    refused = {vin: answer for vin, answer in answers.items() if answer.status_code == 404}
    assert refused
    assert {answer.status_code for answer in answers.values()} == {200, 404}
    asked = len(service.calls())
    for vin, answer in refused.items():
        again = service.get(f"/lookup/{vin}")
        assert again.json() == answer.json()
        if answer.json()["detail"].startswith("vPIC"):
            assert again.headers["X-Cache"] == "hit"
    assert len(service.calls()) == asked


TROUBLES = ["503", "500", "429", "html", "cut", "refused", "202"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_outage_is_503_remembered_for_all_and_not_cached(
    service: Service, car: str, trouble: str
) -> None:
    service.replica.fault(trouble, times=None)
    answer = service.get(f"/lookup/{car}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["detail"].startswith("vPIC could not be asked: ")
    service.replica.faults.clear()
    asked = len(service.calls())
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    assert service.get(f"/lookup/{other}").json() == answer.json()
    assert len(service.calls()) == asked
    service.end_rest()
    assert service.get(f"/lookup/{car}").json()["cached"] is False


def test_a_slow_vpic_is_503(start: Start, settings: Settings, car: str) -> None:
    """Who asks is not kept waiting longer than the timeouts allow."""
    service = start(changed(settings, vin_upstream_timeout_s=0.1))
    service.replica.fault("slow", times=None, seconds=1)
    assert service.get(f"/lookup/{car}").status_code == 503


def test_an_old_answer_is_served_stale(start: Start, settings: Settings, car: str) -> None:
    """With vPIC down an old vehicle is served, called stale; without one there is no answer."""
    service = start(changed(settings, vin_found_ttl_s=0))
    fresh = service.get(f"/lookup/{car}").json()
    service.replica.fault("503", times=None)
    asked = len(service.calls())
    for _ in range(5):
        old = service.get(f"/lookup/{car}")
        assert old.status_code == 200
        assert old.headers["X-Cache"] == "stale"
        assert old.json() == fresh | {"cached": True}
    assert len(service.calls()) == asked + 3  # the attempts of one call: the rest came at once


def test_remove_says_whether_it_was_cached(service: Service, car: str) -> None:
    """True, then false; the next lookup asks vPIC again."""
    assert service.delete(f"/remove/{car}").json() is False
    service.get(f"/lookup/{car}")
    assert service.delete(f"/remove/{car.lower()}").json() is True
    assert service.delete(f"/remove/{car}").json() is False
    assert service.get(f"/lookup/{car}").json()["cached"] is False


def test_export_has_all_vehicles_and_no_refusals(service: Service) -> None:
    """One valid Parquet file of what was found, each vehicle once, with a name to save it by."""
    vins = made_up_vins.vins(service.replica.seed, 20)
    asked = [*vins, *made_up_vins.EXAMPLES.values()]
    answers = service.post("/lookup", json={"vins": asked}).json()["results"]
    found = {one["vehicle"]["vin"]: one["vehicle"] for one in answers if one["status"] == 200}
    answer = service.get("/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="vehicles.parquet"'
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.column_names == SIX[:-1]
    rows = table.to_pylist()
    assert [row["vin"] for row in rows] == sorted(found)
    assert rows == [{name: found[row["vin"]][name] for name in SIX[:-1]} for row in rows]


def test_export_is_streamed(service: Service, car: str) -> None:
    """It has no length: it goes out while it is made."""
    service.get(f"/lookup/{car}")
    answer = service.get("/export", stream=True)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert next(answer.iter_content(4)) == b"PAR1"
    answer.close()


def test_many_are_answered_in_the_order_asked(service: Service, car: str) -> None:
    """A result or an error for each text, duplicates and nonsense too, as it was asked."""
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    asked = [other, "nonsense", car.lower(), other, car, "", "\u00e9"]
    results = service.post("/lookup", json={"vins": asked}).json()["results"]
    assert [result["asked"] for result in results] == asked
    assert [result["status"] for result in results] == [200, 404, 200, 200, 200, 404, 404]
    assert [result["vehicle"]["vin"] for result in results if "vehicle" in result] == [
        *(other, car, other, car)
    ]
    assert all("detail" in result for result in results if result["status"] == 404)
    assert len(service.calls()) == 1


def test_a_thousand_cold_vins_are_twenty_calls(service: Service) -> None:
    """They are asked fifty at a time."""
    vins = made_up_vins.vins(service.replica.seed, 1_000)
    results = service.post("/lookup", json={"vins": vins}).json()["results"]
    assert [result["vehicle"]["vin"] for result in results] == vins
    assert len(service.calls()) == 20
    again = service.post("/lookup", json={"vins": vins}).json()["results"]
    assert all(result["vehicle"]["cached"] for result in again)
    assert len(service.calls()) == 20


def test_many_with_vpic_down_is_an_error_for_each(service: Service, car: str) -> None:
    """What the cache has is answered, the rest is 503 one by one, with when to ask again."""
    service.get(f"/lookup/{car}")
    service.replica.fault("503", times=None)
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    answer = service.post("/lookup", json={"vins": [car, other]})
    assert [result["status"] for result in answer.json()["results"]] == [200, 503]
    assert int(answer.headers["Retry-After"]) > 0


def test_many_wait_as_long_as_the_longest(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks again after the Retry-After of a batch finds all of its VINs worth asking."""
    waits = iter([2, 40, 3])

    async def in_trouble(_: object, vins: list[str]) -> dict[str, UpstreamUnavailable]:
        return {vin: UpstreamUnavailable("vPIC rests", next(waits)) for vin in vins}

    monkeypatch.setattr(Lookups, "lookup_many", in_trouble)
    vins = made_up_vins.vins(service.replica.seed, 3)
    assert service.post("/lookup", json={"vins": vins}).headers["Retry-After"] == "40"


BODIES = {
    "no JSON": b"{",
    "no object": b"[]",
    "no list": b'{"vins": "1HGCM82633A004352"}',
    "numbers": b'{"vins": [1]}',
    "null": b'{"vins": null}',
    "nothing": b"",
    "another field": b'{"vins": [], "vin": ""}',
    "half a surrogate": b'{"vins": ["\\ud800"]}',
    "too many": json.dumps({"vins": ["1HGCM82633A004352"] * 1_001}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_none_is_422(service: Service, body: bytes) -> None:
    """What is no list of up to 1,000 texts is refused with what is wrong; it is not sent back."""
    answer = service.post("/lookup", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert all(set(problem) == {"loc", "msg", "type"} for problem in answer.json()["detail"])
    assert len(answer.content) < 1_000
    assert not service.calls()


@pytest.mark.parametrize(
    "body", [b'{"vins": ["\xff"]}', b'{"vins": ' + b"[" * 5_000], ids=["no UTF-8", "deep"]
)
def test_a_body_that_cannot_be_read_is_400(service: Service, body: bytes) -> None:
    """What is no text, or nested without end, is refused before anybody looks at it."""
    answer = service.post("/lookup", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/healthz", "/export", "/lookup/{}", "/recalls/{}"]
)
def test_head_answers_where_get_does(service: Service, car: str, path: str) -> None:
    """With the status and the headers of GET, and without its body."""
    service.get(f"/lookup/{car}")
    got = service.get(path.format(car))
    head = service.session.head(service.url + path.format(car), timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.items() >= got.headers.items() - {("Transfer-Encoding", "chunked")}
    assert service.session.head(f"{service.url}/lookup/short", timeout=60).status_code == 404
    assert "head" not in str(service.get("/openapi.json").json()["paths"].values())


def test_docs_need_no_other_host(service: Service) -> None:
    """The page of the OpenAPI document loads everything from the service itself."""
    page = service.get("/docs").text
    assert "swagger" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert service.get(path).status_code == 200


def test_openapi_has_examples(service: Service) -> None:
    """Each body that is taken or given has an example, and each route says how it may fail."""
    document = service.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for name in ("VehicleAnswer", "Vins", "OneOfMany", "RecallsAnswer"):
        assert any("examples" in field for field in schemas[name]["properties"].values()), name
    assert {"404", "503", "401"} <= document["paths"]["/lookup/{vin}"]["get"]["responses"].keys()

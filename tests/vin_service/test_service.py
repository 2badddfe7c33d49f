"""The service over HTTP, with the fake vPIC."""

import io
import json
import re
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from starlette.responses import Response

from fakes import made_up_vins
from tests.http.raw_server import Api
from tests.vin_service.conftest import Service, Start, reply

FIELDS = ["vin", "make", "model", "model_year", "body_class", "cached"]


def test_lookup_has_six_fields_and_is_cached_in_any_case(service: Service, car: str) -> None:
    """Made-up data is marked as such, even from the cache."""
    first, second = service.get(f"/lookup/{car.lower()}"), service.get(f"/lookup/{car}")
    assert first.status_code == second.status_code == 200
    assert list(first.json()) == FIELDS
    assert first.json()["vin"] == car
    assert all(first.json()[name] for name in FIELDS[:-1])
    assert first.json() | {"cached": True} == second.json()
    assert [first.json()["cached"], second.json()["cached"]] == [False, True]
    assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["miss", "hit"]
    for answer in (first, second, service.get("/export")):
        assert answer.headers["X-Made-Up"] == f"seed={service.replica.seed}"
    assert len(service.calls()) == 1


MALFORMED = {
    "16 characters": "1HGCM82633A00435",
    "nothing": "",
    "letter O": "1HGCM82633AOO4352",
    "slash": "1HGCM826/3A004352",
    "null byte": "1HGCM82633A00435%00",
    "no UTF-8": "1HGCM82633A00435%FF",
    "10 kB": "A" * 10_240,
}


@pytest.mark.parametrize("vin", MALFORMED.values(), ids=MALFORMED)
def test_malformed_vin_returns_404_with_one_sentence(service: Service, vin: str) -> None:
    for path in ("/lookup/", "/recalls/", "/remove/"):
        answer = (service.delete if path == "/remove/" else service.get)(path + vin)
        assert answer.status_code == 404
        assert list(answer.json()) == ["detail"]
        assert re.match(
            r"a VIN has 17 characters, and this has |a VIN cannot contain ", answer.json()["detail"]
        )
    assert not service.calls()


def test_unknown_vin_returns_404_and_is_cached(service: Service, examples: dict[str, str]) -> None:
    first, second = (service.get(f"/lookup/{examples['7']}") for _ in range(2))
    assert first.status_code == second.status_code == 404
    assert first.json() == second.json()
    assert first.json()["detail"].startswith("vPIC does not know this VIN: 7 - ")
    assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["miss", "hit"]
    assert len(service.calls()) == 1


def test_wrong_check_digit_is_a_warning(service: Service, examples: dict[str, str]) -> None:
    answer = service.get(f"/lookup/{examples['1']}")
    assert answer.status_code == 200
    assert "check digit" in answer.headers["Warning"]


@pytest.mark.parametrize("failure", ["503", "429", "html", "cut", "refused", "202"])
def test_outage_returns_503_for_every_vin_and_is_not_cached(
    service: Service, car: str, failure: str
) -> None:
    service.replica.fault(failure, times=None)
    answer = service.get(f"/lookup/{car}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["detail"].startswith("vPIC could not be asked: ")
    service.replica.faults.clear()
    asked = len(service.calls())
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    assert service.get(f"/lookup/{other}").json() == answer.json()
    assert len(service.calls()) == asked
    service.app.state.lookups._vpic._rests_until = 0.0
    assert service.get(f"/lookup/{car}").json()["cached"] is False


def test_slow_headers_of_vpic_time_out(start: Start, car: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                while True:
                    connection.sendall(b"H")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answer = start(vpic_url=url, vin_upstream_timeout_s=0.5).get(f"/lookup/{car}")
    assert answer.status_code == 503
    assert "took too long to answer" in answer.json()["detail"]


def test_outage_serves_expired_vehicle_as_stale(start: Start, car: str) -> None:
    service = start(vin_found_ttl_s=0)
    fresh = service.get(f"/lookup/{car}").json()
    service.replica.fault("503", times=None)
    asked = len(service.calls())
    for _ in range(5):
        old = service.get(f"/lookup/{car}")
        assert (old.status_code, old.headers["X-Cache"]) == (200, "stale")
        assert old.json() == fresh | {"cached": True}
    assert len(service.calls()) == asked + 3  # the attempts of one call


def test_remove_returns_whether_the_vin_was_cached(service: Service, car: str) -> None:
    assert service.delete(f"/remove/{car}").json() is False
    for _ in range(3):  # the third answer comes from memory
        service.get(f"/lookup/{car}")
    assert service.delete(f"/remove/{car.lower()}").json() is True
    assert service.get(f"/lookup/{car}").json()["cached"] is False


def test_repeated_hits_are_identical_until_they_expire(
    service: Service, car: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.get(f"/lookup/{car}")
    second, third, fourth = (service.get(f"/lookup/{vin}") for vin in (car, car, car.lower()))
    assert service.app.state.hits.find("GET", f"/lookup/{car}")
    assert second.json() == third.json() == fourth.json()
    names = ("X-Cache", "X-Made-Up", "Content-Type", "Content-Length")
    assert [second.headers[n] for n in names] == [third.headers[n] for n in names]
    assert service.session.head(f"{service.url}/lookup/{car}").status_code == 200
    later = SimpleNamespace(time=lambda: 1e12)
    monkeypatch.setattr("include.vin_service.app.time", later)  # not the server's own clock
    assert service.app.state.hits.find("GET", f"/lookup/{car}") is None


def test_text_that_becomes_a_vin_in_upper_case_is_malformed(service: Service) -> None:
    """The upper case of a long s is S."""
    vin = "1S" + made_up_vins.vins(service.replica.seed, 1)[0][2:]
    service.app.state.hits.keep(vin, Response(b"{}"), 1e12)
    assert service.get(f"/lookup/{vin}").content == b"{}"
    assert service.get(f"/lookup/{vin.replace('S', chr(0x17F))}").status_code == 404


def test_export_streams_only_vehicles(service: Service, examples: dict[str, str]) -> None:
    asked = [*made_up_vins.vins(service.replica.seed, 20), *examples.values()]
    answers = service.post("/lookup", json={"vins": asked}).json()["results"]
    found = {one["vehicle"]["vin"]: one["vehicle"] for one in answers if one["status"] == 200}
    answer = service.get("/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="vehicles.parquet"'
    assert answer.headers["Transfer-Encoding"] == "chunked"
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.to_pylist() == [
        {name: found[vin][name] for name in FIELDS[:-1]} for vin in sorted(found)
    ]


def test_third_export_returns_503(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.app.state.exports, "locked", lambda: True)
    answer = service.get("/export")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_batch_lookup_keeps_order_and_duplicates(service: Service, car: str) -> None:
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    asked = [other, "nonsense", car.lower(), other, car, "", "\u00e9"]
    results = service.post("/lookup", json={"vins": asked}).json()["results"]
    assert [result["asked"] for result in results] == asked
    assert [result["status"] for result in results] == [200, 404, 200, 200, 200, 404, 404]
    found = [result["vehicle"]["vin"] for result in results if "vehicle" in result]
    assert found == [other, car, other, car]
    assert all("detail" in result for result in results if result["status"] == 404)
    assert len(service.calls()) == 1


def test_batch_lookup_during_an_outage_returns_cached_vehicles(
    service: Service, start: Start, car: str
) -> None:
    """`Retry-After` comes from vPIC."""
    service.get(f"/lookup/{car}")
    other = made_up_vins.vins(service.replica.seed, 2)[1]
    with Api(reply({}, 429, Retry_After="40")) as vpic:
        answer = start(vpic_url=vpic.url).post("/lookup", json={"vins": [car, other]})
    assert [result["status"] for result in answer.json()["results"]] == [200, 503]
    assert answer.headers["Retry-After"] == "40"


BODIES = {
    "no JSON": (422, b"{"),
    "another field": (422, b'{"vins": [], "vin": ""}'),
    "lone surrogate": (422, b'{"vins": ["\\ud800"]}'),
    "too many": (422, json.dumps({"vins": ["1HGCM82633A004352"] * 1_001}).encode()),
    "no UTF-8": (400, b'{"vins": ["\xff"]}'),
    "deep": (400, b'{"vins": ' + b"[" * 5_000),
}


@pytest.mark.parametrize(("status", "body"), BODIES.values(), ids=BODIES)
def test_invalid_body_is_refused_and_not_echoed(service: Service, status: int, body: bytes) -> None:
    answer = service.post("/lookup", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    assert len(answer.content) < 1_000
    assert '"input"' not in answer.text
    assert not service.calls()


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/healthz", "/export", "/lookup/{}", "/recalls/{}"]
)
def test_head_returns_status_and_headers_of_get(service: Service, car: str, path: str) -> None:
    service.get(f"/lookup/{car}")
    got = service.get(path.format(car))
    head = service.session.head(service.url + path.format(car), timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.items() >= got.headers.items() - {("Transfer-Encoding", "chunked")}


def test_docs_need_no_other_host(service: Service) -> None:
    page = service.get("/docs").text
    assert "swagger" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert service.get(path).status_code == 200


def test_openapi_has_examples_and_error_responses(service: Service) -> None:
    document = service.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for name in ("VehicleAnswer", "Vins", "OneOfMany", "RecallsAnswer"):
        assert any("examples" in field for field in schemas[name]["properties"].values()), name
    operations = document["paths"]["/lookup/{vin}"]
    assert operations.keys() == {"get"}
    assert {"404", "503", "401"} <= operations["get"]["responses"].keys()

"""The fake KrakenFlex API accepts only correct payloads."""

import pytest
import requests

from fakes.made_up_outages import KINGFISHER, ODD, SINCE, USUAL

KEY = {"x-api-key": "local-key"}


@pytest.fixture
def api(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    def ask(path, method="GET", headers=KEY, **more):
        url = f"{recalls_url}/interview-tests-mock-api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=30, **more)

    return ask


@pytest.fixture
def post(api):
    return lambda site, rows: api(f"/site-outages/{site}", "POST", json=rows).status_code


def correct_payload(api, site):
    """The correct payload of a site without odd data."""
    devices = {d["id"]: d["name"] for d in api(f"/site-info/{site}").json()["devices"]}
    return [
        {"id": o["id"], "name": devices[o["id"]], "begin": o["begin"], "end": o["end"]}
        for o in api("/outages").json()
        if o["id"] in devices and o["begin"] >= SINCE
    ]


@pytest.mark.parametrize("path", ["/outages", "/site-info/kingfisher", "/site-info/nowhere"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_call_without_valid_key_returns_403(api, replica, path, headers):
    answer = api(path, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert api("/site-outages/no-outages", "POST", headers=headers, json=[]).status_code == 403
    assert (replica.krakenflex.accepted, replica.krakenflex.refused) == ({}, {})


def test_unknown_site_returns_404(api, post):
    answer = api("/site-info/nowhere")
    assert (answer.status_code, answer.json()) == (404, {"message": "Site not found"})
    assert post("nowhere", []) == 404


def test_published_example_is_accepted(api, post, replica):
    listed = [o for o in api("/outages").json() if o in KINGFISHER.outages]
    assert listed == list(KINGFISHER.outages)
    payload = [
        listed[1] | {"name": "Battery 1"},
        listed[2] | {"name": "Battery 1"},
        listed[4] | {"name": "Battery 2"},
    ]
    assert correct_payload(api, "kingfisher") == payload
    assert post("kingfisher", payload) == 200
    assert replica.krakenflex.accepted == {"kingfisher": [payload]}


def test_default_site_has_outages_around_the_cutoff(api, post):
    devices = {device["id"] for device in api(f"/site-info/{USUAL}").json()["devices"]}
    begins = [o["begin"] for o in api("/outages").json() if o["id"] in devices]
    assert {SINCE, "2021-12-31T23:59:59.999Z"} <= set(begins)
    kept = correct_payload(api, USUAL)
    assert 3 < len(kept) < len(begins) - 3
    assert kept != sorted(kept, key=lambda outage: outage["begin"])
    assert [post(USUAL, kept), post(USUAL, kept)] == [200, 200]


WRONG = {
    "empty": lambda _: [],
    "missing row": lambda rows: rows[:-1],
    "duplicate row": lambda rows: [*rows, rows[-1]],
    "wrong order": lambda rows: rows[::-1],
    "wrong name": lambda rows: [rows[0] | {"name": "Battery 99"}, *rows[1:]],
    "missing name": lambda rows: [{k: v for k, v in row.items() if k != "name"} for row in rows],
    "extra field": lambda rows: [row | {"site": USUAL} for row in rows],
    "time format": lambda rows: [r | {"begin": r["begin"].replace("Z", "+00:00")} for r in rows],
    "no outage at cutoff": lambda rows: [row for row in rows if row["begin"] != SINCE],
    "not a list": lambda rows: {"outages": rows},
    "not objects": lambda _: [1, None],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_payload_is_refused(api, post, replica, wrong):
    payload = WRONG[wrong](correct_payload(api, USUAL))
    assert post(USUAL, payload) == 400
    assert replica.krakenflex.refused == {USUAL: [payload]}
    assert replica.krakenflex.accepted == {}


def test_invalid_json_and_early_outage_are_refused(api, post):
    assert api(f"/site-outages/{USUAL}", "POST", data="[{").status_code == 400
    early = KINGFISHER.outages[0] | {"name": "Battery 1"}
    assert post("kingfisher", [early, *correct_payload(api, "kingfisher")]) == 400


def test_next_day_adds_one_outage_and_extends_one(api, post, replica):
    """A payload must match the day that the client last read."""
    before = correct_payload(api, USUAL)
    replica.day = 2
    assert post(USUAL, before) == 200
    after = correct_payload(api, USUAL)
    assert len(after) == len(before) + 1
    assert sum(old != new for old, new in zip(before, after, strict=False)) == 1
    assert (post(USUAL, before), post(USUAL, after)) == (400, 200)


def test_every_third_call_can_fail(api, post, replica):
    payload = correct_payload(api, "kingfisher")
    replica.krakenflex.fails_every = 3
    answers = [api("/outages"), *(post("kingfisher", payload) for _ in range(3))]
    assert answers[0].json() == {"message": "Internal Server Error"}
    assert answers[1:] == [200, 200, 500]
    assert replica.krakenflex.accepted == {"kingfisher": [payload, payload]}


@pytest.mark.parametrize("site", ODD)
def test_odd_outages_are_optional_in_the_payload(api, post, replica, site):
    assert api(f"/site-info/{site}").status_code == 404
    replica.krakenflex.odd_sites = True
    devices = api(f"/site-info/{site}").json()["devices"]
    names = {device["id"]: device["name"] for device in reversed(devices)}
    mine = [o | {"name": names[o["id"]]} for o in api("/outages").json() if o["id"] in names]
    ordinary = [mine[0], *mine[1:2] * (site == "outage-listed-twice"), mine[-1]]
    assert len(mine) == 2 + len(ODD[site])
    assert [post(site, mine), post(site, ordinary)] == [200, 200]
    assert [post(site, ordinary[:-1]), post(site, [*ordinary, ordinary[0]])] == [400, 400]


def test_missing_end_equals_null(api, post, replica):
    replica.krakenflex.odd_sites = True
    site = "outage-without-end"
    names = {d["id"]: d["name"] for d in api(f"/site-info/{site}").json()["devices"]}
    rows = [o | {"name": names[o["id"]]} for o in api("/outages").json() if o["id"] in names]
    assert [row.get("end", "absent") for row in rows[1:3]] == ["absent", None]
    for end, status in ((None, 200), ("", 400)):
        assert post(site, [rows[0], rows[1] | {"end": end}, *rows[2:]]) == status


def test_device_with_two_names_accepts_either(api, post, replica):
    replica.krakenflex.odd_sites = True
    site = "device-listed-under-two-names"
    one, other, same = api(f"/site-info/{site}").json()["devices"]
    assert one["id"] == same["id"]
    first, last = (o for o in api("/outages").json() if o["id"] in (one["id"], other["id"]))
    for name, status in ((one["name"], 200), (same["name"], 200), ("x", 400)):
        assert post(site, [first | {"name": name}, last | {"name": other["name"]}]) == status


@pytest.mark.parametrize("site", ["no-outages", "no-devices"])
def test_site_without_outages_accepts_only_an_empty_list(post, site):
    assert post(site, []) == 200
    assert post(site, [{"id": "x", "name": "x", "begin": SINCE, "end": SINCE}]) == 400

"""KrakenFlex as a client sees it: it accepts what is exactly right, and nothing else."""

from __future__ import annotations

import pytest
import requests

from fakes.made_up_outages import KINGFISHER, ODD, SINCE, USUAL

KEY = {"x-api-key": "local-key"}


@pytest.fixture
def api(recalls_url, replica):  # noqa: ARG001 - for its tidying up
    """Ask for a path, with the key unless told otherwise."""

    def ask(path, method="GET", headers=KEY, **more):
        url = f"{recalls_url}/interview-tests-mock-api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=30, **more)

    return ask


@pytest.fixture
def post(api):
    def ask(site, payload):
        return api(f"/site-outages/{site}", "POST", json=payload).status_code

    return ask


@pytest.fixture
def odd_sites(replica):
    replica.krakenflex.dials.odd_sites = True


def second_device_outage(api, site):
    """The last outage of an odd site, named; an ordinary one."""
    device = api(f"/site-info/{site}").json()["devices"][1]
    [outage] = [o for o in api("/outages").json() if o["id"] == device["id"]]
    return outage | {"name": device["name"]}


def right_payload(api, site):
    """By the publisher's rule, for data without oddities."""
    devices = {d["id"]: d["name"] for d in api(f"/site-info/{site}").json()["devices"]}
    return [
        {"id": o["id"], "name": devices[o["id"]], "begin": o["begin"], "end": o["end"]}
        for o in api("/outages").json()
        if o["id"] in devices and o["begin"] >= SINCE
    ]


@pytest.mark.parametrize("path", ["/outages", "/site-info/kingfisher", "/site-info/nowhere"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}])
def test_nothing_without_the_key(api, path, headers):
    """403 and one word, before anything is said about the site."""
    answer = api(path, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_the_keys_can_be_changed(api, replica):
    """A key that was revoked is refused from the next call on."""
    replica.krakenflex.dials.keys = {"another"}
    assert api("/outages").status_code == 403
    assert api("/outages", headers={"x-api-key": "another"}).status_code == 200


def test_a_post_without_the_key_is_not_remembered(api, replica):
    """It never reaches the site."""
    assert api("/site-outages/no-outages", "POST", headers={}, json=[]).status_code == 403
    assert (replica.krakenflex.accepted, replica.krakenflex.refused) == ({}, {})


def test_an_unknown_site(api, post):
    """404 with a message, to read and to post."""
    answer = api("/site-info/nowhere")
    assert answer.status_code == 404
    assert answer.json()["message"]
    assert post("nowhere", []) == 404


def test_the_publishers_example(api, post, replica):
    """Six outages in their order; the second, third and fifth are accepted."""
    mine = {outage["begin"] + outage["id"] for outage in KINGFISHER.outages}
    listed = [o for o in api("/outages").json() if o["begin"] + o["id"] in mine]
    assert [(o["id"][:8], o["begin"], o["end"]) for o in listed] == [
        ("002b28fc", "2021-07-26T17:09:31.036Z", "2021-08-29T00:37:42.253Z"),
        ("002b28fc", "2022-05-23T12:21:27.377Z", "2022-11-13T02:16:38.905Z"),
        ("002b28fc", "2022-12-04T09:59:33.628Z", "2022-12-12T22:35:13.815Z"),
        ("04ccad00", "2022-07-12T16:31:47.254Z", "2022-10-13T04:05:10.044Z"),
        ("086b0d53", "2022-07-12T16:31:47.254Z", "2022-10-13T04:05:10.044Z"),
        ("27820d4a", "2021-07-12T16:31:47.254Z", "2022-10-13T04:05:10.044Z"),
    ]
    payload = [
        listed[1] | {"name": "Battery 1"},
        listed[2] | {"name": "Battery 1"},
        listed[4] | {"name": "Battery 2"},
    ]
    assert right_payload(api, "kingfisher") == payload
    assert post("kingfisher", payload) == 200
    assert replica.krakenflex.accepted == {"kingfisher": [payload]}
    assert replica.krakenflex.refused == {}


def test_other_outages_come_and_go(api, replica):
    """About 108 each time; those of known sites stay, in their order; a reset repeats it all."""
    first, second = api("/outages").json(), api("/outages").json()
    assert all(100 <= len(answer) <= 116 for answer in (first, second))
    again = [o for o in first if o in second]
    assert again == [o for o in second if o in first]
    assert 20 < len(again) < len(first) - 20
    replica.reset()
    assert api("/outages").json() == first


def test_the_right_payload_is_the_same_whatever_else_is_listed(api, post):
    """It may be posted again, after other reads too."""
    payload = right_payload(api, USUAL)
    assert right_payload(api, USUAL) == payload
    assert [post(USUAL, payload), post(USUAL, payload)] == [200, 200]


def test_the_usual_site_has_outages_around_the_day_that_counts(api):
    """Before it, a millisecond before, exactly then, and after; of several devices."""
    site = api(f"/site-info/{USUAL}").json()
    assert (site["id"], site["name"]) == (USUAL, "Norwich Pear Tree")
    devices = {device["id"] for device in site["devices"]}
    begins = [o["begin"] for o in api("/outages").json() if o["id"] in devices]
    assert SINCE in begins
    assert "2021-12-31T23:59:59.999Z" in begins
    kept = right_payload(api, USUAL)
    assert 3 < len(kept) < len(begins) - 3
    assert len({outage["id"] for outage in kept}) > 3
    assert kept != sorted(kept, key=lambda outage: outage["begin"])


def _without_the_exact_one(rows):
    return [row for row in rows if row["begin"] != SINCE]


def _wrongly_stamped(rows):
    return [row | {"begin": row["begin"].replace("Z", "+00:00")} for row in rows]


WRONG = {
    "nothing": lambda _: [],
    "one too few": lambda rows: rows[:-1],
    "one twice": lambda rows: [*rows, rows[-1]],
    "another order": lambda rows: rows[::-1],
    "another name": lambda rows: [rows[0] | {"name": "Battery 99"}, *rows[1:]],
    "no name": lambda rows: [{k: v for k, v in row.items() if k != "name"} for row in rows],
    "something more": lambda rows: [row | {"site": USUAL} for row in rows],
    "same instants, other strings": _wrongly_stamped,
    "without the one that began exactly then": _without_the_exact_one,
    "not a list": lambda rows: {"outages": rows},
    "no JSON object in it": lambda _: [1, None],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_anything_else_is_refused(api, post, replica, wrong):
    """400, remembered among what was refused."""
    payload = WRONG[wrong](right_payload(api, USUAL))
    assert post(USUAL, payload) == 400
    assert replica.krakenflex.refused == {USUAL: [payload]}
    assert replica.krakenflex.accepted == {}


def test_an_outage_of_before_is_refused(api, post):
    """One that began a millisecond too early spoils all."""
    payload = right_payload(api, "kingfisher")
    early = KINGFISHER.outages[0] | {"name": "Battery 1"}
    assert post("kingfisher", [early, *payload]) == 400


def test_what_is_not_json_is_refused(api):
    """400, not an error of the server."""
    assert api(f"/site-outages/{USUAL}", "POST", data="[{").status_code == 400


def test_a_day_brings_an_outage_and_prolongs_one(api, post, replica):
    """The payload of the day before is right only for who read the day before."""
    before = right_payload(api, USUAL)
    replica.day = 2
    assert post(USUAL, before) == 200
    after = right_payload(api, USUAL)
    assert len(after) == len(before) + 1
    assert sum(old != new for old, new in zip(before, after, strict=False)) == 1
    assert (post(USUAL, before), post(USUAL, after)) == (400, 200)


def test_every_third_call_fails(api, replica):
    """500 with a message, on any call, whatever its kind."""
    replica.krakenflex.dials.fails_every = 3
    answers = [api("/outages").status_code for _ in "123456"]
    assert answers == [200, 200, 500] * 2
    failed = [api(p) for p in ("/outages", "/outages", "/site-info/kingfisher")][-1]
    assert (failed.status_code, failed.json()) == (500, {"message": "Internal Server Error"})


def test_a_post_that_fails_is_not_accepted(api, post, replica):
    """Who repeats it has posted once."""
    payload = right_payload(api, "kingfisher")
    replica.krakenflex.dials.fails_every = replica.krakenflex.calls + 1
    assert [post("kingfisher", payload), post("kingfisher", payload)] == [500, 200]
    assert replica.krakenflex.accepted == {"kingfisher": [payload]}


def test_a_lost_answer_was_accepted_all_the_same(api, post, replica):
    """The connection ends before the answer does; the payload has arrived."""
    payload = right_payload(api, "kingfisher")
    replica.fault("cut", only="site-outages")
    with pytest.raises(requests.exceptions.RequestException):
        post("kingfisher", payload)
    assert post("kingfisher", payload) == 200
    assert replica.krakenflex.accepted == {"kingfisher": [payload, payload]}


def test_usually_nothing_is_odd(api, replica):
    """Every outage has three strings, and begins before it ends; sites of oddities are unknown."""
    listed = api("/outages").json()
    assert all(set(o) == {"id", "begin", "end"} and o["begin"] < o["end"] for o in listed)
    assert api("/site-info/outage-without-end").status_code == 404
    replica.krakenflex.dials.odd_sites = True
    assert api("/site-info/outage-without-end").status_code == 200
    assert any(o not in listed and o.get("end") is None for o in api("/outages").json())


@pytest.mark.parametrize("site", ODD)
@pytest.mark.usefixtures("odd_sites")
def test_what_is_odd_may_be_posted_or_left_out(api, post, site):
    """The ordinary outages of an odd site must be there, the odd ones as they came or not."""
    devices = api(f"/site-info/{site}").json()["devices"]
    names = {device["id"]: device["name"] for device in reversed(devices)}
    mine = [o | {"name": names[o["id"]]} for o in api("/outages").json() if o["id"] in names]
    ordinary = [mine[0], *mine[1:2] * (site == "outage-listed-twice"), mine[-1]]
    assert len(mine) == 2 + len(ODD[site])
    assert post(site, mine) == 200
    assert post(site, ordinary) == 200
    assert post(site, ordinary[:-1]) == 400
    assert post(site, [*ordinary, ordinary[0]]) == 400


@pytest.mark.usefixtures("odd_sites")
def test_an_open_end_may_be_said_or_not(api, post):
    """An absent end and null are the same."""
    site = "outage-without-end"
    device = api(f"/site-info/{site}").json()["devices"][0]
    listed = [o for o in api("/outages").json() if o["id"] == device["id"]]
    assert [o.get("end", "absent") for o in listed[1:]] == ["absent", None]
    named = [o | {"name": device["name"]} for o in listed]
    last = second_device_outage(api, site)
    assert post(site, [*named, last]) == 200
    assert post(site, [named[0], named[1] | {"end": None}, named[2], last]) == 200
    assert post(site, [named[0], named[1] | {"end": ""}, named[2], last]) == 400


@pytest.mark.usefixtures("odd_sites")
def test_a_device_under_two_names_may_have_either(api, post):
    """The site says both, so both are right, and a third is not."""
    site = "device-listed-under-two-names"
    devices = api(f"/site-info/{site}").json()["devices"]
    one, _, same = devices
    assert one["id"] == same["id"]
    [outage] = [o for o in api("/outages").json() if o["id"] == one["id"]]
    last = second_device_outage(api, site)
    answers = [post(site, [outage | {"name": n}, last]) for n in (one["name"], same["name"], "x")]
    assert answers == [200, 200, 400]


@pytest.mark.parametrize("site", ["no-outages", "no-devices"])
def test_nothing_to_post_is_right_when_it_is_empty(post, site):
    """An empty list, and nothing else."""
    assert post(site, []) == 200
    assert post(site, [{"id": "x", "name": "x", "begin": SINCE, "end": SINCE}]) == 400


def test_another_seed_has_other_devices_but_the_same_example(api, replica):
    """The publisher's example is never made up."""
    before = [api(f"/site-info/{site}").json() for site in (USUAL, "kingfisher")]
    replica.seed += 1
    after = [api(f"/site-info/{site}").json() for site in (USUAL, "kingfisher")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_the_dials_over_http(api, recalls_url, replica):
    """What is named changes, what is not stays; what was posted can be read; a reset forgets."""
    control = f"{recalls_url}/_control/krakenflex"
    requests.post(control, json={"keys": ["mine"]}, timeout=30)
    shown = requests.post(control, json={"odd_sites": True}, timeout=30).json()
    assert shown == {"keys": ["mine"], "fails_every": None, "odd_sites": True}
    for bad in ({"key": "x"}, {"fails_every": 0}):
        assert requests.post(control, json=bad, timeout=30).status_code == 422
    api("/site-outages/no-outages", "POST", headers={"x-api-key": "mine"}, json=[])
    posted = requests.get(control, timeout=30).json()
    assert posted == {"accepted": {"no-outages": [[]]}, "refused": {}}
    replica.reset()
    assert replica.krakenflex.dials.keys == {"local-key"}
    assert requests.get(control, timeout=30).json() == {"accepted": {}, "refused": {}}

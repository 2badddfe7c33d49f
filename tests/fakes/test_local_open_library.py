"""Open Library as a client sees it: its pages, its authors, its manners."""

from __future__ import annotations

import json

import pytest
import requests

from fakes.made_up_curiosities import SUBJECT, WORKS

CONTACT = {"User-Agent": "headwaters/0.1 (+https://headwaters.example)"}


@pytest.fixture
def api(recalls_url, replica):  # noqa: ARG001 - for its tidying up
    """Ask for a path, as somebody with a contact unless told otherwise."""

    def ask(path, params=None, headers=CONTACT, **more):
        return requests.get(recalls_url + path, params, headers=headers, timeout=30, **more)

    return ask


@pytest.fixture
def books(api):
    """The works on a page of a subject."""

    def ask(subject, limit=1000, offset=0):
        params = {"limit": limit, "offset": offset}
        return api(f"/subjects/{subject}.json", params).json()["works"]

    return ask


@pytest.fixture
def records(api):
    """What the batch endpoint knows of these authors."""

    def ask(*keys):
        return api("/api/get_many", {"keys": json.dumps(keys)}).json()["result"]

    return ask


def test_a_subject_says_what_it_is(api):
    """The envelope, and a book with the fields that a reader uses."""
    answer = api("/subjects/love.json").json()
    works = answer.pop("works")
    assert answer == {
        "key": "/subjects/love",
        "name": "love",
        "subject_type": "subject",
        "work_count": 7,
    }
    assert len(works) == 7
    assert set(works[0]) >= {
        *("key", "title", "edition_count", "cover_id", "cover_edition_key", "subject"),
        *("ia_collection", "authors", "first_publish_year", "ia", "has_fulltext"),
    }
    assert set(works[0]["authors"][0]) == {"key", "name"}


def test_twelve_books_unless_asked_for_more(api):
    """The count is of the whole subject all the same."""
    answer = api("/subjects/data_mining.json").json()
    assert (len(answer["works"]), answer["work_count"]) == (12, 620)
    assert answer["name"] == "data mining"


def test_a_page_may_have_a_thousand_books(api, books):
    """Not one more: that is 422."""
    assert len(books("data_mining", 1000)) == 620
    refused = api("/subjects/data_mining.json", {"limit": 1001})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["query", "limit"]
    assert api("/subjects/none.json", {"offset": -1}).status_code == 422


@pytest.mark.parametrize(
    ("limit", "offset", "found"), [(0, 0, 0), (500, 500, 120), (20, 600, 20), (5, 620, 0)]
)
def test_pages_end_where_the_subject_ends(books, limit, offset, found):
    """The last page is short, and what follows is empty."""
    assert len(books("data_mining", limit, offset)) == found


def test_an_unknown_subject_is_an_empty_answer(api):
    """200, without books."""
    answer = api("/subjects/no_such_subject.json")
    assert answer.status_code == 200
    assert (answer.json()["work_count"], answer.json()["works"]) == (0, [])


def test_upper_case_is_sent_elsewhere(api):
    """301 to lower case, where what was asked for is forgotten."""
    answer = api("/subjects/Data_Mining.json", {"limit": 50}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, "/subjects/data_mining.json")
    assert len(api("/subjects/Data_Mining.json", {"limit": 50}).json()["works"]) == 12


def test_the_most_printed_come_first(books):
    """And most books have as many editions as others."""
    counts = [work["edition_count"] for work in books("data_mining")]
    assert counts == sorted(counts, reverse=True)
    assert counts.count(1) > 300


def test_pages_overlap(api, books, replica):
    """Equals change places from page to page, so some books come twice and others not at all."""
    pages = [books("data_mining", 200, offset) for offset in range(0, 620, 200)]
    keys = [work["key"] for page in pages for work in page]
    assert len(keys) == 620
    assert len(set(keys)) < 600
    replica.reset()
    assert [books("data_mining", 200, offset) for offset in range(0, 620, 200)] == pages
    replica.open_library.dials.shuffles = False
    steady = [w["key"] for o in range(0, 620, 200) for w in books("data_mining", 200, o)]
    assert len(set(steady)) == 620
    assert api("/subjects/data_mining.json", {"limit": 620}).json()["works"]


def test_details_say_more(api):
    """Who wrote most, and when; only when asked."""
    plain = api("/subjects/love.json").json()
    more = api("/subjects/love.json", {"details": "true"}).json()
    assert not {"authors", "publishing_history"} & set(plain)
    assert {"key", "name", "count"} == set(more["authors"][0])
    years = [w["first_publish_year"] for w in plain["works"] if w["first_publish_year"]]
    assert sum(count for _, count in more["publishing_history"]) == len(years)


def test_two_subjects_share_books(books):
    """The same book with the same authors stands in both."""
    both = {w["key"]: w for w in books("love")}
    shared = [work for work in books("data_mining") if work["key"] in both]
    assert len(shared) == 2
    assert [both[work["key"]] for work in shared] == shared


def test_one_author(api):
    """A record with a type, a name, and a date in somebody's own words."""
    record = api("/authors/OL7000017A.json").json()
    assert record["key"] == "/authors/OL7000017A"
    assert record["type"] == {"key": "/type/author"}
    assert (record["name"], record["birth_date"]) == ("Old Master", "ca. 384 BC")


def test_an_author_who_is_not_there(api, records):
    """404 alone, absent in a batch."""
    answer = api("/authors/OL7000013A.json")
    assert (answer.status_code, answer.json()["error"]) == (404, "notfound")
    assert list(records("/authors/OL7000013A", "/authors/OL7000001A")) == ["/authors/OL7000001A"]


def test_a_batch_says_what_each_author_alone_says(api, books, records):
    """For all authors of a subject, fifty at a time."""
    keys = sorted({a["key"] for work in books("love") for a in work["authors"]})
    found = records(*keys)
    assert sorted(found) == keys
    for key in keys:
        assert found[key] == api(f"{key}.json").json()


def test_every_author_of_the_big_subject_is_known(books, records):
    """Nine hundred, of whom some share a name and some were merged into others."""
    keys = sorted({a["key"] for work in books("data_mining") for a in work["authors"]})
    found: dict = {}
    for start in range(0, len(keys), 200):
        found |= records(*keys[start : start + 200])
    assert len(keys) == 900
    assert set(found) == set(keys)
    merged = [r for r in found.values() if r["type"]["key"] == "/type/redirect"]
    assert len(merged) > 5
    assert all(r["location"] in found for r in merged)
    names = [r["name"] for r in found.values() if "name" in r]
    assert len(set(names)) < len(names)
    bios = {type(r["bio"]) for r in found.values() if "bio" in r}
    assert bios == {str, dict}


@pytest.mark.parametrize("keys", ["[", '{"a": 1}', "[1]", '"/authors/OL1A"'])
def test_a_batch_of_what_is_not_keys(api, keys):
    """400, and the reason."""
    answer = api("/api/get_many", {"keys": keys})
    assert (answer.status_code, answer.json()["status"]) == (400, "fail")


def test_a_batch_too_long_for_a_request_line(api):
    """414, as a web server says it."""
    keys = json.dumps([f"/authors/OL{number}A" for number in range(1000, 1900)])
    assert api("/api/get_many", {"keys": keys}).status_code == 414


def follow(records, key):
    """Where a merged author leads, up to five steps."""
    seen = [key]
    for _ in range(5):
        record = records(seen[-1]).get(seen[-1])
        if record is None or "location" not in record:
            return seen, record
        seen.append(record["location"])
    return seen, None


@pytest.mark.parametrize(
    ("name", "steps", "ends_at"),
    [
        ("merged", 2, "Anna Quillstow"),
        ("merged_twice", 3, "Anna Quillstow"),
        ("merged_into_nothing", 2, None),
        ("merged_in_a_circle", 6, None),
        ("merged_into_itself", 6, None),
        ("merged_into_a_work", 2, None),
    ],
)
def test_merged_authors(records, name, steps, ends_at):
    """A redirect is a record that says where to look; not all of them lead to a person."""
    seen, record = follow(records, WORKS[name]["authors"][0]["key"])
    assert len(seen) == steps
    assert (record or {}).get("name") == ends_at


def test_every_oddity_is_in_the_subject_of_oddities(books):
    """As its module says, whatever it is."""
    found = {work["key"]: work for work in books(SUBJECT)}
    assert len(found) == len(WORKS)
    for work in WORKS.values():
        assert work.items() <= found[work["key"]].items()
    assert "title" not in found[WORKS["no_title"]["key"]]
    assert found[WORKS["no_authors"]["key"]]["authors"] == []


def test_the_library_of_the_next_day(books, replica):
    """A subject loses a book that another keeps, and gains two; some have new editions."""
    before = {work["key"]: work for work in books("data_mining")}
    love = {work["key"] for work in books("love")}
    replica.day = 2
    after = {work["key"]: work for work in books("data_mining")}
    [lost] = before.keys() - after.keys()
    assert lost in love
    assert {work["key"] for work in books("love")} == love
    assert len(after.keys() - before.keys()) == 2
    more = [k for k in before.keys() & after.keys() if before[k] != after[k]]
    editions = {after[k]["edition_count"] - before[k]["edition_count"] for k in more}
    assert (len(more) >= 3, editions >= {1}) == (True, True)


def test_the_library_of_another_seed(books, replica):
    """Other books, and the same oddities."""
    before, odd = books("data_mining"), books(SUBJECT)
    replica.seed += 1
    assert sorted(w["key"] for w in books("data_mining")) == sorted(w["key"] for w in before)
    assert {w.get("title") for w in books("data_mining")} != {w.get("title") for w in before}
    assert sorted(odd, key=str) == sorted(books(SUBJECT), key=str)


@pytest.mark.parametrize(
    "path", ["/subjects/love.json", "/authors/OL7000001A.json", "/api/get_many"]
)
def test_anonymous_scripts_are_refused(api, path):
    """403 and a page, for who does not say who they are."""
    answer = api(path, headers={"User-Agent": requests.utils.default_user_agent()})
    assert answer.status_code == 403
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("agent", "allowed"),
    [
        ("curl/8.5.0", 1),
        ("headwaters/0.1", 1),
        ("headwaters/0.1 (+https://headwaters.example)", 3),
        ("headwaters/0.1 (someone@headwaters.example)", 3),
    ],
)
def test_asking_too_fast(api, replica, agent, allowed):
    """429 as JSON without Retry-After, until a second has passed; a refusal costs nothing."""
    now = 100.0
    replica.open_library.dials.limited = True
    replica.open_library.clock = lambda: now
    headers = {"User-Agent": agent}
    answers = [api("/subjects/love.json", headers=headers) for _ in range(allowed + 2)]
    assert [a.status_code for a in answers] == [200] * allowed + [429] * 2
    assert answers[-1].json()["status"] == 429
    assert "Retry-After" not in answers[-1].headers
    now = 100.9
    assert api("/subjects/love.json", headers=headers).status_code == 429
    now = 101.0
    assert api("/subjects/love.json", headers=headers).status_code == 200


def test_no_limit_unless_asked_for(api, replica):
    """Tests and demonstrations do not wait."""
    replica.open_library.clock = lambda: 100.0
    assert {api("/subjects/love.json").status_code for _ in range(5)} == {200}


def test_faults_hit_it_like_every_local_api(api, replica):
    """By a part of the path."""
    replica.fault("503", only="get_many")
    assert api("/subjects/love.json").status_code == 200
    assert api("/api/get_many").status_code == 503
    assert api("/api/get_many").json() == {"result": {}, "status": "ok"}


def test_the_dials_over_http(recalls_url, replica):
    """What is named changes, what is not stays; a reset puts it back."""
    control = f"{recalls_url}/_control/open_library"
    requests.post(control, json={"limited": True}, timeout=30)
    shown = requests.post(control, json={"shuffles": False}, timeout=30).json()
    assert shown == {"limited": True, "shuffles": False}
    assert requests.post(control, json={"limit": 1}, timeout=30).status_code == 422
    replica.reset()
    assert (replica.open_library.dials.limited, replica.open_library.dials.shuffles) == (
        False,
        True,
    )

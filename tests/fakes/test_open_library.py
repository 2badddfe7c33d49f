"""The fake Open Library: subjects, authors, redirects and rate limits."""

import json

import pytest
import requests

from fakes.made_up_books import BIG, library
from fakes.made_up_curiosities import AUTHORS, WORKS

CONTACT = {"User-Agent": "headwaters/0.1 (+https://headwaters.example)"}


@pytest.fixture
def api(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    def ask(path, params=None, headers=CONTACT, **more):
        return requests.get(recalls_url + path, params, headers=headers, timeout=30, **more)

    return ask


@pytest.fixture
def books(api):
    def ask(subject, limit=1000, offset=0):
        params = {"limit": limit, "offset": offset}
        return api(f"/subjects/{subject}.json", params).json()["works"]

    return ask


@pytest.fixture
def records(api):
    return lambda *keys: api("/api/get_many", {"keys": json.dumps(keys)}).json()["result"]


def test_subject_has_metadata_and_works(api):
    answer = api("/subjects/love.json").json()
    works = answer.pop("works")
    assert answer == {
        "key": "/subjects/love",
        "name": "love",
        "subject_type": "subject",
        "work_count": 7,
    }
    assert len(works) == 7
    assert {"key", "title", "edition_count", "cover_id", "authors"} < set(works[0])
    assert set(works[0]["authors"][0]) == {"key", "name"}


@pytest.mark.parametrize(
    ("subject", "kind"),
    [("children's_fiction", "subject"), ("person:harry_potter", "person"), ("français", "subject")],
)
def test_subject_keys_may_have_a_kind_or_accents(api, subject, kind):
    answer = api(f"/subjects/{subject}.json").json()
    assert (answer["work_count"], answer["subject_type"]) == (7, kind)


def test_page_size_is_12_by_default_and_1000_at_most(api):
    answer = api(f"/subjects/{BIG}.json").json()
    assert (len(answer["works"]), answer["work_count"]) == (12, 620)
    refused = api(f"/subjects/{BIG}.json", {"limit": 1001})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["query", "limit"]


def test_upper_case_subject_is_redirected_without_the_query(api):
    answer = api("/subjects/Data_Mining.json", {"limit": 50}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, "/subjects/data_mining.json")
    assert len(api("/subjects/Data_Mining.json", {"limit": 50}).json()["works"]) == 12


def test_pages_overlap(books, replica):
    """Books with equal edition counts change order between pages."""
    pages = [books(BIG, 200, offset) for offset in range(0, 620, 200)]
    keys = [work["key"] for page in pages for work in page]
    assert len(keys) == 620
    assert len(set(keys)) < 600
    replica.reset()
    assert [books(BIG, 200, offset) for offset in range(0, 620, 200)] == pages
    counts = [work["edition_count"] for page in pages for work in page]
    assert counts == sorted(counts, reverse=True)


def test_all_authors_of_the_big_subject_exist(books, records):
    keys = sorted({a["key"] for work in books(BIG) for a in work["authors"]})
    found: dict = {}
    for start in range(0, len(keys), 200):
        found |= records(*keys[start : start + 200])
    assert (len(keys), found.keys()) == (900, set(keys))
    merged = [r for r in found.values() if r["type"]["key"] == "/type/redirect"]
    assert len(merged) > 5
    assert all(r["location"] in found for r in merged)
    names = [r["name"] for r in found.values() if "name" in r]
    assert len(set(names)) < len(names)
    assert {type(r["bio"]) for r in found.values() if "bio" in r} == {str, dict}


@pytest.mark.parametrize(
    ("name", "ends_at"),
    [
        ("merged", "Anna Quillstow"),
        ("merged_twice", "Anna Quillstow"),
        *((name, None) for name in ("merged_into_nothing", "merged_in_a_circle")),
        *((name, None) for name in ("merged_into_itself", "merged_into_a_work")),
    ],
)
def test_merged_authors_redirect_to_an_author_or_nowhere(records, name, ends_at):
    key = WORKS[name]["authors"][0]["key"]
    for _ in range(5):
        record = records(key).get(key, {})
        key = record.get("location", key)
    assert record.get("name") == ends_at


@pytest.mark.parametrize("day", [1, 2, 366])
def test_library_is_consistent_on_each_day(day):
    held = library(3, day)
    odd = {work["key"] for work in WORKS.values()}
    for keys in held.subjects.values():
        assert len(set(keys)) == len(keys)
        for key in set(keys) - odd:
            assert {a["key"] for a in held.works[key]["authors"]} <= held.authors.keys()
    assert {key: held.authors[key] for key in AUTHORS} == AUTHORS
    library.cache_clear()
    assert library(3, day) == held != library(4, day)


@pytest.mark.parametrize("path", ["/subjects/love.json", "/api/get_many"])
def test_default_user_agent_is_refused_with_html(api, path):
    answer = api(path, headers={"User-Agent": requests.utils.default_user_agent()})
    assert answer.status_code == 403
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("agent", "allowed"),
    [("curl/8.5.0", 1), (CONTACT["User-Agent"], 3), ("headwaters (someone@headwaters.example)", 3)],
)
def test_rate_limit_returns_429_for_one_second(api, replica, agent, allowed):
    now = 100.0
    replica.open_library.clock = lambda: now
    headers = {"User-Agent": agent}
    assert {api("/subjects/love.json", headers=headers).status_code for _ in range(5)} == {200}
    replica.open_library.limited = True
    answers = [api("/subjects/love.json", headers=headers) for _ in range(allowed + 2)]
    assert [a.status_code for a in answers] == [200] * allowed + [429] * 2
    assert answers[-1].json()["status"] == 429
    assert "Retry-After" not in answers[-1].headers
    for now, status in ((100.9, 429), (101.0, 200)):  # noqa: B007 - the clock reads it
        assert api("/subjects/love.json", headers=headers).status_code == status

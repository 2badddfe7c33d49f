"""Each way to misbehave does what it says, as often as it says, and then stops."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
import requests

from fakes.control import DIRT, KINDS, OPTIONS
from tests.fakes.queries import CENSUS, PAGE


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("500", 500), ("html", 200)])
def test_html_instead_of_rows(ask, replica, kind, status):
    """An error page, or a maintenance page that claims success."""
    replica.fault(kind)
    answer = ask()
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert ask().json()


def test_too_many_requests_with_and_without_retry_after(ask, replica):
    """429 says how long to wait only when told to."""
    replica.fault("429", retry_after=3)
    replica.fault("429")
    first, second = ask(), ask()
    assert (first.status_code, first.headers["Retry-After"]) == (429, "3")
    assert (second.status_code, second.headers.get("Retry-After")) == (429, None)


def test_come_back_later(ask, replica):
    """202 has no rows."""
    replica.fault("202")
    assert ask().status_code == 202


def test_a_cut_body_ends_before_its_length(ask, replica):
    """The connection closes with half of the promised bytes missing."""
    replica.fault("cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(PAGE)
    assert len(ask(PAGE).json()) == 1200


def test_a_quietly_cut_body_is_truncated_gzip(ask, replica):
    """The length agrees, so only who unpacks it notices."""
    url = _url(ask)
    replica.fault("cut", quiet=True)
    answer = requests.get(url, stream=True, timeout=30)
    with pytest.raises(EOFError):
        gzip.decompress(answer.raw.read(decode_content=False))


def test_refused_means_no_answer_at_all(ask, replica):
    """The connection closes without a byte."""
    replica.fault("refused")
    with pytest.raises(requests.exceptions.ConnectionError):
        ask()
    assert ask().status_code == 200
    assert len(replica.requests) == 2


def test_slow_answers_come_all_the_same(ask, replica):
    """A reader with less patience gives up; the answer itself is right."""
    replica.fault("slow", seconds=0.01)
    assert ask({"$select": "count(*)"}).json() == [{"count": "1200"}]
    url = _url(ask)
    replica.fault("slow", seconds=60)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(url, timeout=0.05)


def test_a_stale_answer_says_so(ask, replica):
    """Out of date in the header only, once."""
    replica.fault("stale")
    assert [ask().headers["X-SODA2-Data-Out-Of-Date"] for _ in "ab"] == ["true", "false"]


def test_a_page_loses_a_row(page, replica, count):
    """One row less; counts do not lose it, nor does the next page."""
    whole = page()
    replica.fault("lost_row")
    assert count() == 1200
    short = page()
    assert len(short) == 1199
    assert [row for row in whole if row in short] == short
    assert page() == whole


@pytest.mark.parametrize(("loses", "rows", "distinct"), [(False, 1201, 1200), (True, 1200, 1199)])
def test_a_page_repeats_a_row(page, replica, loses, rows, distinct):
    """One row twice, beside all others or in the place of one."""
    replica.fault("repeated_row", loses=loses)
    found = page()
    assert len(found) == rows
    assert len({row[":id"] for row in found}) == distinct


def test_the_data_is_replaced_between_two_pages(ask, replica):
    """From then on everything is of the next day."""
    replica.fault("replaced", after=1, only="page")
    half = PAGE | {"$limit": 600}
    before, after = ask(half), ask(half | {"$offset": 600})
    assert replica.day == 2
    assert before.headers["Last-Modified"] != after.headers["Last-Modified"]
    assert not {row[":id"] for row in before.json()} & {row[":id"] for row in after.json()}


def test_headers_without_columns(ask, replica):
    """As for very wide tables: neither fields nor types."""
    replica.fault("no_headers")
    for _ in range(2):
        headers = ask(PAGE).headers
        assert "X-SODA2-Fields" not in headers
        assert "X-SODA2-Types" not in headers


def test_an_empty_source(ask, page, count, replica):
    """No rows, no years, a count of 0, until it is over."""
    replica.fault("empty")
    assert (page(), count(), ask(CENSUS).json()) == ([], 0, [])
    replica.reset()
    assert count() == 1200


def test_a_new_column(ask, page, replica):
    """Unknown to all, and in headers and rows alike."""
    replica.fault("new_column", name="severity")
    assert "severity" in json.loads(ask(PAGE).headers["X-SODA2-Fields"])
    assert all(row["severity"] for row in page())


def test_a_missing_column(ask, page, replica):
    """Gone from headers and rows; asking for it is malformed."""
    replica.fault("missing_column", name="subject")
    assert "subject" not in json.loads(ask(PAGE).headers["X-SODA2-Fields"])
    assert not any("subject" in row for row in page())
    assert ask({"$select": "subject"}).status_code == 400


def test_a_retyped_column(ask, replica, recalls_url):
    """Another type in the headers and in the description."""
    replica.fault("retyped_column", name="nhtsa_id", type="number")
    headers = ask(PAGE).headers
    fields, types = (json.loads(headers[f"X-SODA2-{name}"]) for name in ("Fields", "Types"))
    assert types[fields.index("nhtsa_id")] == "number"
    view = requests.get(f"{recalls_url}/api/views/6axg-epim.json", timeout=30).json()
    assert {c["fieldName"]: c["dataTypeName"] for c in view["columns"]}["nhtsa_id"] == "number"


DIRTY = {
    "bad_date": lambda row: row.get("report_received_date") == "sometime in spring",
    "missing_date": lambda row: "report_received_date" not in row,
    "missing_key": lambda row: "nhtsa_id" not in row,
    "wrong_type": lambda row: row.get("potentially_affected") == "many",
    "negative_number": lambda row: row.get("potentially_affected") == "-5",
    "completion_over_100": lambda row: row.get("completion_rate") == "130.5",
    "link_as_string": lambda row: isinstance(row["recall_link"], str),
    "json_number": lambda row: isinstance(row.get("potentially_affected"), int),
}


@pytest.mark.parametrize("which", DIRTY)
def test_dirty_rows_stay_dirty(page, count, replica, which):
    """As many as asked for, in every answer; the rest is as it was; counts agree."""
    clean = {row[":id"]: row for row in page()}
    replica.fault("dirty", which=which, rows=2, year=2019)
    for _ in range(2):
        found = page()
        dirty = [row for row in found if DIRTY[which](row)]
        assert len(dirty) == 2
        assert len(found) == count() == 1200
        assert all(row == clean[row[":id"]] for row in found if row not in dirty)


def test_a_duplicate_key_is_one_more_row(page, count, replica):
    """The same recall under two row ids."""
    replica.fault("dirty", which="duplicate_key", rows=2)
    found = page()
    keys = Counter(row["nhtsa_id"] for row in found)
    assert sorted(keys.values())[-3:] == [1, 2, 2]
    assert len({row[":id"] for row in found}) == len(found) == count() == 1202


@pytest.mark.parametrize("which", ["bad_date", "missing_date"])
def test_rows_without_a_year_are_counted_and_found_apart(ask, page, count, replica, which):
    """They are no year's, and `IS NULL` finds them."""
    replica.fault("dirty", which=which, rows=2, year=2019)
    in_2019 = (
        "report_received_date >= '2019-01-01T00:00:00' AND "
        "report_received_date < '2020-01-01T00:00:00'"
    )
    undated = [row for row in ask(CENSUS).json() if "year" not in row]
    assert undated == [{"recalls": "2"}]
    assert count("report_received_date IS NULL") == 2
    assert len(page(in_2019)) == count(in_2019)
    both = f"({in_2019}) OR report_received_date IS NULL"
    assert len(page(both)) == count(both) == count(in_2019) + 2


def test_several_kinds_of_dirt_hit_rows_of_their_own(page, replica):
    """All at once, each on its own rows."""
    for which in DIRT:
        replica.fault("dirty", which=which, rows=1)
    rows = page()
    assert {which: sum(map(is_dirty, rows)) for which, is_dirty in DIRTY.items()} == dict.fromkeys(
        DIRTY, 1
    )
    assert len(rows) == 1201


def test_a_fault_waits_and_repeats(ask, replica):
    """`after` requests pass, the next `times` are hit, then all is well."""
    replica.fault("503", times=2, after=1)
    assert [ask().status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_fault_can_last(ask, replica):
    """`times=None` hits until reset."""
    replica.fault("500", times=None)
    assert {ask().status_code for _ in range(5)} == {500}
    replica.reset()
    assert ask().status_code == 200


def test_faults_can_be_for_one_purpose(ask, replica):
    """Only the census, only the count, or only pages."""
    for only, status in (("census", 500), ("count", 503), ("page", 429)):
        replica.fault(str(status), only=only)
    answers = [ask(PAGE), ask({"$select": "count(*)"}), ask(CENSUS)]
    assert [answer.status_code for answer in answers] == [429, 503, 500]


def test_two_answers_due_at_once_come_one_after_the_other(ask, replica):
    """The earlier fault first; what would spoil a right answer waits for one."""
    replica.fault("stale")
    replica.fault("503")
    replica.fault("429")
    assert [ask().status_code for _ in range(2)] == [503, 429]
    assert ask().headers["X-SODA2-Data-Out-Of-Date"] == "true"


def test_the_date_can_be_set(ask, replica):
    """The Date header is the real time unless told otherwise."""
    assert abs((datetime.now(UTC) - _date(ask())).total_seconds()) < 60
    replica.date = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert ask().headers["Date"] == "Wed, 01 Jul 2026 12:00:00 GMT"


def _date(answer):
    return datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
        tzinfo=UTC
    )


def _url(ask):
    return ask({"$limit": 0}).url.split("?")[0]


@pytest.mark.parametrize(
    ("kind", "options"), [("sabotage", {}), ("503", {"colour": 1}), ("dirty", {"which": "mud"})]
)
def test_a_fault_that_does_not_exist_is_refused(replica, kind, options):
    """A typing error in a test must not be a fault that never happens."""
    with pytest.raises(ValueError, match="fault"):
        replica.fault(kind, **options)
    assert replica.faults == []


def test_every_option_is_of_a_kind():
    """The table of options names faults that exist."""
    assert set(OPTIONS) <= set(KINDS)

"""Each way to misbehave does what it says, as often as it says, and then stops."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests

from fakes.recalls_table import DIRT
from tests.fakes.conftest import PAGE
from tests.fakes.test_recalls import CENSUS

IN_2019 = (
    "report_received_date >= '2019-01-01T00:00:00' AND report_received_date < '2020-01-01T00:00:00'"
)


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("500", 500), ("html", 200)])
def test_a_page_of_html_instead_of_rows(ask, replica, kind, status):
    replica.fault(kind)
    answer = ask()
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert ask().json()


@pytest.mark.parametrize("kind", ["202", "400", "429", "500", "503"])
def test_an_error_can_carry_any_message(ask, replica, kind):
    message = "\x1b[31mred\x07\x00"
    replica.fault(kind, message=message)
    answer = ask()
    assert answer.status_code == int(kind)
    assert answer.json()["message"] == message


def test_429_names_a_wait_only_when_told(ask, replica):
    replica.fault("429", retry_after=3)
    replica.fault("429")
    assert [ask().headers.get("Retry-After") for _ in "ab"] == ["3", None]


def test_a_cut_body_ends_before_its_length(ask, replica):
    replica.fault("cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(PAGE)
    assert len(ask(PAGE).json()) == 1200


def test_a_quietly_cut_body_is_truncated_gzip(ask, replica):
    url = ask({"$limit": 0}).url.split("?")[0]
    replica.fault("cut", quiet=True)
    with requests.get(url, stream=True, timeout=30) as answer, pytest.raises(EOFError):
        gzip.decompress(answer.raw.read(decode_content=False))


def test_refused_means_no_answer_at_all(ask, replica):
    replica.fault("refused")
    with pytest.raises(requests.exceptions.ConnectionError):
        ask()
    assert ask().status_code == 200
    assert len(replica.requests) == 2


def test_a_slow_answer_is_right_all_the_same(ask, replica):
    replica.fault("slow", seconds=0.01)
    assert ask({"$select": "count(*)"}).json() == [{"count": "1200"}]
    url = ask({"$limit": 0}).url
    replica.fault("slow", seconds=60)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(url, timeout=0.1)


@pytest.fixture
def received(recalls_url, replica):
    """The first bytes of the answer to one request, as they travel."""

    def receive(kind, size, **options):
        replica.fault(kind, **options)
        address = urlsplit(recalls_url)
        with closing(socket.create_connection((address.hostname, address.port), 30)) as wire:
            wire.sendall(b"GET /resource/6axg-epim.json?a=b HTTP/1.1\r\nHost: fakes\r\n\r\n")
            found = []
            while sum(map(len, found)) < size:
                found.append(wire.recv(size))
                assert found[-1], "the connection has ended"
        return found

    return receive


def test_a_head_can_drip_byte_by_byte(received, ask):
    pieces = received("slow_head", 80, seconds=0.002)
    assert b"".join(pieces).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in b"".join(pieces)
    assert len(pieces) > 10
    assert ask().status_code == 200


def test_100_continue_can_come_without_end(received, ask):
    line = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"".join(received("endless_continue", 50 * len(line))) == 50 * line
    assert ask().status_code == 200


def test_the_body_of_a_redirect_can_be_endless(received, ask):
    body = b"".join(received("endless_redirect", 5_000_000))
    assert body.startswith(b"HTTP/1.1 302 Found\r\nLocation: /resource/6axg-epim.json?a=b\r\n\r\n")
    assert ask().status_code == 200


def test_a_gzip_bomb_is_a_valid_list_of_a_thousand_times_its_size(recalls_url, replica):
    replica.fault("gzip_bomb", megabytes=50)
    with requests.get(f"{recalls_url}/resource/6axg-epim.json", stream=True, timeout=30) as answer:
        packed = answer.raw.read(decode_content=False)
        assert answer.headers["Content-Encoding"] == "gzip"
    body = zlib.decompress(packed, 31)
    assert len(body) == 50 * 2**20 + 2 > 900 * len(packed)
    assert json.loads(body) == []


@pytest.mark.parametrize("days", [-1, 3_650])
def test_last_modified_can_go_back_or_be_in_the_future(ask, replica, days):
    before = ask().headers
    replica.fault("last_modified", days=days)
    after = ask().headers
    for name in ("Last-Modified", "X-SODA2-Truth-Last-Modified"):
        then, now = (
            datetime.strptime(h[name], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
            for h in (before, after)
        )
        assert (now - then).days == days
    assert ask().headers["Last-Modified"] == before["Last-Modified"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Date", "Wed, 01 Jan 2031 00:00:00 GMT"),
        ("Date", "Mon, 99 Foo 99999 00:00:00 GMT"),
        ("X-SODA2-Fields", '[1, null, ["nhtsa_id"], {}]'),
        ("Last-Modified", None),
    ],
)
def test_one_header_can_be_anything_or_missing(ask, replica, name, value):
    replica.fault("header", name=name, value=value)
    assert ask().headers.get(name) == value
    assert ask().headers[name] != value


def test_a_stale_answer_says_so(ask, replica):
    replica.fault("stale")
    assert [ask().headers["X-SODA2-Data-Out-Of-Date"] for _ in "ab"] == ["true", "false"]


def test_a_page_can_lose_a_row(page, replica, count):
    """Counts do not lose it, nor does the next page."""
    whole = page()
    replica.fault("lost_row")
    assert count() == 1200
    short = page()
    assert len(short) == 1199
    assert [row for row in whole if row in short] == short
    assert page() == whole


@pytest.mark.parametrize(("loses", "rows", "distinct"), [(False, 1201, 1200), (True, 1200, 1199)])
def test_a_page_can_repeat_a_row(page, replica, loses, rows, distinct):
    replica.fault("repeated_row", loses=loses)
    found = page()
    assert (len(found), len({row[":id"] for row in found})) == (rows, distinct)


def test_the_data_can_be_replaced_between_two_pages(ask, replica):
    replica.fault("replaced", after=1, only="page")
    half = PAGE | {"$limit": 600}
    before, after = ask(half), ask(half | {"$offset": 600})
    assert replica.day == 2
    assert before.headers["Last-Modified"] != after.headers["Last-Modified"]
    assert not {row[":id"] for row in before.json()} & {row[":id"] for row in after.json()}


def test_headers_can_lack_the_columns(ask, replica):
    replica.fault("no_headers")
    for _ in range(2):
        assert not {"X-SODA2-Fields", "X-SODA2-Types"} & set(ask(PAGE).headers)


def test_a_source_can_be_empty(ask, page, count, replica):
    replica.fault("empty")
    assert (page(), count(), ask(CENSUS).json()) == ([], 0, [])


@pytest.mark.parametrize("name", ["severity", "evil\x1b[31m\x07\"'"])
def test_a_column_can_be_new(ask, page, replica, name):
    replica.fault("new_column", name=name)
    assert name in json.loads(ask(PAGE).headers["X-SODA2-Fields"])
    assert all(row[name] for row in page())


def test_a_column_can_be_missing(ask, page, replica):
    replica.fault("missing_column", name="subject")
    assert "subject" not in json.loads(ask(PAGE).headers["X-SODA2-Fields"])
    assert not any("subject" in row for row in page())
    assert ask({"$select": "subject"}).status_code == 400


@pytest.mark.parametrize("kind", ["number", "te\x1bxt"])
def test_a_column_can_be_of_another_type(ask, replica, recalls_url, kind):
    replica.fault("retyped_column", name="nhtsa_id", type=kind)
    headers = ask(PAGE).headers
    fields, types = (json.loads(headers[f"X-SODA2-{name}"]) for name in ("Fields", "Types"))
    assert types[fields.index("nhtsa_id")] == kind
    view = requests.get(f"{recalls_url}/api/views/6axg-epim.json", timeout=30).json()
    assert {c["fieldName"]: c["dataTypeName"] for c in view["columns"]}["nhtsa_id"] == kind


DIRTY = {
    "bad_date": lambda row: row.get("report_received_date") == "sometime in spring",
    "missing_date": lambda row: "report_received_date" not in row,
    "missing_key": lambda row: "nhtsa_id" not in row,
    "empty_key": lambda row: row.get("nhtsa_id") == "",
    "blank_key": lambda row: row.get("nhtsa_id") == "  ",
    "lowercase_key": lambda row: row.get("nhtsa_id", "").strip() != row.get("nhtsa_id", "").upper(),
    "wrong_type": lambda row: row.get("potentially_affected") == "many",
    "negative_number": lambda row: row.get("potentially_affected") == "-5",
    "completion_over_100": lambda row: row.get("completion_rate") == "130.5",
    "nested_field": lambda row: isinstance(row.get("component"), list),
    "link_as_string": lambda row: isinstance(row["recall_link"], str),
    "json_number": lambda row: isinstance(row.get("potentially_affected"), int),
}


@pytest.mark.parametrize("which", sorted(DIRTY.keys() - {"nested_field"}))
def test_dirty_rows_are_dirty_in_every_answer(page, count, replica, which):
    """As many as asked for; the rest is as it was, and counts agree."""
    clean = {row[":id"]: row for row in page()}
    replica.fault("dirty", which=which, rows=2, year=2019)
    found = page()
    dirty = [row for row in found if DIRTY[which](row) and row != clean[row[":id"]]]
    assert len(dirty) == 2
    assert len(found) == count() == 1200
    assert all(row == clean[row[":id"]] for row in found if row not in dirty)
    assert page() == found


def test_a_field_can_be_nested_a_thousand_deep(ask, replica):
    replica.fault("dirty", which="nested_field", rows=1)
    assert ask(PAGE).text.count("[" * 1_000 + "]" * 1_000) == 1


def test_a_duplicate_key_is_one_more_row(page, count, replica):
    replica.fault("dirty", which="duplicate_key", rows=2)
    found = page()
    keys = Counter(row["nhtsa_id"] for row in found)
    assert sorted(keys.values())[-3:] == [1, 2, 2]
    assert len({row[":id"] for row in found}) == len(found) == count() == 1202


@pytest.mark.parametrize("which", ["bad_date", "missing_date"])
def test_rows_without_a_year_are_counted_and_found_apart(ask, page, count, replica, which):
    replica.fault("dirty", which=which, rows=2, year=2019)
    undated = [row for row in ask(CENSUS).json() if "year" not in row]
    assert undated == [{"recalls": "2"}]
    assert count("report_received_date IS NULL") == 2
    both = f"({IN_2019}) OR report_received_date IS NULL"
    assert len(page(both)) == count(both) == count(IN_2019) + 2


def test_several_kinds_of_dirt_hit_rows_of_their_own(page, replica):
    kinds = DIRT.keys() - {"nested_field"}
    for which in kinds:
        replica.fault("dirty", which=which, rows=1)
    rows = page()
    found = {which: sum(map(DIRTY[which], rows)) for which in kinds & DIRTY.keys()}
    assert found == dict.fromkeys(found, 1) | {"lowercase_key": 2}  # the blank one, too
    assert len(rows) == 1201


def test_a_fault_waits_and_ends(ask, replica):
    replica.fault("503", times=2, after=1)
    assert [ask().status_code for _ in range(4)] == [200, 503, 503, 200]
    replica.fault("500", times=None)
    assert {ask().status_code for _ in range(5)} == {500}


def test_a_fault_can_be_for_one_purpose(ask, replica):
    for only, status in (("census", 500), ("count", 503), ("page", 429)):
        replica.fault(str(status), only=only)
    answers = [ask(PAGE), ask({"$select": "count(*)"}), ask(CENSUS)]
    assert [answer.status_code for answer in answers] == [429, 503, 500]


def test_two_answers_due_at_once_come_one_after_the_other(ask, replica):
    replica.fault("stale")
    replica.fault("503")
    replica.fault("429")
    assert [ask().status_code for _ in range(2)] == [503, 429]
    assert ask().headers["X-SODA2-Data-Out-Of-Date"] == "true"

"""The recalls API, asked over HTTP: nothing lost at page ends, and no stale or cut answer taken."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.control import Control
from include.first.rest import (
    AuthError,
    BadRequest,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.source import (
    Batch,
    Page,
    RecallsApi,
    StaleSource,
    as_json_lines,
)

ALL = Batch("all", None, None, undated=True)
EARLY = Batch("-1999", None, 1999, undated=False)
LATE = Batch("2000-", 2000, None, undated=True)
DATED = Batch("dated", None, None, undated=False)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def api(recalls_url: str, replica: Control) -> RecallsApi:
    """The recalls API without a fault; `replica` is there to make some."""
    assert not replica.faults
    return RecallsApi(recalls_url)


def rows_of(page: Page) -> list[dict[str, Any]]:
    return [json.loads(line) for line in as_json_lines(gzip.decompress(page.gzipped)).splitlines()]


def test_census_counts_agree_with_what_comes(api: RecallsApi) -> None:
    """The census names each year's rows, and all of them together are the dataset."""
    census = api.census()
    (page,) = api.pages(ALL)
    years = [int(row["report_received_date"][:4]) for row in rows_of(page)]
    assert census.rows_by_year == {year: years.count(year) for year in set(years)}
    assert census.undated == 0
    assert sum(census.rows_by_year.values()) == api.count(ALL)[0] == 1200


def test_rows_without_a_date_are_counted_and_read(api: RecallsApi, replica: Control) -> None:
    """Undated rows stand apart in the census, and ride with the batch that asks for them alone."""
    replica.fault("dirty", which="missing_date", rows=3)
    undated = api.census().undated
    assert undated == 3
    assert api.count(ALL)[0] - api.count(DATED)[0] == undated
    (page,) = api.pages(LATE)
    assert sum("report_received_date" not in row for row in rows_of(page)) == undated
    (page,) = api.pages(EARLY)
    assert all("report_received_date" in row for row in rows_of(page))


def test_neighbouring_batches_cover_every_row_once(api: RecallsApi) -> None:
    """Batches with open ends meet without a gap and without an overlap."""
    ids = [id_ for batch in (EARLY, LATE) for page in api.pages(batch) for id_ in page.ids]
    assert len(ids) == len(set(ids)) == api.count(ALL)[0]
    (page,) = api.pages(Batch("1999-2001", 1999, 2001, undated=False))
    assert {row["report_received_date"][:4] for row in rows_of(page)} == {"1999", "2000", "2001"}


@pytest.mark.parametrize(
    ("batch", "condition"),
    [
        (ALL, None),
        (DATED, "report_received_date IS NOT NULL"),
        (EARLY, "report_received_date < '2000-01-01T00:00:00'"),
        (
            LATE,
            "(report_received_date >= '2000-01-01T00:00:00') OR report_received_date IS NULL",
        ),
        (
            Batch("1999", 1999, 1999, undated=False),
            "report_received_date >= '1999-01-01T00:00:00'"
            " AND report_received_date < '2000-01-01T00:00:00'",
        ),
    ],
)
def test_what_a_batch_asks_for(batch: Batch, condition: str | None) -> None:
    """A batch is one where-clause, and the one that is everything has none."""
    assert batch.condition() == condition


@pytest.mark.parametrize(
    ("left_over", "sizes"),
    [(-1, lambda n: [n - 1, 1]), (0, lambda n: [n, 0]), (1, lambda n: [n])],
)
def test_no_row_is_lost_at_the_end_of_a_page(
    recalls_url: str, replica: Control, left_over: int, sizes: Any
) -> None:
    """One page exactly full, one row more and one row less: every row comes once."""
    batch = Batch("2019", 2019, 2019, undated=False)
    rows = RecallsApi(recalls_url).count(batch)[0]
    pages = list(RecallsApi(recalls_url, page_size=rows + left_over).pages(batch))
    assert [len(page.ids) for page in pages] == sizes(rows)
    assert len({id_ for page in pages for id_ in page.ids}) == rows
    assert [asked.purpose for asked in replica.requests] == ["count", *["page"] * len(pages)]


def test_a_page_is_what_the_api_said(api: RecallsApi) -> None:
    """A page brings the declared columns, the ids in order, and a body that holds these rows."""
    (page,) = api.pages(ALL)
    rows = rows_of(page)
    assert page.ids.to_pylist() == [row[":id"] for row in rows]
    assert page.ids.type == pa.string()
    assert [row["nhtsa_id"] for row in rows] == sorted(row["nhtsa_id"] for row in rows)
    assert {column.source for column in CONTRACT.columns} <= page.columns.keys()
    assert page.columns["recall_link"] == "url"


def test_the_state_is_in_the_headers(api: RecallsApi, replica: Control) -> None:
    """Who published, when it changed and when it was asked come in ISO-8601, with every answer."""
    state = api.census().state
    assert (state.dataset, state.publisher) == ("6axg-epim", "made-up:7")
    assert state.last_modified == "2026-06-28T09:30:43Z"
    assert state.answered_at.endswith("Z")
    for other in (api.count(ALL)[1], *(page.state for page in api.pages(ALL))):
        assert replace(other, answered_at=state.answered_at) == state
    replica.day = 2
    assert api.count(ALL)[1].last_modified > state.last_modified


def test_an_empty_source_has_one_empty_page(api: RecallsApi, replica: Control) -> None:
    """No rows are a census of nothing, a count of 0, and one page that still names the columns."""
    replica.fault("empty")
    assert api.census().rows_by_year == {}
    assert api.count(ALL)[0] == 0
    (page,) = api.pages(ALL)
    assert rows_of(page) == []
    assert len(page.ids) == 0
    assert "nhtsa_id" in page.columns


def test_columns_come_from_the_view_when_headers_do_not(api: RecallsApi, replica: Control) -> None:
    """Without the two headers the dataset's description names the columns."""
    declared = {name for name in api.columns() if not name.startswith(":")}
    replica.fault("no_headers")
    assert api.columns().keys() == declared
    assert replica.requests[-1].path == "/api/views/6axg-epim.json"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("202", {}),
        ("429", {}),
        ("500", {}),
        ("503", {}),
        ("cut", {}),
        ("cut", {"quiet": True}),
        ("html", {}),
        ("refused", {}),
        ("stale", {}),
    ],
)
@pytest.mark.parametrize("purpose", ["census", "count", "page"])
def test_every_question_survives_what_passes(
    api: RecallsApi, replica: Control, waits: list[float], kind: str, options: Any, purpose: str
) -> None:
    """Whatever goes wrong twice with any question, the answer is that of an undisturbed source."""
    questions = {
        "census": lambda: api.census().rows_by_year,
        "count": lambda: api.count(ALL)[0],
        "page": lambda: [page.ids.to_pylist() for page in api.pages(ALL)],
    }
    undisturbed = questions[purpose]()
    replica.fault(kind, times=2, only=purpose, **options)
    assert questions[purpose]() == undisturbed
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("202", SourceUnavailable),
        ("429", RateLimited),
        ("500", SourceUnavailable),
        ("503", SourceUnavailable),
        ("cut", SourceUnavailable),
        ("html", UnexpectedBody),
        ("refused", SourceUnavailable),
        ("stale", StaleSource),
    ],
)
def test_what_does_not_pass_fails_with_its_name(
    recalls_url: str, replica: Control, waits: list[float], kind: str, error: type[Exception]
) -> None:
    """What stays wrong ends after the last attempt, in one line that names host and dataset."""
    replica.fault(kind, times=None)
    api = RecallsApi(recalls_url, attempts=3)
    with pytest.raises(error, match=r"/resource/6axg-epim\.json .+ \(after 3 attempts\)$"):
        list(api.pages(ALL))
    assert len(replica.requests) == 3
    assert len(waits) == 2


def test_a_page_cut_without_a_sign_is_noticed(
    recalls_url: str, replica: Control, waits: list[float]
) -> None:
    """Half a body whose length agrees is not taken for fewer rows."""
    replica.fault("cut", times=None, quiet=True)
    with pytest.raises(SourceUnavailable, match="packing is broken"):
        list(RecallsApi(recalls_url, attempts=2).pages(ALL))
    assert len(waits) == 1


def test_a_wrong_token_fails_at_once(
    recalls_url: str, replica: Control, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong token fails on the first attempt and appears neither in the error nor in a log."""
    caplog.set_level("DEBUG")
    with pytest.raises(AuthError, match="Invalid app_token specified") as caught:
        RecallsApi(recalls_url, app_token="not-the-token").census()
    assert "not-the-token" not in str(caught.value) + caplog.text
    assert len(replica.requests) == 1
    assert waits == []


def test_a_right_token_is_accepted(recalls_url: str, replica: Control) -> None:
    """A valid token and an api.data.gov key go along without harm, and not in the address."""
    api = RecallsApi(recalls_url, app_token="local-token", api_key="some-key")
    assert api.count(ALL)[0] == 1200
    assert replica.requests[0].params == {"$select": "count(*)"}


@pytest.mark.parametrize("dataset", ["aaaa-bbbb", "../api/views/6axg-epim", "6axg-epim?$limit=1"])
def test_a_wrong_dataset_fails_at_once(
    recalls_url: str, replica: Control, waits: list[float], dataset: str
) -> None:
    """A dataset that is not there fails on the first attempt; a name cannot become another path."""
    with pytest.raises(NotFound, match="does not exist"):
        RecallsApi(recalls_url, dataset=dataset).census()
    assert len(replica.requests) == 1
    assert waits == []


def test_what_the_api_does_not_understand_fails_at_once(
    recalls_url: str, replica: Control, waits: list[float]
) -> None:
    """A query that the API refuses is told with its own words, once."""
    pages = RecallsApi(recalls_url, page_size=-1).pages(ALL)
    with pytest.raises(BadRequest, match=r"400: query\.compiler\.malformed, "):
        next(pages)
    assert len(replica.requests) == 1
    assert waits == []


# Texts made of what layouts are made of, to lead a reader of layouts astray.
TEXT = st.text(st.sampled_from('{}[],:"\\\n\u0092a'), max_size=8)
VALUE = TEXT | st.integers() | st.none() | st.fixed_dictionaries({"url": TEXT})
ROWS = st.lists(st.dictionaries(TEXT, VALUE, max_size=3), max_size=4)
LAYOUTS = {
    "as SODA": lambda rows: "[" + "\n,".join(json.dumps(row) for row in rows) + "\n]\n",
    "as SODA, packed": lambda rows: (
        "["
        + "\n,".join(json.dumps(row, separators=(",", ":"), ensure_ascii=True) for row in rows)
        + "\n]\n"
    ),
    "one line": json.dumps,
    "packed": lambda rows: json.dumps(rows, separators=(",", ":")),
    "packed, end on a line": lambda rows: (
        json.dumps(rows, separators=(",", ":")).removesuffix("]") + "\n]\n"
    ),
    "indented": lambda rows: json.dumps(rows, indent=1),
    "after spaces": lambda rows: "\r\n " + json.dumps(rows) + " \n",
}


@settings(deadline=None, max_examples=200)
@given(layout=st.sampled_from(sorted(LAYOUTS)), rows=ROWS)
def test_json_lines_hold_the_same_rows(layout: str, rows: list[dict[str, Any]]) -> None:
    """In whatever layout a list of rows comes, each is one line, and nothing else is."""
    lines = as_json_lines(LAYOUTS[layout](rows).encode())
    assert [json.loads(line) for line in lines.split(b"\n") if line] == rows
    assert lines.count(b"\n") == max(0, len(rows) - 1)


def test_no_rows_are_no_lines() -> None:
    """An empty list is nothing at all."""
    assert as_json_lines(b"[]\n") == as_json_lines(b"[ ]") == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[",
        b'[{"a":1}\n,{"b":2}\n',
        b'[{"a":1}\n,{"b"\n]\n,]',
        b'{"message":"no"}',
        b"[1, 2]",
        b'[[{"a":1}]]',
        b'[{"a":1} {"b":2}]',
        b"\xff\xfe[]",
        b"null",
    ],
)
def test_what_is_no_list_of_rows_is_refused(body: bytes) -> None:
    """Anything but a whole list of rows is an error, never fewer rows."""
    with pytest.raises(UnexpectedBody):
        as_json_lines(body)

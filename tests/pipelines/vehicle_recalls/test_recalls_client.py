"""The recalls client loses no row between pages and uses no stale or truncated answer."""

import gzip
import json
from typing import Any

import pytest

from fakes.control import Control
from include.http.errors import (
    AuthError,
    BadRequest,
    HttpError,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.vehicle_recalls.batches import Years, condition
from include.vehicle_recalls.client import RecallsApi, StaleSource
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.page_rows import split_rows

ALL = Years(label="all", first=None, last=None, undated=True)
EARLY = Years(label="-1999", first=None, last=1999, undated=False)
LATE = Years(label="2000-", first=2000, last=None, undated=True)
DATED = Years(label="dated", first=None, last=None, undated=False)
ONE_YEAR = Years(label="2019", first=2019, last=2019, undated=False)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the client's pauses instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.fixture
def api(recalls_url: str, replica: Control) -> RecallsApi:
    assert not replica.faults
    return RecallsApi(recalls_url)


def rows_in(gzipped: bytes) -> list[dict[str, Any]]:
    return [json.loads(row) for row in split_rows(gzip.decompress(gzipped))]


def test_year_counts_match_the_rows(api: RecallsApi) -> None:
    counts = api.year_counts()
    (page,) = api.pages(ALL)
    years = [int(row["report_received_date"][:4]) for row in rows_in(page.gzipped)]
    assert counts.rows_by_year == {year: years.count(year) for year in set(years)}
    assert counts.undated == 0
    assert sum(counts.rows_by_year.values()) == api.count(ALL)[0] == 1200


def test_rows_without_a_date_are_counted_and_read(api: RecallsApi, replica: Control) -> None:
    replica.fault("dirty", which="missing_date", rows=3)
    assert api.year_counts().undated == 3
    assert api.count(ALL)[0] - api.count(DATED)[0] == 3
    (late,), (early,) = api.pages(LATE), api.pages(EARLY)
    assert sum("report_received_date" not in row for row in rows_in(late.gzipped)) == 3
    assert all("report_received_date" in row for row in rows_in(early.gzipped))


def test_adjacent_batches_cover_every_row_once(api: RecallsApi) -> None:
    ids = [
        row_id for years in (EARLY, LATE) for page in api.pages(years) for row_id in page.row_ids
    ]
    assert len(ids) == len(set(ids)) == api.count(ALL)[0]


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        (ALL, None),
        (DATED, "report_received_date IS NOT NULL"),
        (EARLY, "report_received_date < '2000-01-01T00:00:00'"),
        (LATE, "(report_received_date >= '2000-01-01T00:00:00') OR report_received_date IS NULL"),
        (
            ONE_YEAR,
            "report_received_date >= '2019-01-01T00:00:00'"
            " AND report_received_date < '2020-01-01T00:00:00'",
        ),
    ],
)
def test_years_become_one_where_clause(years: Years, expected: str | None) -> None:
    assert condition(years) == expected


@pytest.mark.parametrize(
    ("more", "sizes"),
    [(-1, lambda n: [n - 1, 1]), (0, lambda n: [n, 0]), (1, lambda n: [n])],
)
def test_no_row_is_lost_at_the_end_of_a_page(
    recalls_url: str, replica: Control, more: int, sizes: Any
) -> None:
    """The page size is the number of rows, one less or one more."""
    rows = RecallsApi(recalls_url).count(ONE_YEAR)[0]
    pages = list(RecallsApi(recalls_url, page_size=rows + more).pages(ONE_YEAR))
    assert [len(page.row_ids) for page in pages] == sizes(rows)
    assert len({row_id for page in pages for row_id in page.row_ids}) == rows
    assert [asked.purpose for asked in replica.requests] == ["count", *["page"] * len(pages)]


def test_page_has_columns_ids_and_rows(api: RecallsApi) -> None:
    (page,) = api.pages(ALL)
    rows = rows_in(page.gzipped)
    assert page.row_ids == [row[":id"] for row in rows]
    assert [row["nhtsa_id"] for row in rows] == sorted(row["nhtsa_id"] for row in rows)
    assert {column.field for column in RECALLS.columns} <= page.columns.keys()
    assert page.columns["recall_link"] == "url"


def test_every_answer_has_the_state_of_the_source(api: RecallsApi, replica: Control) -> None:
    state = api.year_counts().state
    assert state.source == {"dataset": "6axg-epim", "publisher": "made-up:7"}
    assert state.modified_at == "2026-06-28T09:30:43Z"
    assert state.answered_at.endswith("Z")
    replica.day = 2
    assert api.count(ALL)[1].modified_at > state.modified_at


def test_empty_source_has_one_empty_page(api: RecallsApi, replica: Control) -> None:
    replica.fault("empty")
    assert api.year_counts().rows_by_year == {}
    assert api.count(ALL)[0] == 0
    (page,) = api.pages(ALL)
    assert page.row_ids == []
    assert "nhtsa_id" in page.columns


def test_columns_without_headers_come_from_the_view(api: RecallsApi, replica: Control) -> None:
    declared = {name for name in api.columns() if not name.startswith(":")}
    replica.fault("no_headers")
    assert api.columns().keys() == declared
    assert replica.requests[-1].path == "/api/views/6axg-epim.json"


FAULTS: dict[str, type[HttpError]] = {
    "202": SourceUnavailable,
    "429": RateLimited,
    "500": SourceUnavailable,
    "503": SourceUnavailable,
    "cut": SourceUnavailable,
    "html": UnexpectedBody,
    "refused": SourceUnavailable,
    "stale": StaleSource,
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("purpose", ["census", "count", "page"])
def test_every_request_survives_a_transient_fault(
    api: RecallsApi, replica: Control, waits: list[float], kind: str, purpose: str
) -> None:
    requests = {
        "census": lambda: api.year_counts().rows_by_year,
        "count": lambda: api.count(ALL)[0],
        "page": lambda: [page.row_ids for page in api.pages(ALL)],
    }
    expected = requests[purpose]()
    replica.fault(kind, times=2, only=purpose)
    assert requests[purpose]() == expected
    assert len(waits) == 2


@pytest.mark.parametrize(("kind", "error"), FAULTS.items())
def test_persistent_fault_raises_its_error(
    recalls_url: str, replica: Control, waits: list[float], kind: str, error: type[Exception]
) -> None:
    replica.fault(kind, times=None)
    api = RecallsApi(recalls_url, attempts=3)
    with pytest.raises(error, match=r"/resource/6axg-epim\.json .+ \(after 3 attempts\)$"):
        list(api.pages(ALL))
    assert len(replica.requests) == 3
    assert len(waits) == 2


def test_wrong_token_fails_without_retry_and_is_not_shown(
    recalls_url: str, replica: Control, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(AuthError, match="Invalid app_token specified") as caught:
        RecallsApi(recalls_url, app_token="not-the-token").year_counts()
    assert "not-the-token" not in str(caught.value) + caplog.text
    assert len(replica.requests) == 1
    assert waits == []


def test_valid_token_is_sent_as_a_header(recalls_url: str, replica: Control) -> None:
    api = RecallsApi(recalls_url, app_token="local-token", api_key="some-key")
    assert api.count(ALL)[0] == 1200
    assert replica.requests[0].params == {"$select": "count(*)"}


@pytest.mark.parametrize("dataset", ["aaaa-bbbb", "../api/views/6axg-epim", "6axg-epim?$limit=1"])
def test_unknown_dataset_is_not_retried(recalls_url: str, replica: Control, dataset: str) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        RecallsApi(recalls_url, dataset=dataset).year_counts()
    assert len(replica.requests) == 1


def test_rejected_query_fails_without_retry(recalls_url: str, replica: Control) -> None:
    with pytest.raises(BadRequest, match=r"query\.compiler\.malformed"):
        next(RecallsApi(recalls_url, page_size=-1).pages(ALL))
    assert len(replica.requests) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", b"[", b'[{"a":1}\n,{"b"\n]\n,]', b'{"a":1}', b"null", b"\xff\xfe[]"],
)
def test_body_that_is_not_a_list_of_rows_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedBody):
        split_rows(body)

"""The fake recalls API answers as APIS.md section 1 describes the real one."""

import json
import re
from collections import Counter

import pytest
import requests

from fakes.soql import TYPES
from tests.fakes.conftest import PAGE

COUNTS_BY_YEAR = {
    "$select": "date_extract_y(report_received_date) AS year, count(*) AS recalls",
    "$group": "year",
    "$order": "year",
    "$limit": 1000,
}
NINETIES = (
    "report_received_date >= '1990-01-01T00:00:00' AND report_received_date < '2000-01-01T00:00:00'"
)


def day(row):
    return row["report_received_date"]


def test_page_has_the_publisher_layout(ask):
    body = ask(PAGE | {"$limit": 3}).text
    assert re.fullmatch(r"\[\{.*\}\n,\{.*\}\n,\{.*\}\n\]\n", body)
    assert ask(PAGE | {"$limit": 0}).text == "[]\n"
    del (usual := dict(PAGE))["$limit"]
    assert len(ask(usual).json()) == 1000


def test_values_are_strings_except_the_link(page):
    rows = page()
    assert any("completion_rate" not in row for row in rows)
    for row in rows:
        assert row.pop("recall_link") == {
            "url": f"https://www.nhtsa.gov/recalls?nhtsaId={row['nhtsa_id']}",
            "description": "Go to Recall",
        }
        assert all(isinstance(value, str) and value for value in row.values())


@pytest.mark.parametrize("size", [399, 400, 1199, 1200, 1201])
def test_ordered_pages_return_each_row_once(ask, size):
    pages = [
        ask(PAGE | {"$limit": size, "$offset": offset}).json() for offset in range(0, 1201, size)
    ]
    rows = [row for rows in pages for row in rows]
    assert len({row[":id"] for row in rows}) == len(rows) == 1200
    assert [row["nhtsa_id"] for row in rows] == sorted(row["nhtsa_id"] for row in rows)


def test_headers_have_columns_time_and_source(ask):
    first, second = ask(PAGE).headers, ask({"$select": "count(*)"}).headers
    fields, types = (json.loads(first[f"X-SODA2-{name}"]) for name in ("Fields", "Types"))
    assert dict(zip(fields, types, strict=True)) == TYPES
    for headers in (first, second):
        assert headers["Last-Modified"] == headers["X-SODA2-Truth-Last-Modified"]
        assert headers["Last-Modified"] == "Sun, 28 Jun 2026 09:30:43 GMT"
        assert headers["X-Made-Up"] == "seed=7"
        assert headers["X-SODA2-Data-Out-Of-Date"] == "false"
    assert first["ETag"] != second["ETag"]
    assert ask(PAGE).headers["ETag"] == first["ETag"]


def test_group_by_year_counts_rows(ask, page):
    answer = ask(COUNTS_BY_YEAR)
    counts = {int(row["year"]): int(row["recalls"]) for row in answer.json()}
    assert list(counts) == sorted(counts)
    assert counts == Counter(int(day(row)[:4]) for row in page())
    assert json.loads(answer.headers["X-SODA2-Fields"]) == ["year", "recalls"]


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (NINETIES, lambda row: day(row)[:3] == "199"),
        (f"({NINETIES}) OR report_received_date IS NULL", lambda row: day(row)[:3] == "199"),
        ("report_received_date IS NULL", lambda _: False),
        ("report_received_date IS NOT NULL", lambda _: True),
    ],
)
def test_where_selects_matching_rows(page, count, where, matches):
    expected = [row["nhtsa_id"] for row in page() if matches(row)]
    assert [row["nhtsa_id"] for row in page(where)] == expected
    assert count(where) == len(expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"$select": "count("},
        PAGE | {"$order": "nhtsa_id"},
        PAGE | {"$where": "nhtsa_id = 'a'"},
        PAGE | {"$where": "(report_received_date IS NULL"},
        PAGE | {"$where": ""},
        PAGE | {"$limit": "-1"},
        PAGE | {"$offset": "1.5"},
    ],
)
def test_unsupported_query_returns_400(ask, params):
    answer = ask(params)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["error"]) == ("query.compiler.malformed", True)
    assert body["message"]


def test_unknown_dataset_returns_404(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    for path in ("/resource/aaaa-bbbb.json", "/api/views/aaaa-bbbb.json"):
        answer = requests.get(recalls_url + path, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (404, "dataset.missing")


def test_view_describes_the_columns(recalls_url, replica):
    replica.day = 2
    view = requests.get(f"{recalls_url}/api/views/6axg-epim.json", timeout=30).json()
    named = {column["fieldName"]: column["dataTypeName"] for column in view["columns"]}
    assert named.keys() == {name for name in TYPES if not name.startswith(":")}
    assert named["report_received_date"] == "calendar_date"
    assert view["rowsUpdatedAt"] == 1_782_725_443


def test_wrong_token_returns_403(ask):
    refused = ask(PAGE, X_App_Token="wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert ask(PAGE, X_App_Token="local-token").status_code == 200

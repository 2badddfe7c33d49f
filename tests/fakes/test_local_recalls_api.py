"""The local recalls API answers as APIS.md section 1 says the real one does."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from email.utils import parsedate_to_datetime

import pytest
import requests

from fakes.published import TYPES
from include.vehicle_recalls.contract import CONTRACT
from tests.fakes.queries import CENSUS, PAGE

NINETIES = (
    "report_received_date >= '1990-01-01T00:00:00' AND report_received_date < '2000-01-01T00:00:00'"
)


def test_a_page_has_the_layout_of_the_publisher(ask):
    """One object a line between brackets, and a newline at the end."""
    body = ask({"$limit": 3}).text
    assert re.fullmatch(r"\[\{.*\}\n,\{.*\}\n,\{.*\}\n\]\n", body)
    assert ask({"$limit": 0}).text == "[]\n"


def test_every_value_is_a_string_except_the_link(page):
    """Numbers, flags and dates are strings; the link is an object of two."""
    for row in page():
        link = row.pop("recall_link")
        assert link == {
            "url": f"https://www.nhtsa.gov/recalls?nhtsaId={row['nhtsa_id']}",
            "description": "Go to Recall",
        }
        assert all(isinstance(value, str) and value for value in row.values())


def test_a_null_is_an_absent_key(page):
    """No row says null; some rows lack a completion rate, which is empty nowhere."""
    rows = page()
    assert any("completion_rate" not in row for row in rows)
    assert all(None not in row.values() for row in rows)


def test_system_fields_come_only_when_asked_for(ask):
    """`:id` and the other three need `$select=:*,*`."""
    system = {":id", ":created_at", ":updated_at", ":version"}
    assert not system & set(ask({"$limit": 1}).json()[0])
    assert system < set(ask({"$limit": 1, "$select": ":*,*"}).json()[0])


def test_a_limit_of_1000_is_the_default(ask, replica):
    """Without `$limit` a page has 1000 rows, with one it has as many as that."""
    assert len(ask().json()) == 1000
    assert len(ask({"$limit": 5000}).json()) == replica.rows


@pytest.mark.parametrize("size", [1, 399, 400, 1199, 1200, 1201])
def test_pages_in_order_are_the_whole(ask, size):
    """Neighbouring pages of any size neither repeat nor lose a row."""
    pages = [
        ask(PAGE | {"$limit": size, "$offset": offset}).json()
        for offset in (range(0, 1201, size) if size > 1 else (0, 1, 1199, 1200))
    ]
    ids = [row[":id"] for rows in pages for row in rows]
    assert len(ids) == len(set(ids)) == (1200 if size > 1 else 3)
    keys = [row["nhtsa_id"] for rows in pages for row in rows]
    assert keys == sorted(keys)


def test_pages_without_an_order_repeat_and_lose_rows(ask):
    """Who pages without `$order` gets another order each time."""
    ids = [
        row["nhtsa_id"]
        for offset in range(0, 1200, 300)
        for row in ask({"$limit": 300, "$offset": offset}).json()
    ]
    assert len(ids) == 1200
    assert len(set(ids)) < 1200


def test_rows_that_the_order_does_not_tell_apart_move(ask):
    """An order by a flag alone keeps the flags in order and shuffles within them."""
    first, again = (ask({"$order": "do_not_drive", "$limit": 2000}).json() for _ in "ab")
    flags = [row["do_not_drive"] for row in first]
    assert flags == sorted(flags)
    assert first != again


def test_the_body_travels_gzipped_when_asked(ask):
    """Gzip and identity give the same bytes once unpacked; the same query, the same bytes."""
    plain = ask(PAGE, Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    packed = [_raw(ask, PAGE) for _ in range(2)]
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == plain.content


def _raw(ask, params):
    answer = requests.get(ask().url, params=params, stream=True, timeout=30)
    assert answer.headers["Content-Encoding"] == "gzip"
    return answer.raw.read(decode_content=False)


def test_headers_declare_columns_and_types(ask):
    """Fields and types are lists of one length, and satisfy the project's contract."""
    headers = ask(PAGE).headers
    declared = dict(
        zip(
            json.loads(headers["X-SODA2-Fields"]),
            json.loads(headers["X-SODA2-Types"]),
            strict=True,
        )
    )
    assert declared == TYPES
    for column in CONTRACT.columns:
        assert column.source in declared
        assert not column.source_types or declared[column.source] in column.source_types


def test_headers_say_when_and_that_it_is_made_up(ask):
    """One last-modified a day, a weak ETag that follows the body, and whose data it is."""
    first, second = ask(PAGE).headers, ask({"$select": "count(*)"}).headers
    for headers in (first, second):
        assert headers["Last-Modified"] == headers["X-SODA2-Truth-Last-Modified"]
        assert headers["X-Made-Up"] == "seed=7"
        assert headers["X-SODA2-Data-Out-Of-Date"] == "false"
        assert parsedate_to_datetime(headers["Date"]).tzinfo is not None
    assert first["Last-Modified"] == second["Last-Modified"]
    assert first["ETag"] != second["ETag"]
    assert ask(PAGE).headers["ETag"] == first["ETag"]


def test_the_census_counts_every_year(ask, page):
    """The grouped query agrees with the rows themselves."""
    census = {int(row["year"]): int(row["recalls"]) for row in ask(CENSUS).json()}
    assert list(census) == sorted(census)
    assert census == Counter(int(row["report_received_date"][:4]) for row in page())


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (None, lambda _: True),
        (NINETIES, lambda row: row["report_received_date"][:3] == "199"),
        (f"({NINETIES}) OR report_received_date IS NULL", lambda r: "199" in _day(r)[:3]),
        ("report_received_date >= '2020-06-15T00:00:00'", lambda r: _day(r) >= "2020-06-15"),
        ("report_received_date < '1970-01-01T00:00:00'", lambda r: _day(r) < "1970"),
        ("report_received_date != '2020-06-15'", lambda r: _day(r)[:10] != "2020-06-15"),
        (
            "date_extract_y(report_received_date) IN (2019, 2021)",
            lambda r: _day(r)[:4] in {"2019", "2021"},
        ),
        ("component IS NULL", lambda r: "component" not in r),
        ("component is not null", lambda r: "component" in r),
        ("completion_rate > 50", lambda r: float(r.get("completion_rate", 0)) > 50),
        ("completion_rate >= '100'", lambda r: r.get("completion_rate") == "100"),
        (
            "do_not_drive = 'Yes' OR recall_type = 'Tire' AND fire_risk_when_parked = 'No'",
            lambda r: (
                r["do_not_drive"] == "Yes"
                or (r["recall_type"] == "Tire" and r["fire_risk_when_parked"] == "No")
            ),
        ),
        (
            "(do_not_drive = 'Yes' OR recall_type = 'Tire') AND potentially_affected < 1000",
            lambda r: (
                (r["do_not_drive"] == "Yes" or r["recall_type"] == "Tire")
                and float(r.get("potentially_affected", "inf")) < 1000
            ),
        ),
        ("subject = 'It''s not there'", lambda _: False),
    ],
)
def test_a_condition_selects_its_rows(page, count, where, matches):
    """Rows and count of a condition agree with the same condition in Python."""
    expected = [row["nhtsa_id"] for row in page() if matches(row)]
    assert [row["nhtsa_id"] for row in page(where)] == expected
    assert count(where) == len(expected)


def _day(row):
    return row["report_received_date"]


def test_a_column_is_a_filter_of_its_own(ask, page):
    """`?recall_type=Tire` is how a curious person asks."""
    tires = {row["nhtsa_id"] for row in page() if row["recall_type"] == "Tire"}
    assert {row["nhtsa_id"] for row in ask({"recall_type": "Tire"}).json()} == tires


def test_groups_are_counted_and_sorted_by_several_keys(ask, page):
    """Any columns can be grouped by; null is a group of its own, without its key."""
    found = ask(
        {
            "$select": "component, count(*) AS n",
            "$group": "component",
            "$order": "n DESC, component ASC",
        }
    ).json()
    totals = Counter(row.get("component") for row in page())
    assert {row.get("component"): int(row["n"]) for row in found} == totals
    sizes = [int(row["n"]) for row in found]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    "params",
    [
        {"$q": "brakes"},
        {"$querry": "x"},
        {"colour": "red"},
        {"$select": "colour"},
        {"$select": "count("},
        {"$select": "manufacturer, count(*)"},
        {"$select": "sum(potentially_affected)"},
        {"$where": "colour = 'red'"},
        {"$where": "nhtsa_id ="},
        {"$where": "nhtsa_id = '24V436000"},
        {"$where": "nhtsa_id LIKE '24%'"},
        {"$where": "(nhtsa_id = 'a'"},
        {"$where": "completion_rate > 'much'"},
        {"$where": "report_received_date > 'yesterday'"},
        {"$where": "manufacturer = 5"},
        {"$where": "NOT nhtsa_id = 'a'"},
        {"$order": "colour"},
        {"$order": "nhtsa_id sideways"},
        {"$group": "colour"},
        {"$limit": "-1"},
        {"$limit": "many"},
        {"$offset": "1.5"},
        [("$limit", "1"), ("$limit", "2")],
    ],
)
def test_what_it_does_not_know_is_malformed(ask, params):
    """A wrong query cannot pass: 400 with the publisher's code and the query."""
    answer = ask(params)
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["error"]) == ("query.compiler.malformed", True)
    assert body["message"]
    assert body["data"]["query"]


@pytest.mark.usefixtures("replica")
def test_another_dataset_is_missing(recalls_url):
    """404 with `dataset.missing`, for rows and for the description."""
    for path in ("resource/aaaa-bbbb.json", "api/views/aaaa-bbbb.json"):
        answer = requests.get(f"{recalls_url}/{path}", timeout=30)
        assert answer.status_code == 404
        assert answer.json()["code"] == "dataset.missing"


def test_a_wrong_token_is_worse_than_none(ask, replica):
    """No token is fine, a right one too, a wrong one is 403 by header and by parameter."""
    replica.valid_tokens = {"right"}
    forbidden = {
        "code": "permission_denied",
        "error": True,
        "message": "Invalid app_token specified",
    }
    for answer in (ask(X_App_Token="wrong"), ask({"$$app_token": "wrong"})):
        assert (answer.status_code, answer.json()) == (403, forbidden)
    for answer in (ask(), ask(X_App_Token="right"), ask({"$$app_token": "right"})):
        assert answer.status_code == 200


def test_an_api_key_is_ignored(ask):
    """`X-Api-Key` belongs to another service."""
    assert ask(X_Api_Key="anything").status_code == 200


def test_the_description_names_columns_types_and_time(recalls_url, ask):
    """`/api/views` is where columns are found when the headers lack them."""
    view = requests.get(f"{recalls_url}/api/views/6axg-epim.json", timeout=30).json()
    named = {column["fieldName"]: column["dataTypeName"] for column in view["columns"]}
    plain = {name: kind for name, kind in TYPES.items() if not name.startswith(":")}
    assert named == plain | {"report_received_date": "calendar_date"}
    modified = parsedate_to_datetime(ask().headers["Last-Modified"])
    assert view["rowsUpdatedAt"] == modified.timestamp()

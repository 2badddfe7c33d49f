"""Rows are published unchanged, or quarantined with every reason."""

import json
from datetime import date
from typing import Any

import pytest
from botocore.client import BaseClient

from include.lake.store import Damaged, Store
from include.vehicle_recalls import pipeline
from tests.conftest import new_store
from tests.pipelines.vehicle_recalls.recalls import (
    Row,
    body_of,
    land,
    publish,
    quarantine_of,
    recall,
    rows_of_table,
    version_of,
)

# name: the invalid fields and the expected reasons
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "text instead of a date": (
        {"report_received_date": "sometime in spring"},
        "report_received_date: 'sometime in spring' is not a date",
    ),
    "a day not in the calendar": (
        {"report_received_date": "2019-02-30T00:00:00.000"},
        "report_received_date: '2019-02-30T00:00:00.000' is not a date",
    ),
    "a time of day": (
        {"report_received_date": "2019-02-03T10:00:00.000"},
        "report_received_date: '2019-02-03T10:00:00.000' is not a date",
    ),
    "no date": ({"report_received_date": None}, "report_received_date: is missing"),
    "an empty date": ({"report_received_date": ""}, "report_received_date: is missing"),
    "a future date": (
        {"report_received_date": "2026-06-03T00:00:00.000"},
        "report_received_date: is in the future",
    ),
    "a date before NHTSA": (
        {"report_received_date": "1965-12-31T00:00:00.000"},
        "report_received_date: '1965-12-31T00:00:00.000' is below 1966-01-01",
    ),
    "no key": ({"nhtsa_id": None}, "nhtsa_id: is missing"),
    "an empty key": ({"nhtsa_id": ""}, "nhtsa_id: is missing"),
    "a blank key": ({"nhtsa_id": "  "}, "nhtsa_id: is missing"),
    "a lower-case key": (
        {"nhtsa_id": "19v000777"},
        "nhtsa_id: '19v000777' has blanks around it, or lower-case letters",
    ),
    "a key with blanks": (
        {"nhtsa_id": " 19V000778"},
        "nhtsa_id: ' 19V000778' has blanks around it, or lower-case letters",
    ),
    "a number instead of a key": (
        {"nhtsa_id": 19000001},
        "nhtsa_id: is missing; nhtsa_id: 19000001 is not text",
    ),
    "text instead of a number": (
        {"potentially_affected": "many"},
        "potentially_affected: 'many' is not a whole number of 64 bits",
    ),
    "half a unit": (
        {"potentially_affected": "0.5"},
        "potentially_affected: '0.5' is not a whole number of 64 bits",
    ),
    "more units than fit": (
        {"potentially_affected": "9223372036854775808"},
        "potentially_affected: '9223372036854775808' is not a whole number of 64 bits",
    ),
    "negative units": ({"potentially_affected": "-5"}, "potentially_affected: '-5' is below 0"),
    "a list instead of a number": (
        {"potentially_affected": ["100"]},
        "potentially_affected: ['100'] is not text",
    ),
    "a number instead of a name": ({"manufacturer": 5}, "manufacturer: 5 is not text"),
    "an unknown flag": ({"do_not_drive": "Maybe"}, "do_not_drive: 'Maybe' is not Yes or No"),
    "a JSON boolean": ({"do_not_drive": True}, "do_not_drive: True is not text"),
    "completion over 100": (
        {"completion_rate": "100.01"},
        "completion_rate: '100.01' is above 100",
    ),
    "completion with a sign": (
        {"completion_rate": "61.5%"},
        "completion_rate: '61.5%' is not a number",
    ),
    "an empty number": ({"completion_rate": ""}, "completion_rate: '' is not a number"),
    "a time without a zone": (
        {":updated_at": "2026-06-28T09:30:43.000"},
        "updated_at: '2026-06-28T09:30:43.000' is not a point in time in UTC",
    ),
    "two errors": (
        {"potentially_affected": "-1", "completion_rate": "130"},
        "potentially_affected: '-1' is below 0; completion_rate: '130' is above 100",
    ),
}
INVALID_ROWS = {name: recall(100 + i, **row) for i, (name, (row, _)) in enumerate(INVALID.items())}
VALID = [
    recall(1),
    recall(2, report_received_date="1966-01-01T00:00:00.000"),
    recall(3, report_received_date="2026-06-02T00:00:00.000"),  # tomorrow, in UTC
    recall(4, report_received_date="2019-02-03T00:00:00"),
    recall(5, potentially_affected="0", completion_rate="0"),
    recall(6, potentially_affected="9223372036854775807", completion_rate="100"),
    recall(7, component=None, completion_rate=None, potentially_affected=None, subject=None),
    recall(8, manufacturer='  Eaton?s \u0092 <A HREF=HTTP://x>, "a/b" ', component=""),
    recall(9, potentially_affected=96310, completion_rate=61.5, recall_link="https://x"),
]


@pytest.fixture(scope="module")
def published(s3_url: str, s3: BaseClient) -> tuple[list[Row], list[Row]]:
    """The quarantine and the table after one read of all rows in two pages."""
    store = new_store(s3, s3_url)
    rows = [*VALID[:4], *INVALID_ROWS.values(), *VALID[4:]]
    plan, raw = land(store, rows[:15], rows[15:])
    batch = pipeline.transform(store, raw)
    receipt = pipeline.publish(store, [plan], [batch], waive={"quarantine": "a test"})
    assert receipt["counts"]["quarantined"] == len(INVALID_ROWS)
    return quarantine_of(store, receipt), rows_of_table(store)


@pytest.mark.parametrize("name", INVALID)
def test_invalid_row_is_quarantined_with_its_reasons(published: Any, name: str) -> None:
    (row,) = [row for row in published[0] if json.loads(row["raw"]) == INVALID_ROWS[name]]
    assert row["reasons"] == INVALID[name][1]
    assert row["key"] not in {row["nhtsa_id"] for row in published[1]} - {None}


def test_valid_rows_are_published_unchanged(published: Any) -> None:
    """Limits are inclusive; nulls, empty texts and blanks are kept."""
    rows = {row["nhtsa_id"]: row for row in published[1]}
    assert len(rows) == len(VALID)
    for raw in VALID:
        row = rows[raw["nhtsa_id"]]
        for name in ("manufacturer", "subject", "component", "corrective_action"):
            assert row[name] == raw.get(name)
        assert row["report_received_date"] == date.fromisoformat(raw["report_received_date"][:10])
        affected, rate = raw.get("potentially_affected"), raw.get("completion_rate")
        assert row["potentially_affected"] == (None if affected is None else int(affected))
        assert row["completion_rate"] == (None if rate is None else float(rate))
        assert row["do_not_drive"] is (raw["do_not_drive"] == "Yes")
    assert rows["19V000009"]["recall_link"] == "https://x"


def test_every_copy_of_a_key_is_quarantined(store: Store) -> None:
    """Copies may be equal, on other pages or invalid; none is known to be right."""
    copies = [recall(1), recall(1, id="row-b"), recall(1, id="row-c", subject="Another")]
    broken = recall(1, id="row-d", completion_rate="130")
    plan, raw = land(store, [*copies[:2], recall(2)], [copies[2], broken])
    batch = pipeline.transform(store, raw)
    receipt = pipeline.publish(store, [plan], [batch], waive={"quarantine": "a test"})
    found = quarantine_of(store, receipt)
    assert [json.loads(row["raw"]) for row in found] == [broken, *copies]
    assert {row["reasons"] for row in found[1:]} == {"nhtsa_id: 19V000001 comes 4 times"}
    assert [row["nhtsa_id"] for row in rows_of_table(store)] == ["19V000002"]


@pytest.mark.parametrize("key", ["19v000001", " 19V000001 "])
def test_key_in_another_form_carries_over_its_published_row(store: Store, key: str) -> None:
    publish(store, recall(1), recall(2))
    receipt = publish(store, recall(1, nhtsa_id=key, subject="New"), recall(2), day=2)
    assert [row["key"] for row in quarantine_of(store, receipt)] == ["19V000001"]
    assert (receipt["outcome"], receipt["counts"]["carried_over"]) == ("unchanged", 1)
    assert len(rows_of_table(store)) == 2


@pytest.mark.parametrize("key", ["", "  ", None])
def test_missing_key_retracts_nothing(store: Store, key: str | None) -> None:
    publish(store, recall(1), recall(2))
    receipt = publish(store, recall(1, nhtsa_id=key), recall(2, subject="New"), day=2)
    assert receipt["counts"]["retracted"] == 0
    assert [row["subject"] for row in rows_of_table(store)] == ["Brake hose may crack", "New"]


def test_deeply_nested_field_is_quarantined(store: Store) -> None:
    publish(store, recall(1), recall(2))
    deep = "[" * 1000 + "]" * 1000
    body = body_of([recall(1), recall(2)]).replace(b'"The hose may crack."', deep.encode(), 1)
    plan, raw = land(store, body, day=2)
    receipt = pipeline.publish(
        store, [plan], [pipeline.transform(store, raw)], waive={"quarantine": "a test"}
    )
    (row,) = quarantine_of(store, receipt)
    assert row["key"] == "19V000001"
    assert len(rows_of_table(store)) == 2


def test_read_with_only_invalid_rows_publishes_nothing(store: Store) -> None:
    receipt = publish(store, *INVALID_ROWS.values())
    assert receipt["version"] is None
    assert len(quarantine_of(store, receipt)) == len(INVALID_ROWS)


def test_damaged_page_is_refused(store: Store) -> None:
    _, raw = land(store, [recall(1)])
    store.replace(raw["pages"][0]["key"], b"[]")
    with pytest.raises(Damaged, match=r"is damaged .+; restore it"):
        pipeline.partition(store, raw)


def test_key_of_new_shape_is_a_warning(store: Store) -> None:
    receipt = publish(store, recall(1), recall(2, nhtsa_id="X-19-2"))
    (check,) = [check for check in receipt["checks"] if check["name"] == "shape of nhtsa_id"]
    assert (check["outcome"], check["found"]) == ("warning", "new: 'X-19-2'")
    assert version_of(store) == 1

"""Bad input fails with one line and publishes nothing, or is quarantined."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from fakes.control import Control
from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import (
    WAIVE,
    facts_of_rows,
    facts_of_second_day,
    first_day,
    second_day,
)
from tests.end_to_end.invariants import check_bucket, plain_facts
from tests.recalls_source import RawRow, RecallsSource, Row, recall_row, recalls_source

MAX_LINE = 700  # enough to name fifteen missing columns
DEEP = "[" * 2_000 + "]" * 2_000
LOG = f"{product.TABLE}/_delta_log"


@pytest.fixture(scope="module")
def first_day_run(new_bucket: NewBucket) -> Iterator[tuple[Bucket, RecallsSource]]:
    """A bucket after the first day, and its source."""
    bucket = new_bucket()
    with recalls_source(first_day()) as source:
        product.run(source.url, bucket)
        yield bucket, source


@pytest.fixture
def shared(first_day_run: tuple[Bucket, RecallsSource], source: RecallsSource) -> Bucket:
    """The shared bucket, for tests that do not change it; the source is on the second day."""
    source.refreshed = first_day_run[1].refreshed
    source.publish(second_day())
    return first_day_run[0]


@pytest.fixture
def first(shared: Bucket, bucket: Bucket) -> Bucket:
    """A copy of the shared bucket, for tests that change it."""
    bucket.copy_from(shared)
    return bucket


def check_refused(url: str, bucket: Bucket, *words: str, years: Sequence[int] = ()) -> Exception:
    """Check that a run fails with one line that has these words, and changes nothing."""
    before = product.visible(bucket)
    with pytest.raises(Exception) as caught:  # its module is checked below
        product.run(url, bucket, years, attempts=1, waive=WAIVE)
    message = str(caught.value)
    assert message.isprintable(), message[:MAX_LINE]  # one line, no control characters
    assert len(message) < MAX_LINE
    assert type(caught.value).__module__.startswith("include."), repr(caught.value)[:MAX_LINE]
    for word in words:
        assert word in message, message
    assert product.visible(bucket) == before
    return caught.value


def check_second_day_is_published(source: RecallsSource, bucket: Bucket) -> None:
    product.run(source.url, bucket, waive=WAIVE)
    assert plain_facts(bucket) == facts_of_second_day()
    check_bucket(bucket)


def http_date(**later: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


def modified(moment: str) -> dict[str, str | None]:
    return {"Last-Modified": moment, "X-SODA2-Truth-Last-Modified": moment}


API_FAULTS = [
    ("503", {}),
    ("429", {}),
    ("202", {}),
    ("refused", {}),
    ("cut", {}),
    ("cut", {"quiet": True}),
    ("html", {}),
    ("stale", {}),
    ("lost_row", {}),
    ("repeated_row", {"loses": True}),
    ("empty", {}),
]


@pytest.mark.parametrize(("kind", "options"), API_FAULTS)
def test_api_fault_is_one_line_and_can_be_retried(
    recalls_url: str, replica: Control, kind: str, options: dict[str, Any], bucket: Bucket
) -> None:
    replica.rows = 12
    replica.fault(kind, times=None, **options)
    error = check_refused(recalls_url, bucket)
    assert not isinstance(error, product.PermanentError)


SOURCE_CHANGES: dict[str, Callable[[RecallsSource], object]] = {
    "another source": lambda source: setattr(source, "seed", 8),
    "a column is missing": lambda source: source.columns.pop("component"),
    "a column has another type": lambda source: source.columns.update(nhtsa_id="number"),
}


@pytest.mark.parametrize("kind", SOURCE_CHANGES)
def test_changed_source_is_a_permanent_error(
    shared: Bucket, source: RecallsSource, kind: str
) -> None:
    SOURCE_CHANGES[kind](source)
    assert isinstance(check_refused(source.url, shared), product.PermanentError)


HEADERS: dict[str, dict[str, str | None]] = {
    "no last-modified": {"Last-Modified": None, "X-SODA2-Truth-Last-Modified": None},
    "no date": {"Date": None},
    "a last-modified that is not a date": modified("yesterday"),
    "fields that are not JSON": {"X-SODA2-Fields": "[nhtsa_id"},
    "a last-modified from the future": modified(http_date(days=1_500)),
    "a last-modified an hour ahead": modified(http_date(hours=1)),
    "a last-modified beyond the year 9999": modified("Fri, 31 Dec 9999 23:59:59 -1200"),
    "a date years ahead": {"Date": http_date(days=1_500)},
    "a date two days ago": {"Date": http_date(days=-2)},
    "a date beyond the year 9999": {"Date": "Fri, 31 Dec 9999 23:59:59 -1200"},
    "fields that are not names": {"X-SODA2-Fields": "[[1], {}]", "X-SODA2-Types": '["text", 1]'},
    "fields with control characters": {
        "X-SODA2-Fields": r'["a\u001b[2Jb"]',
        "X-SODA2-Types": r'["te\u001b[2Jxt"]',
    },
}


@pytest.mark.parametrize("kind", HEADERS)
def test_invalid_header_is_refused(shared: Bucket, source: RecallsSource, kind: str) -> None:
    source.headers = HEADERS[kind]
    check_refused(source.url, shared)


def test_source_that_went_back_is_refused_until_waived(
    first: Bucket, source: RecallsSource
) -> None:
    """A later day is then published without a waiver."""
    source.refreshed -= timedelta(days=10)
    check_refused(source.url, first, "source went back")
    product.run(source.url, first, waive=WAIVE | {"source went back": "their clock was wrong"})
    assert plain_facts(first) == facts_of_second_day()
    source.publish(first_day())
    product.run(source.url, first, waive=WAIVE)
    assert plain_facts(first) == facts_of_rows(first_day())
    check_bucket(first)


def test_later_read_with_the_same_last_modified_is_published(
    first: Bucket, source: RecallsSource
) -> None:
    source.refreshed -= timedelta(days=1)
    check_second_day_is_published(source, first)


@pytest.mark.parametrize("keys", [("", " ", "\t"), ("19v000001", " 19V000002 ")])
def test_invalid_keys_retract_nothing(
    first: Bucket, source: RecallsSource, keys: tuple[str, ...]
) -> None:
    """A blank key is missing; a misspelled one is quarantined or corrected."""
    spelled = [row | {"nhtsa_id": key} for row, key in zip(first_day()[3:], keys, strict=False)]
    source.rows = [*first_day()[:3], *spelled, *first_day()[3 + len(keys) :]]
    outcome = product.run(source.url, first, waive=WAIVE)
    assert plain_facts(first) == facts_of_rows(first_day())
    assert not product.ledger_rows(first)
    assert keys[0].strip() or outcome["counts"]["quarantined"] == len(keys)
    check_bucket(first)


def raw(row: Row, field: str, value: str) -> RawRow:
    """A row whose field has JSON that a dict cannot express."""
    fields = [f'"{name}": {value if name == field else _json(v)}' for name, v in row.items()]
    return RawRow("{" + ", ".join(fields) + "}", row["nhtsa_id"], row["report_received_date"])


def _json(value: Any) -> str:
    return str(value).replace("'", '"') if isinstance(value, dict) else f'"{value}"'


@pytest.mark.parametrize(
    "values",
    [
        ("[1, 2]", '{"a": {"b": 1}}', "true", "12.5"),
        (r'"\ud800"',),
        (DEEP,),
    ],
)
def test_field_that_is_not_text_is_quarantined(
    first: Bucket, source: RecallsSource, values: tuple[str, ...]
) -> None:
    """The row is carried over, and the other rows are published."""
    changed = [row | {"manufacturer": "Kia America"} for row in first_day()]
    invalid = [raw(row, "subject", value) for row, value in zip(changed, values, strict=False)]
    source.rows = [*invalid, *changed[len(values) :]]
    outcome = product.run(source.url, first, waive=WAIVE)
    carried_over = facts_of_rows(first_day()[: len(values)])
    assert plain_facts(first) == facts_of_rows(changed) | carried_over
    rows = product.quarantine_rows(first, outcome["read_id"])
    assert {row["nhtsa_id"] for row in rows} == set(carried_over)
    assert values == (DEEP,) or all(row["columns"] == ["subject"] for row in rows)
    assert all(row["reasons"].isprintable() for row in rows)
    check_bucket(first)


@pytest.mark.parametrize("body", ["{}", "[1, 2]", "[{]", f"[{DEEP}]"])
def test_page_that_is_not_a_list_of_rows_is_refused(
    shared: Bucket, source: RecallsSource, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    answer = RecallsSource.answer

    def answer_badly(source: RecallsSource, query: dict[str, str]) -> bytes:
        return body.encode() if query["$select"].startswith(":*") else answer(source, query)

    monkeypatch.setattr(RecallsSource, "answer", answer_badly)
    check_refused(source.url, shared)


def test_new_column_is_reported_and_kept_only_in_raw(first: Bucket, source: RecallsSource) -> None:
    source.columns["recall_region"] = "text"
    source.rows = [row | {"recall_region": "made up"} for row in second_day()]
    outcome = product.run(source.url, first, waive=WAIVE)
    assert outcome["new_columns"] == ["recall_region"]
    assert plain_facts(first) == facts_of_second_day()
    assert any("recall_region" in text for text in product.reports(first).values())


def test_control_characters_are_escaped_in_reports(first: Bucket, source: RecallsSource) -> None:
    """Year files keep them."""
    row, *others = second_day()
    source.rows = [row | {"subject": "a\x1b[2Jb", "do_not_drive": "No"}, *others]
    product.run(source.url, first, waive=WAIVE)
    assert plain_facts(first)[row["nhtsa_id"]][1]["subject"] == "a\x1b[2Jb"
    assert all(re.sub(r"\n", "", text).isprintable() for text in product.reports(first).values())


def current_file(bucket: Bucket, year: int) -> str:
    """The key of the table's file of a year."""
    copy = bucket.etags(f"{product.FOLDER}{year}.parquet").popitem()[1]
    found = bucket.etags(f"{product.TABLE}/")
    return next(key for key, etag in found.items() if etag == copy and "_delta_log" not in key)


def replace_rows(bucket: Bucket, key: str) -> None:
    """Replace a file by a valid one with other rows."""
    rows = facts_of_rows([recall_row(n, 2019, completion_rate="1") for n in (1, 2, 3)])
    table = product.year_files(bucket)[2019]
    rates = [rows[name][1]["completion_rate"] for name in table["nhtsa_id"].to_pylist()]
    at = table.schema.get_field_index("completion_rate")
    bucket.put_parquet(key, table.set_column(at, table.schema.field(at), [rates]))


DAMAGES: dict[str, Callable[[Bucket], object]] = {
    "a file of other rows": lambda bucket: replace_rows(bucket, current_file(bucket, 2019)),
    "a missing file": lambda bucket: bucket.delete([current_file(bucket, 2019)]),
    "a truncated log entry": lambda bucket: bucket.put(
        f"{LOG}/{product.versions(bucket)[-1][0]:020}.json", b'{"commitInfo": {"ti'
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_table_is_refused_until_restored(
    first_day_run: tuple[Bucket, RecallsSource], first: Bucket, source: RecallsSource, kind: str
) -> None:
    """Otherwise the ledger would have false edits."""
    DAMAGES[kind](first)
    error = check_refused(source.url, first, "estore")
    assert isinstance(error, product.PermanentError)
    first.copy_from(first_day_run[0], f"{product.TABLE}/")
    check_second_day_is_published(source, first)


@pytest.mark.parametrize(
    ("years", "source_name"),
    [((), "nothing"), ((), "raw:../other"), ((2020,), "raw:some-read")],
)
def test_invalid_years_and_source_are_a_permanent_error(
    shared: Bucket, source: RecallsSource, years: Sequence[int], source_name: str
) -> None:
    before = product.visible(shared)
    with pytest.raises(product.PermanentError) as caught:
        product.run(source.url, shared, years, source=source_name)
    assert str(caught.value).isprintable()
    assert product.visible(shared) == before


@pytest.mark.parametrize(
    "waive", [{"no such check": "why"}, {"quarantine": " "}, {"one source": "must always hold"}]
)
def test_invalid_waiver_is_a_permanent_error(
    shared: Bucket, source: RecallsSource, waive: dict[str, str]
) -> None:
    before = product.visible(shared)
    with pytest.raises(product.PermanentError, match=next(iter(waive))):
        product.run(source.url, shared, waive=waive)
    assert product.visible(shared) == before

"""Bad input at the borders: one line, nothing published, and an honest day publishes after it."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from fakes.control import Control
from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import (
    WAIVE,
    facts_of_rows,
    facts_of_second_day,
    first_day,
    second_day,
)
from tests.end_to_end.invariants import holds, plain_facts
from tests.recalls_source import RawRow, RecallsSource, Row, recall_row, recalls_source

MAX_LINE = 700  # fifteen columns that are missing are named
DEEP = "[" * 2_000 + "]" * 2_000


@pytest.fixture(scope="module")
def published(new_bucket: NewBucket) -> Iterator[tuple[Bucket, RecallsSource]]:
    """The first day as a run left it, for copies; the source that it came from."""
    bucket = new_bucket()
    with recalls_source(first_day()) as source:
        house.run(source.url, bucket)
        yield bucket, source


@pytest.fixture
def settled(published: tuple[Bucket, RecallsSource], source: RecallsSource) -> Bucket:
    """The bucket itself, for what must not change it; the source stands at the second day."""
    source.refreshed = published[1].refreshed
    source.publish(second_day())
    return published[0]


@pytest.fixture
def first(settled: Bucket, bucket: Bucket) -> Bucket:
    """A bucket of the test's own after the first day."""
    bucket.copy_from(settled)
    return bucket


def refused(url: str, bucket: Bucket, *words: str, years: Sequence[int] = ()) -> Exception:
    """A run fails with one line that has these words, and readers see what they saw."""
    before = house.visible(bucket)
    with pytest.raises(Exception) as caught:  # any of the product's
        house.run(url, bucket, years, attempts=1, waive=WAIVE)
    said = str(caught.value)
    assert said.isprintable(), said[:MAX_LINE]  # one line, and nothing that a terminal obeys
    assert len(said) < MAX_LINE
    assert type(caught.value).__module__.startswith("include."), repr(caught.value)[:MAX_LINE]
    for word in words:
        assert word in said, said
    assert house.visible(bucket) == before
    return caught.value


def publishes(source: RecallsSource, bucket: Bucket) -> None:
    """The second day goes through."""
    house.run(source.url, bucket, waive=WAIVE)
    assert plain_facts(bucket) == facts_of_second_day()
    holds(bucket)


def http_date(**later: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


def modified(moment: str) -> dict[str, str | None]:
    return {"Last-Modified": moment, "X-SODA2-Truth-Last-Modified": moment}


WAITS = [
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


@pytest.mark.parametrize(("kind", "options"), WAITS)
def test_api_in_trouble_is_one_line_and_worth_a_retry(
    recalls_url: str, replica: Control, kind: str, options: dict[str, Any], bucket: Bucket
) -> None:
    replica.rows = 12
    replica.fault(kind, times=None, **options)
    error = refused(recalls_url, bucket)
    assert not isinstance(error, house.PermanentError)


SPOILS: dict[str, Callable[[RecallsSource], object]] = {
    "another source": lambda source: setattr(source, "seed", 8),
    "a column is missing": lambda source: source.columns.pop("component"),
    "a column has another type": lambda source: source.columns.update(nhtsa_id="number"),
}


@pytest.mark.parametrize("kind", SPOILS)
def test_source_that_is_another_is_refused_for_good(
    settled: Bucket, source: RecallsSource, kind: str
) -> None:
    SPOILS[kind](source)
    assert isinstance(refused(source.url, settled), house.PermanentError)


HEADERS: dict[str, dict[str, str | None]] = {
    "no last-modified": {"Last-Modified": None, "X-SODA2-Truth-Last-Modified": None},
    "no date": {"Date": None},
    "a last-modified that is no date": modified("yesterday"),
    "fields that are not JSON": {"X-SODA2-Fields": "[nhtsa_id"},
    "a last-modified from the future": modified(http_date(days=1_500)),
    "a last-modified of an hour ahead": modified(http_date(hours=1)),
    "a last-modified beyond the year 9999": modified("Fri, 31 Dec 9999 23:59:59 -1200"),
    "a date of years ahead": {"Date": http_date(days=1_500)},
    "a date of two days ago": {"Date": http_date(days=-2)},
    "a date beyond the year 9999": {"Date": "Fri, 31 Dec 9999 23:59:59 -1200"},
    "fields that are no names": {"X-SODA2-Fields": "[[1], {}]", "X-SODA2-Types": '["text", 1]'},
    "fields that would move the cursor": {
        "X-SODA2-Fields": r'["a\u001b[2Jb"]',
        "X-SODA2-Types": r'["te\u001b[2Jxt"]',
    },
}


@pytest.mark.parametrize("kind", HEADERS)
def test_header_that_cannot_be_is_refused(
    settled: Bucket, source: RecallsSource, kind: str
) -> None:
    source.headers = HEADERS[kind]
    refused(source.url, settled)


def test_source_that_went_back_fails_a_check_that_can_be_waived(
    first: Bucket, source: RecallsSource
) -> None:
    """It fails, a waiver publishes it, and a later day is published on top."""
    source.refreshed -= timedelta(days=10)
    refused(source.url, first, "source went back")
    house.run(source.url, first, waive=WAIVE | {"source went back": "their clock was wrong"})
    assert plain_facts(first) == facts_of_second_day()
    source.publish(first_day())
    house.run(source.url, first, waive=WAIVE)
    assert plain_facts(first) == facts_of_rows(first_day())
    holds(first)


def test_read_that_began_later_is_newer_when_the_source_says_the_same_moment(
    first: Bucket, source: RecallsSource
) -> None:
    source.refreshed -= timedelta(days=1)
    publishes(source, first)


@pytest.mark.parametrize("keys", [("", " ", "\t"), ("19v000001", " 19V000002 ")])
def test_key_that_is_no_key_retracts_nothing(
    first: Bucket, source: RecallsSource, keys: tuple[str, ...]
) -> None:
    """Blank is missing; another spelling is set aside or made right; each recall stays."""
    spelled = [row | {"nhtsa_id": key} for row, key in zip(first_day()[3:], keys, strict=False)]
    source.rows = [*first_day()[:3], *spelled, *first_day()[3 + len(keys) :]]
    told = house.run(source.url, first, waive=WAIVE)
    assert plain_facts(first) == facts_of_rows(first_day())
    assert not house.ledger_rows(first)
    assert keys[0].strip() or told["counts"]["quarantined"] == len(keys)
    holds(first)


def raw(row: Row, field: str, value: str) -> RawRow:
    """A row with a field of JSON that no dict can be."""
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
def test_field_that_is_no_text_goes_to_quarantine(
    first: Bucket, source: RecallsSource, values: tuple[str, ...]
) -> None:
    """The row keeps its published state, and the day is published."""
    changed = [row | {"manufacturer": "Kia America"} for row in first_day()]
    broken = [raw(row, "subject", value) for row, value in zip(changed, values, strict=False)]
    source.rows = [*broken, *changed[len(values) :]]
    told = house.run(source.url, first, waive=WAIVE)
    kept = facts_of_rows(first_day()[: len(values)])
    assert plain_facts(first) == facts_of_rows(changed) | kept
    rows = house.quarantine_rows(first, told["read_id"])
    assert {row["nhtsa_id"] for row in rows} == set(kept)
    assert values == (DEEP,) or all(row["columns"] == ["subject"] for row in rows)
    assert all(row["reasons"].isprintable() for row in rows)
    holds(first)


@pytest.mark.parametrize("body", ["{}", "[1, 2]", "[{]", f"[{DEEP}]"])
def test_page_that_is_no_list_of_rows_is_one_line(
    settled: Bucket, source: RecallsSource, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    answer = RecallsSource.answer

    def spoiled(source: RecallsSource, query: dict[str, str]) -> bytes:
        return body.encode() if query["$select"].startswith(":*") else answer(source, query)

    monkeypatch.setattr(RecallsSource, "answer", spoiled)
    refused(source.url, settled)


def test_new_column_is_told_and_kept_in_raw_only(first: Bucket, source: RecallsSource) -> None:
    source.columns["recall_region"] = "text"
    source.rows = [row | {"recall_region": "made up"} for row in second_day()]
    told = house.run(source.url, first, waive=WAIVE)
    assert told["new_columns"] == ["recall_region"]
    assert plain_facts(first) == facts_of_second_day()
    assert any("recall_region" in text for text in house.reports(first).values())


def test_text_of_a_recall_cannot_move_the_cursor_in_a_report(
    first: Bucket, source: RecallsSource
) -> None:
    """Readers of the file get it as it came; on a screen it shows as text."""
    row, *others = second_day()
    source.rows = [row | {"subject": "a\x1b[2Jb", "do_not_drive": "No"}, *others]
    house.run(source.url, first, waive=WAIVE)
    assert plain_facts(first)[row["nhtsa_id"]][1]["subject"] == "a\x1b[2Jb"
    assert all(re.sub(r"\n", "", text).isprintable() for text in house.reports(first).values())


def current_file(bucket: Bucket, year: int) -> str:
    """The table's file of a year."""
    copy = bucket.etags(f"{house.FOLDER}{year}.parquet").popitem()[1]
    found = bucket.etags(f"{house.TABLE}/")
    return next(key for key, etag in found.items() if etag == copy and "_delta_log" not in key)


def rot(bucket: Bucket, key: str) -> None:
    """A whole file of other rows in the place of a year's."""
    rows = facts_of_rows([recall_row(n, 2019, completion_rate="1") for n in (1, 2, 3)])
    table = house.read_years(bucket)[2019]
    rates = [rows[name][1]["completion_rate"] for name in table["nhtsa_id"].to_pylist()]
    at = table.schema.get_field_index("completion_rate")
    bucket.put_parquet(key, table.set_column(at, table.schema.field(at), [rates]))


DAMAGES: dict[str, Callable[[Bucket], object]] = {
    "a rotten file": lambda bucket: rot(bucket, current_file(bucket, 2019)),
    "a missing file": lambda bucket: bucket.delete([current_file(bucket, 2019)]),
    "a truncated log entry": lambda bucket: bucket.put(
        f"{house.TABLE}/_delta_log/{house.versions(bucket)[-1][0]:020}.json", b'{"commitInfo": {"ti'
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_table_says_restore_it_and_is_no_edit(
    published: tuple[Bucket, RecallsSource], first: Bucket, source: RecallsSource, kind: str
) -> None:
    """A false edit would be in the ledger for ever; restored, the day is published."""
    DAMAGES[kind](first)
    error = refused(source.url, first, "estore")
    assert isinstance(error, house.PermanentError)
    first.copy_from(published[0], f"{house.TABLE}/")
    publishes(source, first)


@pytest.mark.parametrize(
    ("years", "source_name"),
    [((), "nothing"), ((), "raw:../other"), ((2020,), "raw:some-read")],
)
def test_run_asked_for_what_cannot_be_is_refused_for_good(
    settled: Bucket, source: RecallsSource, years: Sequence[int], source_name: str
) -> None:
    before = house.visible(settled)
    with pytest.raises(house.PermanentError) as caught:
        house.run(source.url, settled, years, source=source_name)
    assert str(caught.value).isprintable()
    assert house.visible(settled) == before


@pytest.mark.parametrize(
    "waive", [{"no such check": "why"}, {"quarantine": " "}, {"one source": "must always hold"}]
)
def test_waiver_without_a_check_or_a_reason_is_refused_for_good(
    settled: Bucket, source: RecallsSource, waive: dict[str, str]
) -> None:
    before = house.visible(settled)
    with pytest.raises(house.PermanentError, match=next(iter(waive))):
        house.run(source.url, settled, waive=waive)
    assert house.visible(settled) == before

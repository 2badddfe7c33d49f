"""Which years are read together, and pages landed as they came."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from fakes.control import Control
from include.first.lake import Lake
from include.vehicle_recalls import extract
from include.vehicle_recalls.batches import BatchRef, plan_all, plan_some
from include.vehicle_recalls.extract import (
    BATCH_ROWS,
    ContractBroken,
    SourceChanged,
    check_columns,
    land,
    take_census,
)
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import Batch, RecallsApi
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.evidence import KEYS, listing

COUNTS = st.dictionaries(st.integers(1966, 2030), st.integers(0, 120_000), max_size=70)
ALL = BatchRef(label="2019", first=None, last=None, undated=True)


def holders(batches: list[BatchRef], year: int) -> list[BatchRef]:
    return [
        batch
        for batch in batches
        if (batch["first"] is None or batch["first"] <= year)
        and (batch["last"] is None or year <= batch["last"])
    ]


@given(COUNTS, st.sets(st.integers(1966, 2030), min_size=1))
def test_a_full_plan_covers_every_row_once(counts: dict[int, int], more: set[int]):
    """Of whatever year a row is, exactly one batch reads it; and one takes the undated."""
    batches = plan_all(counts, sorted(set(counts) | more), BATCH_ROWS)
    for year in range(1900, 2100):
        assert len(holders(batches, year)) == 1
    assert [batch["undated"] for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert len({batch["label"] for batch in batches}) == len(batches)


@given(COUNTS, st.sets(st.integers(1966, 2030), min_size=1))
def test_a_batch_is_small_and_no_smaller_than_need_be(counts: dict[int, int], more: set[int]):
    """A batch passes the limit only by one year that does; two neighbours never fit in one."""
    batches = plan_all(counts, sorted(set(counts) | more), BATCH_ROWS)

    def years_of(batch: BatchRef) -> list[int]:
        return [year for year in counts if batch in holders(batches, year)]

    sizes = [sum(counts[year] for year in years_of(batch)) for batch in batches]
    for batch, size in zip(batches, sizes, strict=True):
        assert size <= BATCH_ROWS or sum(counts[y] > 0 for y in years_of(batch)) == 1
    for after, size in zip(batches[1:], sizes, strict=False):
        assert size + counts.get(after["first"], 0) > BATCH_ROWS


@given(COUNTS, st.sets(st.integers(1966, 2030)))
def test_a_plan_of_some_years_covers_these_and_no_other(counts: dict[int, int], years: set[int]):
    """Each year asked for is in one batch, no other is in any, and no end is open."""
    batches = plan_some(counts, sorted(years), BATCH_ROWS)
    for year in range(1900, 2100):
        assert len(holders(batches, year)) == (year in years)
    assert not any(batch["undated"] for batch in batches)


@pytest.mark.parametrize(
    ("counts", "labels"),
    [
        ({2019: 800}, ["2019"]),
        ({2018: 700, 2019: 800}, ["2018-2019"]),
        ({2018: 50_000, 2019: 1}, ["2018", "2019"]),
        ({2018: 1, 2019: 50_001, 2020: 1}, ["2018", "2019", "2020"]),
        ({1966: 25_000, 1990: 25_000, 2019: 1}, ["1966-1990", "2019"]),
        ({2018: 50_001, 2019: 0, 2020: 50_001}, ["2018", "2019", "2020"]),
    ],
)
def test_how_years_are_packed(counts: dict[int, int], labels: list[str]):
    """Neighbours share a batch up to the limit; labels name the years for people."""
    assert [batch["label"] for batch in plan_all(counts, sorted(counts), BATCH_ROWS)] == labels


def test_one_year_is_read_without_bounds_or_with_both():
    """A full read of a source of one year is open; a read of that year alone is not."""
    assert plan_all({2019: 1}, [2019], BATCH_ROWS) == [ALL]
    assert plan_some({2019: 1}, [2019], BATCH_ROWS) == [
        BatchRef(label="2019", first=2019, last=2019, undated=False)
    ]
    assert plan_some({2019: 1}, [], BATCH_ROWS) == []


def test_batches_of_a_full_read_count_to_the_whole(
    recalls_url: str, replica: Control, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """Asked one by one, the batches have every row of the source, those without a date too."""
    replica.fault("dirty", which="missing_date", rows=4)
    monkeypatch.setattr(extract, "BATCH_ROWS", 100)
    api = RecallsApi(recalls_url)
    parts = take_census(api, lake, [], "test")
    assert len(parts) > 10
    counts = [api.count(Batch(**part["batch"]))[0] for part in parts]
    assert sum(counts) == parts[0]["read"]["source_rows"] == 1200


def test_a_census_knows_the_years_of_the_table_and_those_asked_for(
    recalls_url: str, replica: Control, lake: Lake
):
    """A year that lost its last row at the source is still read, and so is one it never had."""
    replica.rows = 40
    api = RecallsApi(recalls_url)
    run(api, lake)
    at_source = set(api.census().rows_by_year)
    replica.day = 2
    gone = at_source - set(api.census().rows_by_year)
    assert gone
    (part,) = take_census(api, lake, [], "test")
    assert gone < set(part["read"]["known_years"])
    parts = take_census(api, lake, [2019, 1968, 1967, 2019], "test")
    assert parts[0]["read"]["years"] == [1967, 1968, 2019]
    assert [part["batch"]["label"] for part in parts] == ["1967-1968", "2019"]
    assert {1967, 1968, 2019} < set(parts[0]["read"]["known_years"])


def test_raw_is_what_the_api_said_byte_for_byte(recalls_url: str, replica: Control, lake: Lake):
    """Each landed page is the body as it travelled, in order, and every row is in one of them."""
    replica.rows = 60
    api = RecallsApi(recalls_url, page_size=25)
    (part,) = take_census(api, lake, [], "test")
    landed = land(api, lake, part)
    pages = [asked.params for asked in replica.requests if asked.purpose == "page"]
    assert [page["$offset"] for page in pages] == ["0", "25", "50"]
    assert [page["rows"] for page in landed["pages"]] == [25, 25, 10]
    for page, params in zip(landed["pages"], pages, strict=True):
        with requests.get(
            f"{recalls_url}/resource/6axg-epim.json",
            params=params,
            headers={"Accept-Encoding": "gzip"},
            stream=True,
            timeout=30,
        ) as answer:
            assert lake.get(page["key"]) == answer.raw.read(decode_content=False)
    folder = f"{KEYS.raw_folder}{part['read']['token']}/{part['batch']['label']}-"
    assert all(page["key"].startswith(folder) for page in landed["pages"])
    signature = KEYS.landed(part["read"]["token"], landed["folder"])
    assert set(listing(lake)) == {signature, *(page["key"] for page in landed["pages"])}
    assert json.loads(lake.get(signature)) == landed


def test_a_read_that_lost_a_row_starts_over_under_a_new_name(
    recalls_url: str, replica: Control, lake: Lake, caplog: pytest.LogCaptureFixture
):
    """What came first stays in raw as it came; only the second landing is signed and named."""
    replica.rows = 60
    replica.fault("lost_row")
    api = RecallsApi(recalls_url)
    (part,) = take_census(api, lake, [], "test")
    with caplog.at_level(logging.WARNING):
        landed = land(api, lake, part)
    assert "the source counted 60 rows but 59 came" in caplog.text
    (page,) = landed["pages"]
    signature = KEYS.landed(part["read"]["token"], landed["folder"])
    (first,) = set(listing(lake)) - {page["key"], signature}
    assert first.rsplit("/", 1)[0] != page["key"].rsplit("/", 1)[0]
    lengths = {key: len(json.loads(gzip.decompress(lake.get(key)))) for key in (first, page["key"])}
    assert lengths == {first: 59, page["key"]: 60}


def test_the_signature_is_the_last_object_of_a_landing(
    recalls_url: str, replica: Control, shaky: Lake, proxy: FaultyS3
):
    """Whoever finds it finds every page: nothing of the landing is put after it."""
    replica.rows = 60
    api = RecallsApi(recalls_url, page_size=25)
    (part,) = take_census(api, shaky, [], "test")
    proxy.clear()
    landed = land(api, shaky, part)
    signature = KEYS.landed(part["read"]["token"], landed["folder"])
    keys = [*(page["key"] for page in landed["pages"]), signature]
    assert [call.path for call in proxy.changes] == [f"/{shaky.bucket}/{key}" for key in keys]


def test_a_source_that_grows_while_it_is_read_is_read_again(
    recalls_url: str, replica: Control, lake: Lake, caplog: pytest.LogCaptureFixture
):
    """Other counts before and after mean another read; three such are an error."""
    replica.rows = 60
    api = RecallsApi(recalls_url)
    (part,) = take_census(api, lake, [], "test")
    replica.fault("dirty", after=1, only="count", times=1, which="duplicate_key", rows=1)
    with caplog.at_level(logging.WARNING):
        landed = land(api, lake, part)
    assert sum(page["rows"] for page in landed["pages"]) == 60
    assert "60 rows before and 61 after" in caplog.text
    for counted in (1, 2, 3):
        replica.fault(
            "dirty", after=2 * counted - 1, only="count", times=1, which="duplicate_key", rows=1
        )
    with pytest.raises(SourceChanged, match=r"3 tries .*60 rows before and 61 after"):
        land(api, lake, part)


def test_an_empty_batch_lands_an_empty_page(recalls_url: str, replica: Control, lake: Lake):
    """A year without rows is read like any other: one page, no row."""
    replica.rows = 40
    api = RecallsApi(recalls_url)
    year = min(set(range(1966, 2026)) - set(api.census().rows_by_year))
    (part,) = take_census(api, lake, [year], "test")
    landed = land(api, lake, part)
    assert [page["rows"] for page in landed["pages"]] == [0]
    assert json.loads(gzip.decompress(lake.get(landed["pages"][0]["key"]))) == []


def test_all_that_is_wrong_with_the_columns_is_said_at_once():
    """A missing and a retyped column are both named, with what was expected."""
    columns = {
        column.source: column.source_types[0]
        for column in extract.CONTRACT.columns
        if column.source_types
    }
    assert check_columns(columns) == []
    assert check_columns(columns | {"b": "text", "a": "text", ":version": "x"}) == ["a", "b"]
    del columns["subject"]
    columns["nhtsa_id"] = "number"
    with pytest.raises(
        ContractBroken, match="`nhtsa_id` is number, not text; `subject` is missing"
    ):
        check_columns(columns)


@pytest.mark.parametrize("declared", ["floating_timestamp", "calendar_date"])
@pytest.mark.parametrize("number", ["number", "text"])
def test_either_spelling_of_a_type_will_do(declared: str, number: str):
    """What the publisher calls dates and numbers is not sure; the values decide."""
    columns = {
        column.source: column.source_types[0]
        for column in extract.CONTRACT.columns
        if column.source_types
    }
    said = {"report_received_date": declared, "completion_rate": number}
    assert check_columns(columns | said | {"potentially_affected": number}) == []

"""A year's hash tells whether its facts changed; what is set aside keeps its published state."""

from __future__ import annotations

import random
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.control import Control
from fakes.recalls_table import DIRT
from include.first.lake import Lake
from include.first.quality import AuditFailed
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.partition import partition, read_ipc
from include.vehicle_recalls.rows import read_rows
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi, as_json_lines
from include.vehicle_recalls.years import content_hash, split_by_year
from tests.vehicle_recalls.evidence import (
    KEYS,
    SMALL,
    Row,
    a_row,
    body_of,
    by_key,
    committed,
    facts,
    facts_at_source,
    land_rows,
    listing,
    publish_landed,
    quarantine,
    table_rows,
)

YEAR = [
    a_row(1),
    a_row(2, defect_summary=None, completion_rate=None, component=None),
    a_row(3, potentially_affected=None, fire_risk_when_parked="Yes"),
    a_row(4, report_received_date="2019-12-31T00:00:00.000", do_not_drive=None),
]
TEXTS = [
    c.name for c in CONTRACT.columns if pa.types.is_string(c.type) and c.business and not c.required
]
NO_DIRT = {"link_as_string", "json_number"}


def hash_of(rows: list[Row]) -> str:
    typed, reasons = CONTRACT.accept(read_rows(as_json_lines(body_of(rows)))[0])
    assert reasons == {}
    return content_hash(split_by_year(typed)[2019])


@given(st.permutations(YEAR))
def test_the_order_of_rows_does_not_change_the_hash(rows: list[Row]):
    """The same facts in any order are the same year."""
    assert hash_of(rows) == hash_of(YEAR)


def test_what_the_source_renews_daily_does_not_change_the_hash():
    """New row ids and times for every row are not a change."""
    renewed = [
        row
        | {
            ":id": f"row-new-{n}",
            ":created_at": "2026-07-01T00:00:00.000Z",
            ":updated_at": "2026-07-02T00:00:00.000Z",
        }
        for n, row in enumerate(YEAR)
    ]
    assert hash_of(renewed) == hash_of(YEAR)


CHANGES = {
    "report_received_date": ["2019-03-05T00:00:00.000", "2019-12-30T00:00:00.000"],
    "nhtsa_id": ["19V000009", "19V00000 ", "19v000001"],
    "recall_link": [None, {"url": "https://example.org"}, {"url": ""}],
    "potentially_affected": [None, "0", "1", "101", "10000000000"],
    "fire_risk_when_parked": [None, "Yes"],
    "do_not_drive": [None, "No"],
    "completion_rate": [None, "0", "61.50000001", "62"],
    **{
        name: [None, "", "another", "100", " "]
        for name in TEXTS
        if name not in {"nhtsa_id", "recall_link"}
    },
}


@pytest.mark.parametrize("column", CONTRACT.business_columns)
def test_any_change_of_a_column_changes_the_hash(column: str):
    """Each other value, null and empty among them, gives a hash of its own."""
    hashes = {hash_of(YEAR)}
    for value in CHANGES[column]:
        changed = {name: v for name, v in (YEAR[0] | {column: value}).items() if v is not None}
        hashes.add(hash_of([changed, *YEAR[1:]]))
    assert len(hashes) == 1 + len(CHANGES[column])


@pytest.mark.parametrize("column", TEXTS)
def test_null_and_empty_are_two_things(column: str):
    """An absent text and an empty one differ, even where all of a column is so."""

    def with_all(value: str | None) -> str:
        rows = [row | {column: value} for row in YEAR]
        return hash_of([{k: v for k, v in row.items() if v is not None} for row in rows])

    assert with_all(None) != with_all("")


def test_text_cannot_slip_from_a_value_into_the_next():
    """The same letters cut elsewhere, between rows or between columns, are a change."""
    rows = [a_row(1, subject="ab", component="c"), a_row(2, subject="cd", component="c")]
    between_rows = [rows[0] | {"subject": "abc"}, rows[1] | {"subject": "d"}]
    between_columns = [rows[0], rows[1] | {"subject": "c", "component": "dc"}]
    swapped = [rows[0] | {"subject": "cd"}, rows[1] | {"subject": "ab"}]
    a_null_wanders = [
        {k: v for k, v in rows[0].items() if k != "subject"},
        rows[1] | {"subject": "abcd"},
    ]
    variants = [rows, between_rows, between_columns, swapped, a_null_wanders]
    assert len({hash_of(variant) for variant in variants}) == len(variants)


@given(st.integers(0, 4), st.integers(0, 4))
def test_how_a_table_lies_in_memory_does_not_change_the_hash(first: int, second: int):
    """Slices and chunks of the same rows give the same hash."""
    whole = split_by_year(CONTRACT.accept(read_rows(as_json_lines(body_of(YEAR)))[0])[0])[2019]
    cuts = [0, *sorted((first, second)), 4]
    chunks = [whole.slice(a, b - a) for a, b in pairwise(cuts)]
    padded = pa.concat_tables([whole, whole, whole]).combine_chunks().slice(4, 4)
    assert content_hash(pa.concat_tables(chunks)) == content_hash(padded) == content_hash(whole)


def test_fewer_or_more_rows_change_the_hash():
    """A row more, or a row less, is a change; so is a row that stands twice."""
    rows = [*YEAR, a_row(5)]
    hashes = {hash_of(rows[:n]) for n in range(1, 6)} | {hash_of([*YEAR, YEAR[3]])}
    assert len(hashes) == 6


def test_years_are_cut_by_the_date_and_never_by_the_id():
    """A campaign of 2019 that was reported in 2018 is in 2018; each year is sorted."""
    rows = [
        a_row(n, report_received_date=f"{2018 + n % 3}-0{1 + n % 4}-01T00:00:00.000")
        for n in range(30)
    ]
    random.Random(1).shuffle(rows)
    years = split_by_year(CONTRACT.accept(read_rows(as_json_lines(body_of(rows)))[0])[0])
    assert {year: table.num_rows for year, table in years.items()} == {2018: 10, 2019: 10, 2020: 10}
    for year, table in years.items():
        assert set(pc.year(table["report_received_date"]).to_pylist()) == {year}
        order = list(
            zip(*(table[name].to_pylist() for name in ("report_received_date", "nhtsa_id")))  # noqa: B905 - one table
        )
        assert order == sorted(order)


def test_only_years_that_differ_are_staged(lake: Lake):
    """Unchanged years cost nothing, although the source renewed every row id."""
    rows = [
        a_row(n, report_received_date=f"{year}-01-01T00:00:00.000")
        for n, year in enumerate((2018, 2019, 2020))
    ]
    publish_landed(lake, land_rows(lake, rows))
    renewed = [row | {":id": f"row-new-{n}"} for n, row in enumerate(rows)]
    assert partition(lake, land_rows(lake, renewed))["changed"] == []
    edited = [renewed[0], renewed[1] | {"subject": "Another"}, renewed[2]]
    staged = partition(lake, land_rows(lake, edited))
    assert staged["changed"] == [2019]
    (table,) = read_ipc(lake, staged["rows_key"])
    assert table["subject"].to_pylist() == ["Another"]
    assert table["Id"].to_pylist() == ["row-new-1"]


def test_a_read_without_changes_stages_nothing(lake: Lake):
    """Nothing is written for an unchanged read but its raw pages."""
    publish_landed(lake, land_rows(lake, YEAR))
    before = set(listing(lake))
    landed = land_rows(lake, YEAR)
    staged = partition(lake, landed)
    signed = KEYS.landed(landed["read"]["token"], landed["folder"])
    assert set(listing(lake)) - before == {signed, *(page["key"] for page in landed["pages"])}
    assert (staged["rows_key"], staged["keys_key"], staged["quarantine_key"]) == (None, None, None)


def test_dirty_rows_keep_their_published_state_until_they_are_sound(
    recalls_url: str, replica: Control, lake: Lake
):
    """Dirt changes nothing that was published; edits of the day wait for the row to be sound."""
    replica.rows = 18
    api = RecallsApi(recalls_url)
    run(api, lake)
    day_1, before = facts(lake), committed(lake)

    apart = {"missing_key", "empty_key", "blank_key", "lowercase_key", "nested_field"}
    kinds = [kind for kind in DIRT if kind not in apart]
    for kind, year in zip(kinds, sorted(day_1)[-len(kinds) :], strict=True):
        replica.fault("dirty", which=kind, rows=1, year=year)
    told = run(api, lake, accept=SMALL)
    found = quarantine(lake, told["token"])
    reasons = {reason.split(": ", 1)[1] for row in found for reason in row["reasons"].split("; ")}
    assert told["version"] is None
    after = committed(lake)
    written = set(after["objects"]) - set(before["objects"])
    assert written == {f"vehicle_recalls/quarantine/{told['token']}.parquet"}
    assert before["receipts"] == after["receipts"]
    assert before["objects"].items() <= after["objects"].items()
    assert len(found) == len(kinds) - len(NO_DIRT) + 1  # a copied key has two rows
    assert {reason for reason in reasons if "comes" not in reason} == {
        "'sometime in spring' is not a date at midnight",
        "is missing",
        "'many' is not a whole number",
        "'-5' is under 0",
        "'130.5' is over 100",
    }
    assert told["counts"]["kept"] == len(kinds) - len(NO_DIRT)

    replica.day = 2
    told = run(api, lake, accept=SMALL)
    set_aside = {row["nhtsa_id"] for row in quarantine(lake, told["token"])}
    then, now = by_key(day_1), by_key(facts(lake))
    assert {key: now[key] for key in set_aside if key in then} == {
        key: then[key] for key in set_aside if key in then
    }
    replica.faults.clear()
    clean = by_key(facts_at_source(recalls_url))
    assert {key: row for key, row in now.items() if key not in set_aside} == {
        key: row for key, row in clean.items() if key not in set_aside
    }

    run(api, lake)
    assert by_key(facts(lake)) == clean


def test_a_row_that_loses_its_key_keeps_its_published_state(
    recalls_url: str, replica: Control, lake: Lake
):
    """Nobody knows whose row it is, so nothing is retracted because of it."""
    replica.rows = 18
    api = RecallsApi(recalls_url)
    run(api, lake)
    before = facts(lake)
    replica.fault("dirty", which="missing_key", rows=1)
    told = run(api, lake)
    (row,) = quarantine(lake, told["token"])
    assert (row["nhtsa_id"], row["reasons"]) == (None, "nhtsa_id: is missing")
    assert facts(lake) == before


def test_a_row_that_was_never_sound_is_published_when_it_is(lake: Lake):
    """Set aside at first sight it has no state to keep; mended, it appears."""
    publish_landed(lake, land_rows(lake, [a_row(1), a_row(2, completion_rate="130")]))
    assert [row["nhtsa_id"] for row in table_rows(lake)] == ["19V000001"]
    told = publish_landed(lake, land_rows(lake, [a_row(1), a_row(2)]))
    assert told["changed"] == {"2019": {"before": 1, "after": 2}}
    assert [row["nhtsa_id"] for row in table_rows(lake)] == ["19V000001", "19V000002"]


def test_a_row_that_comes_in_the_wrong_batch_is_not_lost(lake: Lake):
    """A source that does not keep to the years asked for is refused; nothing is published."""
    early = land_rows(
        lake,
        [a_row(1, report_received_date="2018-05-05T00:00:00.000"), a_row(2)],
        batch={"label": "2018", "first": None, "last": 2018, "undated": False},
    )
    late = land_rows(
        lake,
        [a_row(3)],
        read=early["read"],
        batch={"label": "2019-2020", "first": 2019, "last": None, "undated": True},
    )
    with pytest.raises(AuditFailed, match="nothing was published"):
        publish_landed(lake, early, late)
    assert list(table_rows(lake)) == []

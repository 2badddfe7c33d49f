"""What readers find in the bucket after a run: year files, the table, aggregations, the report."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient
from deltalake import DeltaTable

from fakes.control import Control
from include.first.lake import Lake
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from tests.vehicle_recalls.evidence import KEYS, Row, by_key, facts_at_source, new_lake

UTC_US = pa.timestamp("us", tz="UTC")
COLUMNS = {
    "Id": pa.string(),
    "created_at": UTC_US,
    "updated_at": UTC_US,
    "report_received_date": pa.date32(),
    "nhtsa_id": pa.string(),
    "recall_link": pa.string(),
    "manufacturer": pa.string(),
    "subject": pa.string(),
    "component": pa.string(),
    "mfr_campaign_number": pa.string(),
    "recall_type": pa.string(),
    "potentially_affected": pa.int64(),
    "defect_summary": pa.string(),
    "consequence_summary": pa.string(),
    "corrective_action": pa.string(),
    "fire_risk_when_parked": pa.bool_(),
    "do_not_drive": pa.bool_(),
    "completion_rate": pa.float64(),
}
Facts = dict[int, list[Row]]


@pytest.fixture(scope="module")
def whole(s3: BaseClient, s3_url: str, _local_apis: tuple[str, Control]) -> tuple[Lake, Facts]:
    """A bucket with 1,200 rows, quirks included, and the same rows straight from the source."""
    url, control = _local_apis
    control.reset()
    lake = new_lake(s3, s3_url)
    run(RecallsApi(url), lake)
    return lake, facts_at_source(url)


def year_keys(lake: Lake) -> list[str]:
    return list(lake.keys(KEYS.folder, recursive=False))


def test_a_year_file_has_the_columns_of_the_contract(whole: tuple[Lake, Facts]):
    """Exactly the 18 columns, in order, typed, each with its sentence."""
    lake, _ = whole
    keys = year_keys(lake)
    assert len(keys) == 61
    sentences = {column.name: column.sentence for column in CONTRACT.columns}
    for schema in lake.at_once(lambda key: pq.read_schema(io.BytesIO(lake.get(key))), keys):
        assert dict(zip(schema.names, schema.types, strict=True)) == COLUMNS
        assert schema.names == list(COLUMNS)
        assert {field.name: field.metadata[b"comment"].decode() for field in schema} == sentences


def test_a_year_file_is_sorted_and_has_what_readers_skip_by(whole: tuple[Lake, Facts]):
    """zstd, page index, sorted by date and key, and it says so in its footer."""
    lake, _ = whole
    for body in lake.at_once(lake.get, year_keys(lake)):
        file = pq.ParquetFile(io.BytesIO(body))
        for group in range(file.num_row_groups):
            group_of = file.metadata.row_group(group)
            assert [c.column_index for c in group_of.sorting_columns] == [3, 4]
            for column in (group_of.column(n) for n in range(group_of.num_columns)):
                assert column.compression == "ZSTD"
                assert column.has_column_index
                assert column.has_offset_index
        rows = file.read(["report_received_date", "nhtsa_id"]).to_pylist()
        order = [(row["report_received_date"], row["nhtsa_id"]) for row in rows]
        assert order == sorted(order)


def test_pandas_reads_a_year_file_alone(whole: tuple[Lake, Facts]):
    """A reader who knows nothing of the project finds the rows of the year."""
    lake, wanted = whole
    frame = pd.read_parquet(io.BytesIO(lake.get("vehicle_recalls/2019.parquet")))
    assert list(frame.columns) == list(COLUMNS)
    assert frame["nhtsa_id"].tolist() == [row["nhtsa_id"] for row in wanted[2019]]
    assert frame["manufacturer"].tolist() == [row["manufacturer"] for row in wanted[2019]]
    assert str(frame["created_at"].dtype) == "datetime64[us, UTC]"
    assert frame["completion_rate"].dtype == "float64"


def test_a_reader_of_delta_finds_all_years(whole: tuple[Lake, Facts]):
    """delta-rs reads the table as it is, pruned by year or whole, into pandas."""
    lake, wanted = whole
    table = DeltaTable(f"s3://{lake.bucket}/{KEYS.table}", storage_options=lake.storage_options)
    frame = table.to_pandas()
    assert list(frame.columns) == [*COLUMNS, "year"]
    assert dict(zip(frame["nhtsa_id"], frame["year"], strict=True)) == {
        key: year for key, (year, _) in by_key(wanted).items()
    }
    one = table.to_pandas(filters=[("year", "=", 2019)])
    assert sorted(one["nhtsa_id"]) == sorted(row["nhtsa_id"] for row in wanted[2019])
    assert table.metadata().partition_columns == ["year"]
    sentences = {field.name: field.metadata.get("comment") for field in table.schema().fields}
    assert {name: sentences[name] for name in COLUMNS} == {
        column.name: column.sentence for column in CONTRACT.columns
    }


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("recalls_per_manufacturer_per_year", ["manufacturer", "year"]),
        ("recalls_per_component_per_year", ["component", "year"]),
        ("recalls_per_type_per_manufacturer", ["recall_type", "manufacturer"]),
    ],
)
def test_an_aggregation_counts_every_row_once(
    whole: tuple[Lake, Facts], name: str, columns: list[str]
):
    """Groups are verbatim and sorted; they are those of a count over the source's own rows."""
    lake, wanted = whole
    rows = [row | {"year": year} for year, of_year in wanted.items() for row in of_year]
    table = lake.read_parquet(f"vehicle_recalls/aggregates/{name}.parquet")
    assert table.column_names == [*columns, "recalls"]
    found = [tuple(row[column] for column in columns) for row in table.to_pylist()]
    counts = Counter(tuple(row[column] for column in columns) for row in rows)
    assert dict(zip(found, table["recalls"].to_pylist(), strict=True)) == counts
    assert sum(table["recalls"].to_pylist()) == len(rows) == 1200

    def nulls_last(group: tuple[Any, ...]) -> list[tuple[bool, Any]]:
        return [(value is None, value or 0) for value in group]

    assert found == sorted(found, key=nulls_last)


def test_odd_names_are_kept_as_they_are(whole: tuple[Lake, Facts]):
    """A slash stays, twins by case or punctuation stay two, no component stays a group."""
    lake, wanted = whole
    per_year = lake.read_parquet(
        "vehicle_recalls/aggregates/recalls_per_manufacturer_per_year.parquet"
    )
    names = set(per_year["manufacturer"].to_pylist())
    assert names == {row["manufacturer"] for _, row in by_key(wanted).values()}
    assert any("/" in name for name in names)
    plain = Counter("".join(filter(str.isalnum, name.lower())) for name in names)
    assert any(spellings > 1 for spellings in plain.values())
    components = lake.read_parquet(
        "vehicle_recalls/aggregates/recalls_per_component_per_year.parquet"
    )
    missing = [row["recalls"] for row in components.to_pylist() if row["component"] is None]
    assert sum(missing) == sum(row["component"] is None for _, row in by_key(wanted).values()) > 0


def test_a_projection_says_what_it_was_made_from(whole: tuple[Lake, Facts]):
    """A year file names its content, an aggregation and the report the version and the read."""
    lake, _ = whole
    head = lake.head(KEYS.table)
    for year, state in head.receipt["years"].items():
        assert lake.made_from(f"vehicle_recalls/{year}.parquet") == {"sha256": state["sha256"]}
    of_version = {"version": str(head.version), "token": head.receipt["token"]}
    for key in lake.keys(KEYS.aggregates_folder):
        assert lake.made_from(key) == of_version
    assert lake.made_from(KEYS.report(head.version)) == of_version | {
        "news": "told",
        "aggregations": "told",
    }
    screen = lake.get(f"vehicle_recalls/reports/{head.version}.md").decode()
    assert "version 1, 61 years changed, 1,200 rows" in screen
    assert "this data is MADE UP" in screen


def test_the_receipt_carries_the_whole_state(whole: tuple[Lake, Facts]):
    """From the log alone: who, what, when, the checks, and of each year what is published."""
    lake, wanted = whole
    receipt = lake.receipt(KEYS.table, 1)
    assert receipt["source"] == {"dataset": "6axg-epim", "publisher": "made-up:7"}
    assert receipt["source_last_modified"] == "2026-06-28T09:30:43Z"
    assert receipt["baseline"] == 1
    assert receipt["counts"]["rows"] == 1200
    assert len(receipt["checks"]) >= 4
    assert {int(year): state["rows"] for year, state in receipt["years"].items()} == {
        year: len(rows) for year, rows in wanted.items()
    }

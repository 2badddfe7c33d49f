"""Projections: whatever happened to them, the next projector makes them the head's again."""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import ledger_state
from include.vehicle_recalls.project import (
    AGGREGATES,
    command,
    project_aggregates,
    project_years,
)
from include.vehicle_recalls.report import project_reports
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    a_row,
    land_rows,
    listing,
    one_clear_line,
    publish_landed,
    table_rows,
)

DAY_1, DAY_2, DAY_3 = (f"2026-06-2{day}T09:30:43Z" for day in (7, 8, 9))
MANUFACTURERS = KEYS.aggregate("recalls_per_manufacturer_per_year")


def _in(year: int, number: int, **changes: Any) -> Row:
    return a_row(number, report_received_date=f"{year}-03-04T00:00:00.000", **changes)


def _commit(lake: Lake, refreshed: str, *rows: Row) -> None:
    publish_landed(lake, land_rows(lake, list(rows), refreshed=refreshed))


def _first_day(lake: Lake) -> None:
    rows = [_in(2018, 1), _in(2019, 2), _in(2019, 3, component=None, manufacturer="A/B")]
    _commit(lake, DAY_1, *rows)


def _second_day(lake: Lake) -> None:
    """2018 goes, 2019 is edited, 2020 is new."""
    _commit(lake, DAY_2, _in(2019, 2, subject="New"), _in(2019, 3), _in(2020, 4))


def _project(lake: Lake) -> None:
    project_years(lake)
    project_aggregates(lake)
    project_reports(lake)


def _projections(lake: Lake) -> dict[str, str]:
    """Every projection and its ETag, which is the MD5 of its body."""
    inside = (KEYS.raw_folder, KEYS.staging_folder, f"{KEYS.table}/", f"{KEYS.folder}quarantine/")
    return {key: tag for key, tag in listing(lake).items() if not key.startswith(inside)}


def _is_the_head(lake: Lake) -> None:
    """Year files and aggregations say what the table says, read by other means than ours."""
    uri = f"s3://{lake.bucket}/{KEYS.table}"
    table = DeltaTable(uri, storage_options=lake.storage_options).to_pyarrow_table().to_pylist()
    years = Counter(row["year"] for row in table)
    names = [key.removeprefix(KEYS.folder) for key in lake.keys(KEYS.folder, recursive=False)]
    assert sorted(names) == sorted(f"{year}.parquet" for year in years)
    for year in years:
        of_year = [row["nhtsa_id"] for row in table if row["year"] == year]
        file = pq.read_table(io.BytesIO(lake.get(KEYS.year(year))))
        assert file.column_names == CONTRACT.schema.names
        assert sorted(file["nhtsa_id"].to_pylist()) == sorted(of_year)
        subjects = {row["nhtsa_id"]: row["subject"] for row in table if row["year"] == year}
        assert (
            dict(zip(*file.select(["nhtsa_id", "subject"]).to_pydict().values(), strict=True))
            == subjects
        )
    for name, by in AGGREGATES.items():
        counted = pq.read_table(io.BytesIO(lake.get(KEYS.aggregate(name)))).to_pylist()
        expected = Counter(tuple(row[column] for column in by) for row in table)
        assert {tuple(row[c] for c in by): row["recalls"] for row in counted} == expected
    version = lake.head(KEYS.table).receipt_version
    assert f"version {version}" in lake.get(KEYS.report(version)).decode()


def test_projections_say_what_the_table_says(lake: Lake) -> None:
    """After the first commit there are a file a year, three aggregations and a report."""
    _first_day(lake)
    _project(lake)
    _is_the_head(lake)
    counted = lake.read_parquet(KEYS.aggregate("recalls_per_component_per_year")).to_pylist()
    assert {"component": None, "year": 2019, "recalls": 1} in counted


def test_projections_follow_the_head(lake: Lake) -> None:
    """A new version rewrites what differs, adds what is new and deletes the year that went."""
    _first_day(lake)
    _project(lake)
    _second_day(lake)
    assert project_years(lake) == [KEYS.year(year) for year in (2018, 2019, 2020)]
    _project(lake)
    _is_the_head(lake)


def test_a_year_file_is_the_tables_file_byte_for_byte(lake: Lake) -> None:
    """The plain name holds the very bytes whose hash the receipt carries."""
    _first_day(lake)
    project_years(lake)
    for year, state in lake.head(KEYS.table).receipt["years"].items():
        assert lake.get(KEYS.year(int(year))) == lake.get(f"{KEYS.table}/{state['path']}")
        assert lake.made_from(KEYS.year(int(year))) == {"sha256": state["sha256"]}


def test_what_is_right_is_not_written_again(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """A second projector of the same head changes nothing in S3."""
    _first_day(lake)
    _project(lake)
    _project(shaky)
    assert proxy.changes == []


def test_without_a_table_nothing_is_projected(lake: Lake) -> None:
    """Before the first commit there is nothing to show, and no error."""
    _project(lake)
    assert listing(lake) == {}


def test_without_a_table_nothing_is_deleted(lake: Lake) -> None:
    """A bucket that has year files and no table is not understood, and is left as it is."""
    lake.put(KEYS.year(2019), b"somebody's")
    project_years(lake)
    assert lake.get(KEYS.year(2019)) == b"somebody's"


def _deleted(lake: Lake, key: str, _: tuple[bytes, dict[str, str]]) -> None:
    lake.delete(key)


def _junk(lake: Lake, key: str, _: tuple[bytes, dict[str, str]]) -> None:
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=b"junk")


def _older(lake: Lake, key: str, before: tuple[bytes, dict[str, str]]) -> None:
    lake.project(key, *before)


@pytest.mark.parametrize("damage", [_deleted, _junk, _older])
def test_every_projection_mends_itself(
    lake: Lake, damage: Callable[[Lake, str, tuple[bytes, dict[str, str]]], None]
) -> None:
    """Each one deleted, overwritten with junk, or put back to the version before, comes back."""
    _first_day(lake)
    _project(lake)
    before = {key: (lake.get(key), lake.made_from(key) or {}) for key in _projections(lake)}
    _second_day(lake)
    _project(lake)
    right = _projections(lake)
    for key in right:
        if "reports/1.md" not in key:
            damage(lake, key, before.get(key, (b"of a version before", {"sha256": "0"})))
    assert _projections(lake) != right
    _project(lake)
    assert _projections(lake) == right
    _is_the_head(lake)


def test_a_year_that_is_left_over_is_deleted(lake: Lake) -> None:
    """A year file that the head does not have goes; what is no year file stays."""
    _first_day(lake)
    lake.project(KEYS.year(1999), b"old", {"sha256": "0"})
    lake.put(f"{KEYS.folder}notes.txt", b"kept")
    lake.put(f"{KEYS.folder}1999.parquet.bak", b"kept")
    assert KEYS.year(1999) in project_years(lake)
    names = {key.removeprefix(KEYS.folder) for key in lake.keys(KEYS.folder, recursive=False)}
    assert names == {"2018.parquet", "2019.parquet", "1999.parquet.bak", "notes.txt"}


@pytest.mark.parametrize("write", ["COPY", "DELETE", "aggregates"])
def test_a_slower_projector_of_an_older_head_ends_at_the_newest(
    proxy: FaultyS3, shaky: Lake, lake: Lake, write: str
) -> None:
    """It overwrites what a faster one has made, looks at the head again, and mends it.

    The faster one commits and projects between the slower one's look and its first write.
    """
    _first_day(lake)
    if write == "DELETE":
        _project(lake)
        _commit(lake, DAY_2, _in(2019, 2), _in(2019, 3))

    def faster() -> None:
        _commit(lake, DAY_3, _in(2018, 1, subject="Day 3"), _in(2019, 3), _in(2020, 4))
        _project(lake)

    proxy.before(faster, lambda call: call.changes and write in str(call))
    _project(shaky)
    _is_the_head(lake)


def test_a_projector_that_died_after_an_overwrite_is_mended_by_the_next(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """Killed right after it put an older year over a newer one: the next projector sees it."""
    _first_day(lake)
    right: dict[str, str] = {}

    def faster() -> None:
        _commit(lake, DAY_2, _in(2018, 1, subject="New"), _in(2019, 3, subject="New"))
        _project(lake)
        right.update(_projections(lake))

    proxy.before(faster, "COPY")
    proxy.fail(lambda call: call.method != "COPY" and bool(right), status=403)
    with pytest.raises(LakeError):
        _project(shaky)
    assert _projections(lake) != right
    _project(lake)
    assert _projections(lake) == right
    _is_the_head(lake)


@pytest.mark.parametrize("status", [403, 507])
def test_a_refused_projection_is_named(
    proxy: FaultyS3, shaky: Lake, lake: Lake, status: int
) -> None:
    """The line names the year file; the commit stands, and the next projector finishes."""
    _first_day(lake)
    proxy.fail("COPY", status=status)
    with pytest.raises(LakeError) as error:
        _project(shaky)
    one_clear_line(error.value, "could not copy to", f"s3://{lake.bucket}/{KEYS.folder}20")
    proxy.clear()
    _project(shaky)
    _is_the_head(lake)


def test_an_aggregation_that_does_not_add_up_is_not_shown(lake: Lake) -> None:
    """A table file that lost a row stops the aggregations by name; those before it stay."""
    _first_day(lake)
    _project(lake)
    before = {key: lake.get(key) for key in lake.keys(f"{KEYS.folder}aggregates/")}
    _second_day(lake)
    path = f"{KEYS.table}/{lake.head(KEYS.table).receipt['years']['2019']['path']}"
    short = lake.read_parquet(path).slice(0, 1)
    sink = pa.BufferOutputStream()
    pq.write_table(short, sink)
    lake.project(path, sink.getvalue().to_pybytes(), {})
    with pytest.raises(Exception, match="sums to the rows of the years") as error:
        project_aggregates(lake)
    one_clear_line(error.value, "2 of 3")
    assert {key: lake.get(key) for key in lake.keys(f"{KEYS.folder}aggregates/")} == before


def test_every_version_has_its_report(lake: Lake) -> None:
    """A report that was not written before the next commit is written after it."""
    _first_day(lake)
    _second_day(lake)
    _project(lake)
    reports = [key for key in _projections(lake) if "/reports/" in key]
    assert reports == [KEYS.report(1), KEYS.report(2)]


def test_rows_of_the_table_are_all_in_the_year_files(lake: Lake) -> None:
    """No row is in two year files, and none is in none."""
    _first_day(lake)
    _project(lake)
    keys = [
        key
        for year in (2018, 2019)
        for key in lake.read_parquet(KEYS.year(year), ["nhtsa_id"])["nhtsa_id"].to_pylist()
    ]
    assert sorted(keys) == sorted(row["nhtsa_id"] for row in table_rows(lake))


def _commanded(lake: Lake, *, anew: bool = False) -> list[str]:
    said: list[str] = []
    assert command(lake, argparse.Namespace(anew=anew), said.append) == 0
    return said


def test_the_command_brings_everything_up_to_the_table(lake: Lake) -> None:
    """Ledger, year files, aggregations and reports of two runs that died after their commits."""
    _first_day(lake)
    _second_day(lake)
    said = _commanded(lake)
    _is_the_head(lake)
    assert ledger_state(lake) == (2, 2)
    assert said[:2] == [f"recorded in the ledger: version {version}" for version in (1, 2)]
    rewritten = {line.removeprefix("rewritten: ") for line in said[2:]}
    keys = [KEYS.year(2019), KEYS.year(2020), MANUFACTURERS, KEYS.report(1), KEYS.report(2)]
    assert rewritten >= {f"s3://{lake.bucket}/{key}" for key in keys}
    assert len(rewritten) == 2 + len(AGGREGATES) + 2


def test_the_command_says_that_there_is_nothing_to_do(lake: Lake) -> None:
    """A second time it changes nothing, and says so in one line."""
    _first_day(lake)
    _commanded(lake)
    before = listing(lake)
    assert _commanded(lake) == ["nothing to do: all is as version 1 has it"]
    assert listing(lake) == before


def test_other_bytes_under_a_right_origin_are_written_anew(lake: Lake) -> None:
    """A projector trusts the origin; asked to, the command does not."""
    _first_day(lake)
    _commanded(lake)
    right = _projections(lake)
    for key in (KEYS.year(2019), MANUFACTURERS):
        lake.project(key, b"junk", lake.made_from(key) or {})
    assert len(_commanded(lake)) == 1
    assert _projections(lake) != right
    assert len(_commanded(lake, anew=True)) == 2 + len(AGGREGATES)
    assert _projections(lake) == right


def test_without_a_table_the_command_says_so(lake: Lake) -> None:
    """One line names the table, and nothing is written."""
    with pytest.raises(PermanentError) as error:
        _commanded(lake)
    one_clear_line(error.value, f"s3://{lake.bucket}/{KEYS.table}", "has no version yet")
    assert listing(lake) == {}

"""`as-of`: the year files as they were known then, by the time of the reads."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.commands import as_of
from include.vehicle_recalls.commands.asking import moment
from include.vehicle_recalls.state import year_states
from tests.vehicle_recalls.evidence import KEYS, facts_of, listing, one_clear_line
from tests.vehicle_recalls.three_days import DAYS, copy, forged, publish_day, three_days


@pytest.fixture(scope="module")
def shared(s3: BaseClient, s3_url: str) -> Lake:
    """A lake of three days, for tests that only read."""
    return three_days(s3, s3_url)


@pytest.fixture
def past(shared: Lake, lake: Lake) -> Lake:
    """A lake of three days, for this test alone."""
    return copy(shared, lake)


def _as_of(lake: Lake, when: str, out: Path) -> list[str]:
    said: list[str] = []
    asked = argparse.Namespace(moment=moment(when), out=out)
    assert as_of.command(lake, asked, said.append) == 0
    return said


def _years(out: Path) -> dict[str, list[str]]:
    """The keys of each year file that lies there."""
    return {
        path.stem: pq.read_table(path)["nhtsa_id"].to_pylist() for path in out.glob("*.parquet")
    }


@pytest.mark.parametrize(
    ("when", "version"),
    [
        ("2026-06-27", 1),
        ("2026-06-27T09:30:43Z", 1),
        ("2026-06-28T09:30:42Z", 1),
        ("2026-06-28T09:30:43Z", 2),
        ("2026-06-28T11:30:43+02:00", 2),
        ("2026-06-28", 2),
        ("2026-06-29", 3),
        ("2027-01-01", 3),
    ],
)
def test_a_moment_has_the_version_that_was_known_then(
    shared: Lake, tmp_path: Path, when: str, version: int
) -> None:
    """A day means its end, an instant itself, and both mean UTC; files are the table's own."""
    said = _as_of(shared, when, tmp_path / "out")
    assert said[0].startswith(f"version {version}, read 2026-06-2{6 + version}T09:30:43Z: ")
    states = year_states(shared.receipt(KEYS.table, version))
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.parquet")}
    assert {name: hashlib.sha256(body).hexdigest() for name, body in files.items()} == {
        f"{year}.parquet": state.sha256 for year, state in states.items()
    }
    assert len(said) == (1 if version == 3 else 2)


def test_it_says_what_it_wrote_and_what_came_later(shared: Lake, tmp_path: Path) -> None:
    """Version, time of the read, rows, years, folder, and that there are later versions."""
    out = tmp_path / "a" / "b"
    assert _as_of(shared, "2026-06-27", out) == [
        f"version 1, read 2026-06-27T09:30:43Z: 4 rows of 3 years in {out}",
        "later versions: 2, the first read 2026-06-28T09:30:43Z",
    ]
    note = json.loads((out / "as-of.json").read_text())
    assert note["whole"]
    assert note["version"] == 1
    assert note["files"]["2019.parquet"]["rows"] == 2
    assert {path.name for path in out.iterdir()} == {*note["files"], "as-of.json"}


def test_nothing_in_the_lake_changes(shared: Lake, tmp_path: Path) -> None:
    """It only reads."""
    before = listing(shared)
    _as_of(shared, "2026-06-28", tmp_path)
    assert listing(shared) == before


def test_the_rows_are_those_of_the_day(shared: Lake, tmp_path: Path) -> None:
    """What was edited or retracted later is there as it was."""
    _as_of(shared, "2026-06-27", tmp_path)
    tables = {int(p.stem): pq.read_table(p) for p in tmp_path.glob("*.parquet")}
    subjects = {
        row["nhtsa_id"]: (year, row["subject"])
        for year, rows in facts_of(tables).items()
        for row in rows
    }
    assert subjects == {
        row["nhtsa_id"]: (int(row["report_received_date"][:4]), row["subject"])
        for row in DAYS["2026-06-27T09:30:43Z"]
    }


def test_a_read_that_was_committed_late_changes_no_answer(past: Lake, tmp_path: Path) -> None:
    """Observed before the head and committed after it: only what had both is known then."""
    publish_day(past, "2026-07-03T09:30:43Z", DAYS["2026-06-27T09:30:43Z"])
    head = past.head(KEYS.table)
    late = forged(head.receipt, token="late", observed_at="2026-07-01T09:30:43Z")
    past.commit(KEYS.table, head, [], [], late)
    assert "version 3, " in _as_of(past, "2026-07-02", tmp_path)[0]
    assert "version 5, " in _as_of(past, "2026-07-03", tmp_path)[0]


def test_before_the_first_version_nothing_was_known(shared: Lake, tmp_path: Path) -> None:
    """The line says when the first version was read; no folder is made."""
    with pytest.raises(PermanentError) as error:
        _as_of(shared, "2026-06-26", tmp_path / "out")
    one_clear_line(error.value, "nothing was known on 2026-06-26", "2026-06-27T09:30:43Z")
    assert not (tmp_path / "out").exists()


def test_without_a_table_nothing_was_known(lake: Lake, tmp_path: Path) -> None:
    """One line names the table that is not there."""
    with pytest.raises(PermanentError, match="has no version yet"):
        _as_of(lake, "2026-06-26", tmp_path)


def test_a_version_whose_files_were_pruned_is_refused(past: Lake, tmp_path: Path) -> None:
    """The line names the versions that can still be had, and nothing is written."""
    states = year_states(past.receipt(KEYS.table, 2))
    past.delete(f"{KEYS.table}/{states[2019].path}")
    with pytest.raises(PermanentError) as error:
        _as_of(past, "2026-06-28", tmp_path / "out")
    one_clear_line(
        error.value,
        "that is version 2",
        "pruned",
        "1 (from 2026-06-27T09:30:43Z), 3 (from 2026-06-29T09:30:43Z)",
    )
    assert not (tmp_path / "out").exists()


def test_a_file_with_other_bytes_is_not_passed_on(past: Lake, tmp_path: Path) -> None:
    """The folder is left marked as not whole, and the next try into it can finish."""
    state = year_states(past.receipt(KEYS.table, 3))[2019]
    right = past.get(f"{KEYS.table}/{state.path}")
    past.project(f"{KEYS.table}/{state.path}", b"other", {})
    with pytest.raises(LakeError) as error:
        _as_of(past, "2026-06-29", tmp_path)
    one_clear_line(error.value, state.path, "is not what was committed", "restore")
    assert not (tmp_path / "2019.parquet").exists()
    assert json.loads((tmp_path / "as-of.json").read_text())["whole"] is False
    past.project(f"{KEYS.table}/{state.path}", right, {})
    _as_of(past, "2026-06-29", tmp_path)
    assert json.loads((tmp_path / "as-of.json").read_text())["whole"] is True
    assert len(_years(tmp_path)) == 4


def test_an_earlier_answer_is_replaced_whole(shared: Lake, tmp_path: Path) -> None:
    """A year of the day before that this day does not have goes, half-written files too."""
    _as_of(shared, "2026-06-29", tmp_path)
    assert "2020" in _years(tmp_path)
    (tmp_path / "2020.parquet.unfinished").write_bytes(b"half")
    _as_of(shared, "2026-06-27", tmp_path)
    assert sorted(_years(tmp_path)) == ["2017", "2018", "2019"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".json"}


@pytest.mark.parametrize("name", ["notes.txt", "2019.parquet", "as-of.json.bak", "table"])
def test_a_folder_of_somebody_else_is_left_alone(shared: Lake, tmp_path: Path, name: str) -> None:
    """Whatever did not come from this command stays as it is, year files too."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(PermanentError) as error:
        _as_of(shared, "2026-06-29", tmp_path)
    one_clear_line(error.value, str(tmp_path), "name a folder that is new or empty")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_place_of_the_folder_is_refused(shared: Lake, tmp_path: Path) -> None:
    """One line, and the file stays."""
    out = tmp_path / "file"
    out.write_text("mine")
    with pytest.raises(PermanentError, match="is no folder"):
        _as_of(shared, "2026-06-29", out)
    assert out.read_text() == "mine"

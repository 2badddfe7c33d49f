"""What the review of the flagship found: each of these was wrong before it was mended."""

from __future__ import annotations

import pytest

from fakes.control import Control
from include.first.lake import Lake
from include.first.quality import AuditFailed
from include.first.screen import printable
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.publish import publish
from include.vehicle_recalls.report import render
from include.vehicle_recalls.rows import read_rows
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import write_parquet
from tests.vehicle_recalls.evidence import committed


@pytest.mark.parametrize("years", [[], [2019]], ids=["full", "one year"])
def test_a_census_that_the_batches_contradict_publishes_nothing(
    lake: Lake, recalls_url: str, replica: Control, years: list[int]
) -> None:
    """Under one last-modified, what the census counted is what must have landed."""
    replica.rows = 200
    api = RecallsApi(recalls_url)
    run(api, lake)
    before = committed(lake)
    parts = take_census(api, lake, years, "test")
    for part in parts:
        part["read"]["source_rows"] += 1
    written = [write_parquet(lake, partition(lake, land(api, lake, part))) for part in parts]
    with pytest.raises(AuditFailed, match="census = landed"):
        publish(lake, parts, written, dry_run=False)
    assert committed(lake) == before


@pytest.mark.parametrize("text", [b"bad \xff\x92 here", rb"half \ud83d here"])
def test_text_that_is_no_text_is_set_aside(text: bytes) -> None:
    """Bytes that are not UTF-8, and half characters, are a problem of their row alone."""
    line = b'{":id": "row-1", "nhtsa_id": "19V000001", "manufacturer": "%s"}' % text
    rows, problems = read_rows(line + b'\n{":id": "row-2", "manufacturer": "good"}')
    assert problems == {0: ["manufacturer: holds what is no character"]}
    assert rows["nhtsa_id"].to_pylist() == ["19V000001", None]
    assert rows["manufacturer"].to_pylist() == [None, "good"]


def test_a_quarantine_is_told_also_when_nothing_changed(
    lake: Lake, recalls_url: str, replica: Control
) -> None:
    """Rows that nobody can see are the loudest news of a run, whatever else it did."""
    replica.rows = 18
    api = RecallsApi(recalls_url)
    run(api, lake)
    replica.fault("dirty", which="completion_over_100", rows=3)
    told = run(api, lake)
    screen = render(lake, told)
    assert told["version"] is None
    assert f"{told['counts']['quarantined']} in quarantine" in screen.splitlines()[0]
    assert f"quarantine/{told['token']}.parquet" in screen


def test_names_cannot_steer_a_terminal() -> None:
    """Control characters of the source are spelled out on the screen, a line stays a line."""
    assert printable("a\x1b[31m\x9b2J\nb") == "a\\x1b[31m\\x9b2J\\x0ab"
    assert printable("É ü 車") == "É ü 車"

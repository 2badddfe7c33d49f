"""Full runs: an export becomes a version of the table and a plain file."""

import gzip
import json
from typing import Any

import pyarrow as pa
import pytest

from include.data.checks import ChecksFailed
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.ledger import read_events
from include.lake.publish import Receipt
from include.lake.reads import SchemaMismatch, SourceMismatch
from include.lake.report import standard_report
from include.lake.store import Store
from include.lake.table import load_version
from include.vin_snapshots.client import VinService
from include.vin_snapshots.contract import VIN_SNAPSHOTS
from include.vin_snapshots.pipeline import run
from tests.pipelines.vin_snapshots.stub import NAMES, Stub, parquet, table, vehicle

KEYS = Keys("vin_snapshots")
LOST = {"rows in total": "the cache was replaced"}


def plain(store: Store) -> pa.Table:
    return from_parquet(store.get("vin_snapshots/vehicles.parquet"))


def report(store: Store, receipt: Receipt) -> str:
    return standard_report(store, VIN_SNAPSHOTS, receipt, noun="vehicle", name="VIN snapshots")


def row(column: str, value: str | None, number: int = 1) -> list[Any]:
    """A vehicle with another value in one column."""
    fields: list[Any] = list(vehicle(number))
    fields[NAMES.index(column)] = value
    return fields


def test_first_export_becomes_version_1_and_the_plain_file(
    stub: Stub, api: VinService, store: Store
) -> None:
    """Rows are sorted by VIN and have the contract's columns."""
    stub.has([vehicle(3), vehicle(1), vehicle(2)])
    receipt = run(api, store, run_id="run 1")
    assert (receipt["version"], receipt["run_id"]) == (1, "run 1")
    assert receipt["source"] == {"dataset": "vin_service", "publisher": "made-up:7"}
    assert plain(store).schema.equals(VIN_SNAPSHOTS.schema, check_metadata=True)
    assert plain(store).to_pylist() == table([vehicle(n) for n in (1, 2, 3)]).to_pylist()
    (page,) = [key for key in store.list("vin_snapshots/raw") if key.endswith(".gz")]
    assert gzip.decompress(store.get(page)) == stub.body


def test_changes_are_counted_and_become_events(stub: Stub, api: VinService, store: Store) -> None:
    run(api, store)
    stub.has([vehicle(1), vehicle(3, "Plum"), vehicle(4)])
    receipt = run(api, store)
    expected = {"published": 1, "retracted": 1, "edited": 1, "unchanged": 1}
    assert receipt["counts"] == receipt["counts"] | expected
    events = read_events(store, VIN_SNAPSHOTS, receipt).to_pylist()
    edits = [(e["vin"], e["field"], e["old"], e["new"]) for e in events if e["event"] == "edited"]
    assert edits == [(vehicle(3)[0], "model", "Pear", "Plum")]


def test_same_vehicles_in_another_file_commit_nothing(
    stub: Stub, api: VinService, store: Store
) -> None:
    run(api, store)
    before = store.list("vin_snapshots/table"), store.list("vin_snapshots", recursive=False)
    shuffled = table([vehicle(3), vehicle(1), vehicle(2)])
    stub.export(parquet(shuffled, compression="gzip", in_groups_of=1))
    receipt = run(api, store)
    assert (receipt["version"], receipt["outcome"]) == (None, "unchanged")
    after = store.list("vin_snapshots/table"), store.list("vin_snapshots", recursive=False)
    assert after == before


def test_empty_export_creates_no_table(stub: Stub, api: VinService, store: Store) -> None:
    """Before the first lookup the export is empty."""
    stub.has([])
    receipt = run(api, store)
    assert receipt["outcome"] == "unchanged"
    assert load_version(store, KEYS.table).number == -1
    assert report(store, receipt).startswith("# VIN snapshots: unchanged, 0 vehicles; nothing")
    stub.has([vehicle(1)])
    assert run(api, store)["version"] == 1


def test_losing_most_vehicles_needs_a_waiver(stub: Stub, api: VinService, store: Store) -> None:
    stub.has([vehicle(number) for number in range(10)])
    run(api, store)
    stub.has([vehicle(number) for number in range(4)])
    with pytest.raises(ChecksFailed, match="rows in total: 4, 10 before"):
        run(api, store)
    assert plain(store).num_rows == 10
    receipt = run(api, store, waive=LOST)
    assert plain(store).num_rows == 4
    assert "waived: rows in total: 4, 10 before; the cache was replaced" in report(store, receipt)


def test_losing_all_vehicles_with_a_waiver_keeps_the_source(
    stub: Stub, api: VinService, store: Store
) -> None:
    run(api, store)
    stub.has([])
    assert run(api, store, waive=LOST)["version"] == 2
    assert plain(store).num_rows == 0
    stub.has([vehicle(1)], source="official")
    with pytest.raises(SourceMismatch, match=r"made-up:7.+official"):
        run(api, store)


@pytest.mark.parametrize(
    "rows",
    [
        table([vehicle(1)]).append_column("color", pa.array(["red"])),
        table([vehicle(1)]).drop_columns(["body_class"]),
        table([vehicle(1)]).set_column(3, "model_year", pa.array([2019])),
    ],
    ids=["another column", "a missing column", "another type"],
)
def test_export_with_other_columns_is_refused(
    stub: Stub, api: VinService, store: Store, rows: pa.Table
) -> None:
    stub.export(parquet(rows))
    with pytest.raises(SchemaMismatch, match="not those of the contract; bring the"):
        run(api, store)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("make", ""), "make: is missing"),
        (row("model", None), "model: is missing"),
        (row("vin", None), "vin: is missing"),
        (row("vin", " "), "vin: is missing"),
        (row("vin", vehicle(1)[0].lower()), "lower-case letters"),
    ],
    ids=["empty make", "null model", "null vin", "blank vin", "lower case"],
)
def test_invalid_row_is_quarantined_and_fails_the_run(
    stub: Stub, api: VinService, store: Store, bad: list[Any], reason: str
) -> None:
    """With a waiver the other rows are published, and the old row is carried over."""
    run(api, store)
    stub.has([bad, vehicle(2, "Plum"), vehicle(3)])
    with pytest.raises(ChecksFailed, match="quarantine: 1 of 3 rows"):
        run(api, store)
    receipt = run(api, store, waive={"quarantine": "known"})
    assert plain(store)["model"].to_pylist() == ["Pear", "Plum", "Pear"]
    (row,) = from_parquet(store.get(KEYS.quarantine(receipt["read_id"]))).to_pylist()
    assert reason in row["reasons"]
    assert json.loads(row["raw"])["body_class"] == "Sedan"


def test_every_copy_of_a_vin_is_quarantined(stub: Stub, api: VinService, store: Store) -> None:
    """A copy that breaks the contract counts too."""
    run(api, store)
    bad = row("make", "", number=2)
    stub.has([vehicle(1), vehicle(1, "Plum"), bad, vehicle(2), vehicle(3)])
    receipt = run(api, store, waive={"quarantine": "known"})
    assert receipt["counts"]["quarantined"] == 4
    rows = from_parquet(store.get(KEYS.quarantine(receipt["read_id"]))).to_pylist()
    raw = [(json.loads(row["raw"])["vin"], json.loads(row["raw"])["model"]) for row in rows]
    one, two = vehicle(1)[0], vehicle(2)[0]
    assert sorted(raw) == sorted([(one, "Pear"), (one, "Plum"), (two, "Pear"), (two, "Pear")])
    assert plain(store)["model"].to_pylist() == ["Pear", "Pear", "Pear"]


def test_vin_of_new_shape_is_a_warning(stub: Stub, api: VinService, store: Store) -> None:
    stub.has([row("vin", "SHORT"), vehicle(2)])
    screen = report(store, run(api, store))
    assert "warning: shape of vin: new: 'SHORT'" in screen
    assert plain(store).num_rows == 2


def test_report_shows_version_file_and_vehicles(
    api: VinService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATERS_LOCAL_FOLDER", "s3_bucket")
    screen = report(store, run(api, store))
    assert screen.startswith("# VIN snapshots: version 1, 3 vehicles\n")
    assert "**This data is MADE UP.**" in screen
    assert "- file: s3_bucket/vin_snapshots/vehicles.parquet (s3://" in screen
    assert f"{vehicle(1)[0]} ORCHARD  Pear" in screen

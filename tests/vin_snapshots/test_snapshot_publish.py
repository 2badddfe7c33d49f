"""An export becomes a version of the table, once, and the plain file follows."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.first.lake import Lake
from include.first.quality import AuditFailed, CannotAccept
from include.vin_snapshots.contract import CONTRACT
from include.vin_snapshots.fetch import KEYS, check, fetch
from include.vin_snapshots.publish import Published, compare, project, publish
from include.vin_snapshots.run import run
from include.vin_snapshots.vin_api import VinApi
from tests.vin_snapshots.stub import Stub, parquet, table, vehicle

EARLIER = "Sat, 21 Nov 2026 12:00:00 GMT"
LATER = "Sat, 21 Nov 2026 12:00:01 GMT"
GONE = {"vehicles": "the cache was started anew"}


def plain(lake: Lake) -> pa.Table:
    return lake.read_parquet(KEYS.vehicles)


def counts(published: Published) -> tuple[int, int, int, int]:
    told = published["counts"]
    return told["before"], told["added"], told["removed"], told["edited"]


def test_the_first_export_is_the_first_version(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Table and plain file have exactly the export's vehicles, with the contract's columns."""
    published = run(api, lake)
    assert published["version"] == 1
    assert counts(published) == (0, 3, 0, 0)
    head = lake.head(KEYS.table)
    (path,) = head.files
    assert lake.get(f"{KEYS.table}/{path}") == lake.get(KEYS.vehicles)
    exported = pq.read_table(pa.BufferReader(stub.body))
    assert plain(lake).to_pylist() == exported.to_pylist()
    assert plain(lake).schema.equals(CONTRACT.schema, check_metadata=True)
    assert head.handle
    read = pa.table(head.handle.to_pyarrow_dataset().to_table())
    assert read.to_pylist() == exported.to_pylist()


def test_the_receipt_says_how_it_came_about(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Token, source, time, counts, checks, and both hashes."""
    stub.date = EARLIER
    published = run(api, lake, run_id="run 1")
    receipt = lake.receipt(KEYS.table, 1)
    checks = receipt.pop("checks")
    assert receipt == {
        "token": published["token"],
        "run_id": "run 1",
        "contract": CONTRACT.version,
        "source": {"dataset": "vin_service", "publisher": "made-up:7"},
        "observed_at": "2026-11-21T12:00:00Z",
        "export": hashlib.sha256(stub.body).hexdigest(),
        "sha256": hashlib.sha256(lake.get(KEYS.vehicles)).hexdigest(),
        "rows": 3,
        "counts": {"before": 0, "added": 3, "removed": 0, "edited": 0},
    }
    assert [told["name"] for told in checks] == [
        "five columns of text",
        "nothing is missing",
        "VINs are well-formed",
        "VINs are unique",
        "the source is told",
        "one source",
        "vehicles",
    ]
    assert {told["outcome"] for told in checks} == {"passed"}


def test_what_changed_is_counted(stub: Stub, api: VinApi, lake: Lake) -> None:
    """One came, one went, one is decoded otherwise: the next version, in one file."""
    run(api, lake)
    stub.has([vehicle(1), vehicle(3, "Plum"), vehicle(4)])
    published = run(api, lake)
    assert published["version"] == 2
    assert counts(published) == (3, 1, 1, 1)
    assert (
        plain(lake).to_pylist() == table([vehicle(1), vehicle(3, "Plum"), vehicle(4)]).to_pylist()
    )
    assert len(lake.head(KEYS.table).files) == 1
    first = lake.head(KEYS.table, at=1)
    assert [file.rows for file in first.files.values()] == [3]


@pytest.mark.parametrize(
    "vehicles",
    [
        [vehicle(1), vehicle(2), vehicle(3)],
        [vehicle(3), vehicle(1), vehicle(2)],
    ],
    ids=["the same", "another order"],
)
def test_an_export_that_says_the_same_commits_nothing(
    stub: Stub, api: VinApi, lake: Lake, vehicles: list[tuple[str, str, str, str, str]]
) -> None:
    """Neither the table nor the plain file is touched."""
    run(api, lake)
    before = {key: lake.get(key) for key in lake.keys(KEYS.folder) if "/staging/" not in key}
    stub.body = parquet(table(vehicles), compression="gzip", in_groups_of=1)
    published = run(api, lake)
    assert (published["version"], published["state"]) == (None, "unchanged")
    assert counts(published) == (3, 0, 0, 0)
    after = {key: lake.get(key) for key in lake.keys(KEYS.folder) if "/staging/" not in key}
    assert after == before


def test_the_same_vehicles_are_the_same_bytes(stub: Stub, api: VinApi, lake: Lake) -> None:
    """However the service lays its file out, and whatever was there in between."""
    run(api, lake)
    first = lake.get(KEYS.vehicles)
    stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(4)])
    run(api, lake)
    assert lake.get(KEYS.vehicles) != first
    vehicles = table([vehicle(2), vehicle(3), vehicle(1)])
    stub.body = parquet(vehicles, in_groups_of=2, use_dictionary=False)
    assert run(api, lake)["version"] == 3
    assert lake.get(KEYS.vehicles) == first


def test_an_empty_service_commits_nothing(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Before anybody looked up a car there is no table, and that is no failure."""
    stub.has([])
    published = run(api, lake)
    assert (published["version"], published["state"], published["rows"]) == (None, "unchanged", 0)
    assert lake.head(KEYS.table).version == -1


def test_a_dry_run_changes_nothing(stub: Stub, api: VinApi, lake: Lake) -> None:
    """It says what would change; table and plain file stay, or stay away."""
    published = run(api, lake, dry_run=True)
    assert (published["version"], published["state"], published["dry_run"]) == (
        None,
        "changed",
        True,
    )
    assert {key.split("/")[1] for key in lake.keys(KEYS.folder)} == {"staging"}
    run(api, lake)
    stub.has([vehicle(1), vehicle(2), vehicle(4)])
    assert counts(run(api, lake, dry_run=True)) == (3, 1, 1, 0)
    assert lake.head(KEYS.table).version == 1
    assert plain(lake).num_rows == 3


def test_half_may_go_and_more_may_not(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Exactly half of the vehicles may leave; one more, and somebody has to look."""
    stub.has([vehicle(number) for number in range(10)])
    run(api, lake)
    stub.has([vehicle(number) for number in range(4)])
    with pytest.raises(AuditFailed, match=r"vehicles: 6 of 10 are gone.+`accept` takes a reason"):
        run(api, lake)
    assert plain(lake).num_rows == 10
    stub.has([vehicle(number) for number in range(5)])
    assert run(api, lake)["version"] == 2


def test_a_new_cache_of_the_same_size_is_noticed(stub: Stub, api: VinApi, lake: Lake) -> None:
    """It is the vehicles that count, not their number."""
    run(api, lake)
    stub.has([vehicle(number) for number in range(10, 20)])
    with pytest.raises(AuditFailed, match="3 of 3 are gone"):
        run(api, lake)


def test_a_loss_can_be_accepted_with_a_reason(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Even of all vehicles; the receipt keeps the reason, and the source stays known."""
    run(api, lake)
    stub.has([])
    published = run(api, lake, accept=GONE)
    assert published["version"] == 2
    assert plain(lake).num_rows == 0
    receipt = lake.receipt(KEYS.table, 2)
    assert receipt["checks"][-1]["outcome"] == "accepted"
    assert receipt["checks"][-1]["reason"] == GONE["vehicles"]
    assert receipt["source"]["publisher"] == "made-up:7"
    stub.has([vehicle(1)], source="official")
    with pytest.raises(AuditFailed, match="one source"):
        run(api, lake)


@pytest.mark.parametrize("name", ["one source", "VINs are unique", "rows"])
def test_what_must_hold_cannot_be_accepted(api: VinApi, lake: Lake, name: str) -> None:
    """Neither what must always hold nor what is no check."""
    with pytest.raises(CannotAccept, match=f"`{name}`"):
        run(api, lake, accept={name: "because"})
    assert lake.head(KEYS.table).version == -1


@pytest.mark.parametrize(
    ("first", "second"),
    [("official", "made-up:7"), ("made-up:7", "official"), ("made-up:7", "made-up:8")],
)
def test_sources_never_mix(stub: Stub, api: VinApi, lake: Lake, first: str, second: str) -> None:
    """Made-up and real vehicles, or those of two seeds, never meet in one table."""
    stub.has([vehicle(1)], source=first)
    run(api, lake)
    stub.has([vehicle(1), vehicle(2)], source=second)
    with pytest.raises(AuditFailed, match=f"this export is {second}, the table holds {first}"):
        run(api, lake)
    assert lake.head(KEYS.table).version == 1


def test_an_older_export_leaves_a_later_one_alone(stub: Stub, api: VinApi, lake: Lake) -> None:
    """A task that is cleared a day later must not bring yesterday back."""
    stub.date = EARLIER
    older = check(lake, fetch(api, lake, "run 1"))
    stub.date = LATER
    stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(4)])
    run(api, lake)
    published = publish(lake, older, dry_run=False)
    assert (published["version"], published["state"]) == (None, "known from a later export")
    assert lake.head(KEYS.table).version == 1
    project(lake)
    assert plain(lake).num_rows == 4


def test_publishing_again_is_told_what_was_committed(api: VinApi, lake: Lake) -> None:
    """A task that is cleared after its commit finds it, and commits no second time."""
    checked = check(lake, fetch(api, lake, "run 1"))
    first = publish(lake, checked, dry_run=False)
    assert publish(lake, checked, dry_run=False) == first
    assert lake.head(KEYS.table).version == 1


def test_references_are_small(stub: Stub, api: VinApi, lake: Lake) -> None:
    """What publish hands on does not grow with the vehicles."""
    stub.has([vehicle(number) for number in range(5_000)])
    assert len(json.dumps(run(api, lake))) < 2_000


def test_project_mends_the_plain_file(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Deleted or of another version, it is made again; what is right is not touched."""
    run(api, lake)
    wanted = lake.get(KEYS.vehicles)
    assert project(lake) == []
    lake.delete(KEYS.vehicles)
    assert project(lake) == [KEYS.vehicles]
    lake.project(KEYS.vehicles, stub.body, {"sha256": "of another version"})
    assert project(lake) == [KEYS.vehicles]
    assert lake.get(KEYS.vehicles) == wanted
    sha256 = lake.head(KEYS.table).receipt["sha256"]
    assert lake.made_from(KEYS.vehicles) == {"sha256": sha256}


def test_project_without_a_table_does_nothing(lake: Lake) -> None:
    """There is nothing to project, and what is there stays."""
    lake.project(KEYS.vehicles, b"kept", {})
    assert project(lake) == []
    assert lake.get(KEYS.vehicles) == b"kept"


def test_compare_in_any_order() -> None:
    """A vehicle is known by its VIN, wherever it stands."""
    before = table([vehicle(1), vehicle(2), vehicle(3), vehicle(5)])
    after = table([vehicle(4), vehicle(3, "Plum"), vehicle(1), vehicle(2)])
    told = {"before": 4, "added": 1, "removed": 1, "edited": 1}
    assert compare(before, after) == told
    nothing = table([])
    assert compare(nothing, nothing) == dict.fromkeys(told, 0)


@pytest.mark.parametrize("at", [1, 2, 3, 4], ids=["make", "model", "year", "body"])
def test_each_fact_of_a_vehicle_counts(at: int) -> None:
    """A difference in any of the four columns is an edit."""
    was, now = vehicle(1), list(vehicle(1))
    now[at] = "else"
    other = table([(now[0], now[1], now[2], now[3], now[4]), vehicle(2)])
    assert compare(table([was, vehicle(2)]), other)["edited"] == 1

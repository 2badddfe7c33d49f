"""A read made again from what it landed: the same bytes as the first time, or a clear refusal."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from fakes.control import Control
from include.errors import PermanentError
from include.first.contract import Contract
from include.first.lake import Lake, LakeError
from include.first.parquet import to_parquet
from include.vehicle_recalls import extract, write
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import OtherSource, Part, land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.replay import (
    MadeOtherwise,
    RawGone,
    land_again,
    landings,
    rederive,
    take_raw,
)
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import write_parquet
from tests.vehicle_recalls.evidence import (
    KEYS,
    a_read,
    a_row,
    committed,
    facts,
    land_rows,
    listing,
    new_lake,
    one_clear_line,
    publish_landed,
    quarantine,
    table_rows,
)

NOBODY = RecallsApi("http://127.0.0.1:9", attempts=1)  # asking it fails
EARLY = {"first": None, "last": 2018, "undated": False, "label": "1966-2018"}
LATE = {"first": 2019, "last": None, "undated": True, "label": "2019-2026"}
MAKER = b"parquet-cpp-arrow version"  # in the footer of each file
LATER = "2026-06-29T09:30:43Z"


@pytest.fixture
def api(recalls_url: str, replica: Control, monkeypatch: pytest.MonkeyPatch) -> RecallsApi:
    """A small source, read in several batches of several pages."""
    replica.rows = 40
    monkeypatch.setattr(extract, "BATCH_ROWS", 25)
    return RecallsApi(recalls_url, page_size=10)


def replay(lake: Lake, token: str, **how: Any) -> Published:
    return run(NOBODY, lake, source=f"raw:{token}", **how)


def shas(lake: Lake) -> dict[str, str]:
    """The bytes of each year, by the name of its file in the table."""
    receipt = lake.head(KEYS.table).receipt
    return {year: state["sha256"] for year, state in receipt["years"].items()}


def forget(lake: Lake, *prefixes: str) -> None:
    for prefix in prefixes:
        lake.at_once(lake.delete, listing(lake, prefix))


def under_contract(monkeypatch: pytest.MonkeyPatch, contract: Contract) -> None:
    """Every module of the pipeline goes by another contract of the same columns."""
    for name, module in list(sys.modules.items()):
        if name.startswith("include.vehicle_recalls.") and hasattr(module, "CONTRACT"):
            monkeypatch.setattr(module, "CONTRACT", contract)


def a_higher_limit() -> Contract:
    """A contract that takes a completion rate of 150 %."""
    columns = [
        dataclasses.replace(column, maximum=200) if column.name == "completion_rate" else column
        for column in CONTRACT.columns
    ]
    return dataclasses.replace(CONTRACT, version="2", columns=tuple(columns))


def test_a_lost_table_is_rebuilt_byte_for_byte(
    api: RecallsApi, replica: Control, lake: Lake, s3: BaseClient, s3_url: str
):
    """From raw alone, in another bucket: every year's file has the bytes of the first time."""
    replica.fault("dirty", which="completion_over_100", rows=2)
    told = run(api, lake)
    elsewhere = new_lake(s3, s3_url)
    for key in listing(lake, KEYS.raw_folder):
        elsewhere.put(key, lake.get(key))
    again = replay(elsewhere, told["token"])
    assert shas(elsewhere) == shas(lake)
    assert facts(elsewhere) == facts(lake)
    assert again["counts"] == told["counts"]
    assert again["observed_at"] == told["observed_at"]
    assert again["replay_of"] == told["token"] != again["token"]


def test_a_table_is_rebuilt_beside_its_own_raw(api: RecallsApi, lake: Lake):
    """Table and ledger gone, the projections still there: a replay brings it all back."""
    told = run(api, lake)
    before = shas(lake)
    forget(lake, f"{KEYS.table}/", f"{KEYS.ledger}/")
    again = replay(lake, told["token"])
    assert again["version"] is not None
    assert shas(lake) == before


def test_a_replay_of_what_stands_changes_nothing(api: RecallsApi, replica: Control, lake: Lake):
    """It makes every file anew, finds each the same, and commits nothing; again and again."""
    run(api, lake)
    replica.day = 2
    told = run(api, lake)
    before = committed(lake)
    for _ in range(2):
        again = replay(lake, told["token"])
        assert (again["version"], again["changed"], again["held_back"]) == (None, {}, "")
        assert again["rebuilt"] is not None
        assert again["rebuilt"]["years"] == len(set(shas(lake)) | set(told["changed"]))
        assert again["rebuilt"]["differ"] == []
        # A year that day 2 left alone has the row ids of day 1 in its file.
        assert again["rebuilt"]["same_bytes"] == len(set(told["changed"]) & set(shas(lake)))
    assert committed(lake) == before


def test_an_older_read_is_compared_and_not_published(api: RecallsApi, replica: Control, lake: Lake):
    """What it would change back is told by year; the table stays as it is."""
    older = run(api, lake)
    replica.day = 2
    newer = run(api, lake)
    before = committed(lake)
    again = replay(lake, older["token"])
    assert committed(lake) == before
    assert again["version"] is None
    assert again["held_back"].startswith(f"raw:{older['token']} is not the read that")
    assert again["rebuilt"] is not None
    assert again["rebuilt"]["differ"] == sorted(int(year) for year in newer["changed"])


def test_after_a_change_of_contract_the_same_bytes_are_published_anew(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """What the older contract set aside is sound now: a new baseline, which makes no news."""
    rows = [a_row(1), a_row(2, completion_rate="150")]
    told = publish_landed(lake, land_rows(lake, rows))
    assert told["counts"]["quarantined"] == 1
    under_contract(monkeypatch, a_higher_limit())
    again = replay(lake, told["token"])
    assert (again["rebaseline"], again["version"]) == (True, told["version"] + 1)
    assert [row["completion_rate"] for row in facts(lake)[2019]] == [61.5, 150.0]
    receipt = lake.head(KEYS.table).receipt
    assert (receipt["contract"], receipt["baseline"]) == ("2", again["version"])
    # And the replay itself is what the next one may go on from.
    once_more = replay(lake, told["token"])
    assert (once_more["version"], once_more["held_back"]) == (None, "")


def test_a_change_of_contract_lets_no_older_read_in(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """The table came from a later read: an older one would bring old facts back as sound."""
    older = publish_landed(lake, land_rows(lake, [a_row(1)]))
    publish_landed(lake, land_rows(lake, [a_row(1, subject="Another")], refreshed=LATER))
    under_contract(monkeypatch, a_higher_limit())
    before = committed(lake)["receipts"]
    again = replay(lake, older["token"])
    assert (again["version"], bool(again["held_back"])) == (None, True)
    assert committed(lake)["receipts"] == before


def test_a_row_in_quarantine_keeps_its_last_state_in_a_replay_too(lake: Lake):
    """The file with the kept row comes out byte for byte, and the same row is set aside."""
    publish_landed(lake, land_rows(lake, [a_row(1), a_row(2)]))
    rows = [a_row(1, subject="Another"), a_row(2, completion_rate="150")]
    told = publish_landed(lake, land_rows(lake, rows, refreshed=LATER))
    again = replay(lake, told["token"])
    assert again["rebuilt"] == {"years": 3, "same_bytes": 1, "differ": []}
    assert again["counts"]["kept"] == 1
    assert quarantine(lake, again["token"]) == quarantine(lake, told["token"])


def test_a_read_of_some_years_is_replayed_as_one(api: RecallsApi, replica: Control, lake: Lake):
    """It reads the years it read, keeps what it kept, and retracts nothing."""
    run(api, lake)
    changing = _changed_on_day_2(api, replica, lake)
    told = run(api, lake, changing[:2])
    before = committed(lake)
    again = replay(lake, told["token"])
    assert again["years_read"] == changing[:2]
    assert (again["version"], again["changed"]) == (None, {})
    assert again["counts"] == told["counts"] | {
        "published": 0,
        "edited": 0,
        "retracted": 0,
        "unchanged": again["counts"]["unchanged"],
    }
    assert committed(lake) == before


def _changed_on_day_2(api: RecallsApi, replica: Control, lake: Lake) -> list[int]:
    replica.day = 2
    return sorted(int(year) for year in run(api, lake, dry_run=True)["changed"])


def test_a_replay_asks_nobody_and_takes_no_years(api: RecallsApi, lake: Lake):
    """The years are those of the read; asking for some of them is refused in one line."""
    told = run(api, lake)
    with pytest.raises(PermanentError, match="leave `years` empty"):
        run(NOBODY, lake, [2019], source=f"raw:{told['token']}")


def test_a_batch_that_landed_twice_is_taken_as_it_was_published(api: RecallsApi, lake: Lake):
    """A cleared extract leaves two landings: the receipt says which one the table came from."""
    parts = take_census(api, lake, [], "test")
    first = [land(api, lake, part) for part in parts]
    second = [land(api, lake, part) for part in parts]
    assert {one["folder"] for one in first}.isdisjoint({one["folder"] for one in second})
    publish_landed(lake, *first)
    token = parts[0]["read"]["token"]
    taken = [land_again(lake, part) for part in take_raw(lake, token, "test")]
    assert [one["pages"] for one in taken] == [one["pages"] for one in first]


def test_without_a_receipt_the_newest_landing_of_each_batch_is_taken(lake: Lake):
    """Two landings of one batch and one of the other: the newer of the two, and the other."""
    read = a_read(lake, parts=2)
    land_rows(lake, [a_row(1)], read=read, batch=LATE)
    other = land_rows(lake, [], read=read, batch=EARLY, refreshed=LATER)
    newer = land_rows(lake, [a_row(1), a_row(2)], read=read, batch=LATE, refreshed=LATER)
    assert landings(lake, read["token"]) == [other, newer]


def test_batches_of_two_moments_are_no_read(lake: Lake):
    """Where one batch was read anew after a refresh, the others still make a whole with the old."""
    read = a_read(lake, parts=2)
    late = land_rows(lake, [a_row(1)], read=read, batch=LATE)
    land_rows(lake, [a_row(2)], read=read, batch=LATE, refreshed=LATER)
    with pytest.raises(RawGone, match="2 of 2 batches"):
        landings(lake, read["token"])
    early = land_rows(lake, [], read=read, batch=EARLY)
    assert landings(lake, read["token"]) == [early, late]


@pytest.mark.parametrize("lost", ["a page", "the signature"])
def test_raw_that_is_half_gone_is_refused(api: RecallsApi, lake: Lake, lost: str):
    """One object of one batch is missing: nothing is replayed, and the line says how much is."""
    told = run(api, lake)
    folder = lake.head(KEYS.table).receipt["landings"][0]
    lost_key = {
        "a page": KEYS.raw(told["token"], folder, 0),
        "the signature": KEYS.landed(told["token"], folder),
    }[lost]
    lake.delete(lost_key)
    before = committed(lake)
    with pytest.raises(RawGone) as refusal:
        replay(lake, told["token"])
    one_clear_line(refusal.value, "is not whole: 1 of 2 batches", told["token"])
    assert committed(lake) == before


def test_a_token_without_raw_is_refused_with_those_that_have_some(lake: Lake):
    """A pruned read and one that never was look the same: the line names what can be had."""
    with pytest.raises(RawGone, match="No read is kept at all"):
        take_raw(lake, "20200101T000000-00000000", "test")
    tokens = sorted(land_rows(lake, [a_row(1)])["read"]["token"] for _ in range(5))
    with pytest.raises(RawGone) as refusal:
        take_raw(lake, "20200101T000000-00000000", "test")
    one_clear_line(refusal.value, "nothing under", *tokens[2:])
    assert tokens[1] not in str(refusal.value)


@pytest.mark.parametrize("value", ["", "a/b", "..", "20200101T000000-00000000 ", "*"])
def test_what_is_no_token_is_refused(lake: Lake, value: str):
    """The line quotes what was given and shows what a token looks like."""
    land_rows(lake, [a_row(1)])
    with pytest.raises(PermanentError) as refusal:
        replay(lake, value)
    one_clear_line(refusal.value, f"`raw:{value}` names no read")


@pytest.mark.parametrize("damaged", ["a page", "the signature"])
def test_raw_whose_bytes_changed_is_refused(api: RecallsApi, lake: Lake, damaged: str):
    """The signature has each page's hash: what changed stops replay and proof, and is named."""
    told = run(api, lake)
    folder = lake.head(KEYS.table).receipt["landings"][0]
    page = KEYS.raw(told["token"], folder, 0)
    key = {"a page": page, "the signature": KEYS.landed(told["token"], folder)}[damaged]
    lake.delete(key)
    lake.put(key, lake.get(KEYS.raw(told["token"], folder, 1)))
    before = committed(lake)
    with pytest.raises(LakeError, match=key):
        replay(lake, told["token"])
    assert told["version"] is not None
    with pytest.raises(LakeError, match=key):
        rederive(lake, told["version"])
    assert committed(lake) == before


def test_raw_of_another_source_is_refused(lake: Lake):
    """Raw that somebody copied into the bucket of another source never meets its table."""
    publish_landed(lake, land_rows(lake, [a_row(1)]))
    foreign = a_read(lake)
    foreign["publisher"] = "official"
    land_rows(lake, [a_row(1)], read=foreign)
    with pytest.raises(OtherSource, match=r"made-up:7.*official"):
        take_raw(lake, foreign["token"], "test")


def test_columns_that_the_contract_has_learnt_are_not_new(lake: Lake):
    """A replay after the contract took a column over no longer tells that it is unknown."""
    landed = land_rows(lake, [a_row(1)])
    landed["new_columns"] = ["brand_new", "subject"]
    key = KEYS.landed(landed["read"]["token"], landed["folder"])
    lake.delete(key)
    lake.put(key, json.dumps(landed).encode())
    (part,) = take_raw(lake, landed["read"]["token"], "test")
    assert land_again(lake, part)["new_columns"] == ["brand_new"]


def changed_shas(lake: Lake, version: int) -> dict[int, str]:
    """What a version's receipt says of the years that it changed; "" of one that went."""
    receipt = lake.receipt(KEYS.table, version)
    years = receipt["years"]
    return {int(y): years[y]["sha256"] if y in years else "" for y in receipt["changed"]}


def test_every_version_can_be_derived_again_without_a_trace(
    api: RecallsApi, replica: Control, lake: Lake
):
    """Days with edits, a retraction, a move, some years only, a bad row: all files come out."""
    run(api, lake)
    changing = _changed_on_day_2(api, replica, lake)
    run(api, lake, changing[:2])
    replica.fault("dirty", which="completion_over_100", rows=1)
    run(api, lake)
    replica.reset()
    replica.rows, replica.day = 40, 3
    run(api, lake)
    before = listing(lake)
    head = lake.head(KEYS.table).version
    assert head >= 4
    for version in range(1, head + 1):
        assert rederive(lake, version) == changed_shas(lake, version)
    assert "" in {sha for v in range(1, head + 1) for sha in changed_shas(lake, v).values()}
    assert listing(lake) == before


def test_a_version_that_a_replay_made_is_derived_again_from_the_read_it_replayed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """Its receipt names the read whose raw it came from."""
    told = publish_landed(lake, land_rows(lake, [a_row(1), a_row(2, completion_rate="150")]))
    under_contract(monkeypatch, a_higher_limit())
    version = replay(lake, told["token"])["version"]
    assert version is not None
    assert rederive(lake, version) == changed_shas(lake, version) != {}
    with pytest.raises(MadeOtherwise) as refusal:
        rederive(lake, version - 1)
    one_clear_line(refusal.value, "version 1", "contract 1", "today's is 2")


def test_a_version_of_another_writer_is_told_apart(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Another release of the Parquet writer gives other bytes for the same rows: no damage."""

    def older(rows: pa.Table, *sorting: Any) -> bytes:
        return to_parquet(rows, *sorting).replace(MAKER, MAKER.replace(b"arrow", b"older"))

    monkeypatch.setattr(write, "to_parquet", older)
    version = publish_landed(lake, land_rows(lake, [a_row(1)]))["version"]
    monkeypatch.undo()
    assert version is not None
    with pytest.raises(MadeOtherwise) as refusal:
        rederive(lake, version)
    one_clear_line(refusal.value, f"version {version}", "parquet-cpp-older version")


def test_a_version_that_lost_a_race_is_derived_again_as_it_was_committed(lake: Lake):
    """Two reads compared with one head, both published: the second on top of the first."""
    publish_landed(lake, land_rows(lake, [a_row(1), a_row(2), a_row(3)]))
    older = land_rows(lake, [a_row(1), a_row(2, subject="Older"), a_row(3)], refreshed=LATER)
    bad = [a_row(1, subject="Newer"), a_row(2, completion_rate="150"), a_row(3)]
    newer = land_rows(lake, bad, refreshed="2026-06-30T09:30:43Z")
    compared = write_parquet(lake, partition(lake, newer))
    publish_landed(lake, older)
    part = Part(read=newer["read"], batch=newer["batch"])
    version = publish(lake, [part], [compared], dry_run=False)["version"]
    assert version is not None
    assert [row["subject"] for row in table_rows(lake)][:2] == ["Newer", "Older"]
    assert rederive(lake, version) == changed_shas(lake, version)


def test_without_raw_nothing_is_derived_again(lake: Lake):
    """Raw that was pruned is named for what it is."""
    told = publish_landed(lake, land_rows(lake, [a_row(1)]))
    forget(lake, KEYS.raw_folder)
    with pytest.raises(RawGone, match="pruned, or never landed"):
        rederive(lake, told["version"])

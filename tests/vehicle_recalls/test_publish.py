"""Publishing: one commit or none, newer reads before older ones, every key in one place."""

from __future__ import annotations

from typing import Any

import pytest

from include.first.lake import Lake, LakeError
from include.first.quality import AuditFailed
from include.vehicle_recalls import extract
from include.vehicle_recalls.extract import BatchRef, Landed, Part, TornRead
from include.vehicle_recalls.ledger import bring_to_head, read_ledger
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import Written, write_parquet
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    a_read,
    a_row,
    land_rows,
    listing,
    one_clear_line,
    publish_landed,
    quarantine,
    table_rows,
)

DAY_1, DAY_2, DAY_3 = (f"2026-06-2{day}T09:30:43Z" for day in (7, 8, 9))
LOG = f"{KEYS.table}/_delta_log/"
EARLY = BatchRef(label="1966-2018", first=None, last=2018, undated=False)
LATE = BatchRef(label="2019-2026", first=2019, last=None, undated=True)
Staged = tuple[list[Part], list[Written]]


def _in(year: int, number: int, **changes: Any) -> Row:
    return a_row(number, report_received_date=f"{year}-03-04T00:00:00.000", **changes)


def _stage(lake: Lake, *batches: Landed) -> Staged:
    """Everything up to the doorstep of publish."""
    parts = [Part(read=landed["read"], batch=landed["batch"]) for landed in batches]
    return parts, [write_parquet(lake, partition(lake, landed)) for landed in batches]


def _publish(lake: Lake, staged: Staged, *, dry_run: bool = False) -> Published:
    return publish(lake, *staged, dry_run=dry_run)


def _land_some(lake: Lake, years: list[int], rows: list[Row], refreshed: str) -> Landed:
    """A read of some neighbouring years only."""
    batch = BatchRef(label="some", first=years[0], last=years[-1], undated=False)
    return land_rows(lake, rows, read=a_read(lake, years), batch=batch, refreshed=refreshed)


def _land_two(
    lake: Lake, early: list[Row], late: list[Row], refreshed: str = DAY_2
) -> list[Landed]:
    """A read of everything in two batches: up to 2018, and from 2019 on."""
    read = a_read(lake)
    return [
        land_rows(lake, rows, read=read, batch=batch, refreshed=refreshed)
        for rows, batch in ((early, EARLY), (late, LATE))
    ]


def _places(lake: Lake) -> dict[str, list[int]]:
    """The year of every copy of every key in the committed table."""
    places: dict[str, list[int]] = {}
    for row in table_rows(lake):
        places.setdefault(row["nhtsa_id"], []).append(row["report_received_date"].year)
    return dict(sorted(places.items()))


def _subjects(lake: Lake) -> dict[str, str]:
    return {row["nhtsa_id"]: row["subject"] for row in table_rows(lake)}


def _state(lake: Lake, year: int) -> dict[str, Any]:
    return lake.head(KEYS.table).receipt["years"][str(year)]


def _versions(lake: Lake) -> int:
    return sum(key.endswith(".json") for key in lake.keys(LOG))


# What is committed, and what is not


def test_the_first_read_is_the_baseline(lake: Lake) -> None:
    """The first commit holds every year with its hash, its rows and the time of its read."""
    rows = [_in(2018, 1), _in(2019, 2), _in(2019, 3)]
    told = publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    receipt = lake.head(KEYS.table).receipt
    assert (told["version"], receipt["baseline"]) == (1, 1)
    assert {year: state["rows"] for year, state in receipt["years"].items()} == {
        "2018": 1,
        "2019": 2,
    }
    for state in receipt["years"].values():
        assert state["sha256"] in state["path"]
        assert (state["last_modified"], state["answered_at"]) == (DAY_1, DAY_1)
    assert receipt["counts"] == {
        "landed": 3,
        "accepted": 3,
        "quarantined": 0,
        "not_newer": 0,
        "kept": 0,
        "rows": 3,
        "published": 3,
        "edited": 0,
        "retracted": 0,
        "unchanged": 0,
    }


def test_a_receipt_carries_the_whole_state_forward(lake: Lake) -> None:
    """A commit that changes one year still tells all of them, and when they were last seen."""
    first = land_rows(lake, [_in(2018, 1), _in(2019, 2)], refreshed=DAY_1)
    publish_landed(lake, first)
    before = _state(lake, 2018)
    rows = [_in(2018, 1), _in(2019, 2, subject="Edited")]
    told = publish_landed(lake, land_rows(lake, rows, refreshed=DAY_2))
    receipt = lake.head(KEYS.table).receipt
    assert told["changed"] == {"2019": {"before": 1, "after": 1}}
    assert _state(lake, 2018) == before | {"last_modified": DAY_2, "answered_at": DAY_2}
    assert (receipt["baseline"], receipt["contract"]) == (1, "1")
    assert receipt["source"] == {"dataset": "6axg-epim", "publisher": "made-up:7"}


def test_a_read_of_some_years_carries_the_others_as_they_are(lake: Lake) -> None:
    """Years that were not read keep their state to the letter, and their time."""
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2019, 2)], refreshed=DAY_1))
    before = _state(lake, 2018)
    rows = [_in(2019, 2, subject="Edited")]
    publish_landed(lake, _land_some(lake, [2019], rows, DAY_2))
    assert _state(lake, 2018) == before
    assert lake.head(KEYS.table).receipt["years_read"] == [2019]
    assert _subjects(lake)["19V000002"] == "Edited"


def test_an_unchanged_read_commits_nothing(lake: Lake) -> None:
    """A second read of the same facts, under new row ids, leaves raw and no other trace."""
    publish_landed(lake, land_rows(lake, [_in(2019, 1), _in(2019, 2)], refreshed=DAY_1))
    before = set(listing(lake))
    again = [_in(2019, n, id=f"row-new-{n}") for n in (2, 1)]
    told = publish_landed(lake, land_rows(lake, again, refreshed=DAY_2))
    assert (told["version"], told["changed"]) == (None, {})
    assert all(key.startswith(KEYS.raw_folder) for key in set(listing(lake)) - before)


def test_publishing_a_read_twice_commits_once(lake: Lake) -> None:
    """A task that runs again finds its own commit in the log, also below a later one."""
    staged = _stage(lake, land_rows(lake, [_in(2019, 1)], refreshed=DAY_1))
    first = _publish(lake, staged)
    publish_landed(lake, land_rows(lake, [_in(2019, 1, subject="New")], refreshed=DAY_2))
    assert _publish(lake, staged) == first
    assert _versions(lake) == 3
    assert _subjects(lake) == {"19V000001": "New"}


def test_a_dry_run_commits_nothing_and_tells_what_it_would(lake: Lake) -> None:
    """The lake has no table after it; the answer names the years that would change."""
    told = _publish(lake, _stage(lake, land_rows(lake, [_in(2019, 1)])), dry_run=True)
    assert (told["version"], told["dry_run"]) == (None, True)
    assert told["changed"] == {"2019": {"before": 0, "after": 1}}
    assert lake.head(KEYS.table).version == -1


def test_another_source_is_refused(lake: Lake) -> None:
    """A table of one source takes nothing of another; the message names both."""
    publish_landed(lake, land_rows(lake, [_in(2019, 1)]))
    foreign = a_read(lake)
    foreign["publisher"] = "official"
    with pytest.raises(AuditFailed) as error:
        publish_landed(lake, land_rows(lake, [_in(2019, 1, subject="Other")], read=foreign))
    one_clear_line(error.value, "6axg-epim (official)", "6axg-epim (made-up:7)", "another bucket")
    assert _subjects(lake) == {"19V000001": "Brake hose may crack"}


def test_a_batch_that_did_not_arrive_stops_the_read(lake: Lake) -> None:
    """Fewer batches than planned publish nothing."""
    parts, written = _stage(lake, *_land_two(lake, [_in(2018, 1)], [_in(2019, 2)]))
    with pytest.raises(TornRead) as error:
        _publish(lake, (parts, written[:1]))
    one_clear_line(error.value, "2 batches were planned but 1 arrived", "nothing was published")
    assert lake.head(KEYS.table).version == -1


def test_batches_of_two_refreshes_are_not_published_together(lake: Lake) -> None:
    """A source that was replaced between batches is read anew, not mixed."""
    read = a_read(lake)
    early = land_rows(lake, [_in(2018, 1)], read=read, batch=EARLY, refreshed=DAY_1)
    late = land_rows(lake, [_in(2019, 2)], read=read, batch=LATE, refreshed=DAY_2)
    with pytest.raises(TornRead) as error:
        publish_landed(lake, early, late)
    one_clear_line(error.value, DAY_1, DAY_2, "nothing was published")
    assert lake.head(KEYS.table).version == -1


# Older reads


def test_an_older_read_leaves_a_newer_year_alone(lake: Lake) -> None:
    """A slow read of yesterday commits nothing over what a read of today has committed."""
    yesterday = _stage(lake, land_rows(lake, [_in(2019, 1, subject="Old")], refreshed=DAY_1))
    publish_landed(lake, land_rows(lake, [_in(2019, 1, subject="New")], refreshed=DAY_2))
    told = _publish(lake, yesterday)
    assert (told["version"], told["left_alone"]) == (None, [2019])
    assert _subjects(lake) == {"19V000001": "New"}


def test_of_one_refresh_the_later_answer_counts(lake: Lake) -> None:
    """Where the source says one time for both, its clock at the answer decides."""
    early = land_rows(lake, [_in(2019, 1, subject="Old")], refreshed=DAY_1)
    late = land_rows(lake, [_in(2019, 1, subject="New")], refreshed=DAY_1)
    early["answered_at"], late["answered_at"] = DAY_2, DAY_3
    slow = _stage(lake, early)
    publish_landed(lake, late)
    assert _publish(lake, slow)["left_alone"] == [2019]
    assert _subjects(lake) == {"19V000001": "New"}


def test_an_older_read_still_brings_the_years_that_nobody_read_since(lake: Lake) -> None:
    """Only the years with a later read are left alone; the others are published."""
    rows = [_in(2018, 1), _in(2019, 2)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    rows = [_in(2018, 1, subject="Day 2"), _in(2019, 2, subject="Day 2")]
    slow = _stage(lake, land_rows(lake, rows, refreshed=DAY_2))
    rows = [_in(2019, 2, subject="Day 3")]
    publish_landed(lake, _land_some(lake, [2019], rows, DAY_3))
    told = _publish(lake, slow)
    assert (told["left_alone"], list(told["changed"])) == ([2019], ["2018"])
    assert _subjects(lake) == {"19V000001": "Day 2", "19V000002": "Day 3"}
    assert (_state(lake, 2018)["last_modified"], _state(lake, 2019)["last_modified"]) == (
        DAY_2,
        DAY_3,
    )


def test_an_older_read_does_not_move_a_row_back(lake: Lake) -> None:
    """A key that a later read has put into another year stays there."""
    slow = _stage(
        lake, land_rows(lake, [_in(2018, 1), _in(2018, 2), _in(2019, 3)], refreshed=DAY_1)
    )
    rows = [_in(2019, 1), _in(2018, 2), _in(2019, 3)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_2))
    assert _publish(lake, slow)["version"] is None
    assert _places(lake) == {"19V000001": [2019], "19V000002": [2018], "19V000003": [2019]}


def test_an_older_read_does_not_bring_back_a_year_that_went(lake: Lake) -> None:
    """A year whose last row a later read saw retracted stays away."""
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2019, 2)], refreshed=DAY_1))
    rows = [_in(2018, 1, subject="Day 2"), _in(2019, 2)]
    slow = _stage(lake, land_rows(lake, rows, refreshed=DAY_2))
    publish_landed(lake, land_rows(lake, [_in(2019, 2)], refreshed=DAY_3))
    _publish(lake, slow)
    assert _places(lake) == {"19V000002": [2019]}


def test_an_older_read_of_one_year_does_not_take_a_row_from_a_newer_one(lake: Lake) -> None:
    """A key that moved by a later read of its new year alone is not moved back by the older."""
    rows = [_in(2018, 1), _in(2018, 2), _in(2019, 3)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    rows = [_in(2018, 1), _in(2018, 2, subject="Day 2")]
    slow = _stage(lake, _land_some(lake, [2018], rows, DAY_2))
    publish_landed(lake, _land_some(lake, [2019], [_in(2019, 1), _in(2019, 3)], DAY_3))
    assert _places(lake)["19V000001"] == [2019]
    _publish(lake, slow)
    assert _places(lake) == {"19V000001": [2019], "19V000002": [2018], "19V000003": [2019]}
    assert _subjects(lake)["19V000002"] == "Day 2"


@pytest.mark.parametrize("meanwhile", ["edited", "retracted"])
def test_a_year_is_never_called_newer_than_its_content(lake: Lake, meanwhile: str) -> None:
    """A year that was as the head had it, and that an older read then changed, tells the truth.

    The source edits a row on day 2 and takes it back on day 3, and the reads meet out of order.
    """
    as_ever = [_in(2018, 1), _in(2018, 2)]
    publish_landed(lake, land_rows(lake, [*as_ever, _in(2019, 3)], refreshed=DAY_1))
    rows = [*as_ever, _in(2019, 3, subject="Day 3")]
    newer = _stage(lake, land_rows(lake, rows, refreshed=DAY_3))
    rows = [_in(2018, 1), _in(2018, 2, subject="Day 2")] if meanwhile == "edited" else as_ever[:1]
    publish_landed(lake, land_rows(lake, [*rows, _in(2019, 3)], refreshed=DAY_2))
    day_2 = _state(lake, 2018)
    _publish(lake, newer)
    assert _subjects(lake)["19V000003"] == "Day 3"
    now = _state(lake, 2018)
    assert now["last_modified"] == (DAY_2 if now["content"] == day_2["content"] else DAY_3)


# One read in several batches


def test_a_key_in_two_batches_is_set_aside_in_both(lake: Lake) -> None:
    """No copy is believed: both go to the quarantine, with their reason and their raw rows."""
    early, late = [_in(2018, 1), _in(2018, 2)], [_in(2019, 1), _in(2019, 3)]
    told = publish_landed(lake, *_land_two(lake, early, late))
    assert _places(lake) == {"19V000002": [2018], "19V000003": [2019]}
    aside = quarantine(lake, told["token"])
    assert [row["nhtsa_id"] for row in aside] == ["19V000001"] * 2
    assert sorted(row["raw"]["report_received_date"][:4] for row in aside) == ["2018", "2019"]
    assert all("more than one place" in row["reasons"] for row in aside)
    assert (told["counts"]["accepted"], told["counts"]["quarantined"]) == (2, 2)


def test_a_key_in_two_batches_keeps_its_published_state(lake: Lake) -> None:
    """Of a recall whose copies contradict each other the last sound state stays."""
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2019, 3)], refreshed=DAY_1))
    early, late = [_in(2018, 1, subject="A")], [_in(2019, 1, subject="B"), _in(2019, 3)]
    told = publish_landed(lake, *_land_two(lake, early, late))
    assert _places(lake) == {"19V000001": [2018], "19V000003": [2019]}
    assert _subjects(lake)["19V000001"] == "Brake hose may crack"
    assert (told["counts"]["kept"], told["counts"]["quarantined"]) == (1, 2)


def test_a_copy_in_a_year_that_does_not_change_is_found(lake: Lake) -> None:
    """A key that comes again in another batch is a copy, also where its own year is as it was."""
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2019, 3)], refreshed=DAY_1))
    early, late = [_in(2018, 1)], [_in(2019, 1, subject="B"), _in(2019, 3)]
    told = publish_landed(lake, *_land_two(lake, early, late))
    assert _places(lake) == {"19V000001": [2018], "19V000003": [2019]}
    assert _subjects(lake)["19V000001"] == "Brake hose may crack"
    assert len(quarantine(lake, told["token"])) == 2


def test_a_row_moves_between_batches_in_one_version(lake: Lake) -> None:
    """A new date in another batch's year is a move: both years change in the same commit."""
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2018, 2), _in(2019, 3)]))
    told = publish_landed(
        lake, *_land_two(lake, [_in(2018, 2)], [_in(2019, 1), _in(2019, 3)], refreshed=DAY_3)
    )
    assert (told["version"], list(told["changed"])) == (2, ["2018", "2019"])
    assert _places(lake) == {"19V000001": [2019], "19V000002": [2018], "19V000003": [2019]}


def test_a_row_that_breaks_in_another_batch_stays_where_it_was(lake: Lake) -> None:
    """A recall that loses its date comes with the last batch, and stays in its old year."""
    rows = [_in(2018, 1), _in(2018, 2), _in(2019, 3)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    undated = a_row(1, report_received_date=None)
    early, late = [_in(2018, 2, subject="New")], [_in(2019, 3), undated]
    told = publish_landed(lake, *_land_two(lake, early, late))
    assert _places(lake) == {"19V000001": [2018], "19V000002": [2018], "19V000003": [2019]}
    assert _subjects(lake)["19V000002"] == "New"
    assert told["counts"]["quarantined"] == 1


def test_a_row_found_in_a_year_that_was_read_alone_is_a_move(lake: Lake) -> None:
    """The year it came from is rewritten without it, though nobody read that year."""
    rows = [_in(2018, 1), _in(2018, 2), _in(2019, 3)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    rows = [_in(2019, 1), _in(2019, 3)]
    told = publish_landed(lake, _land_some(lake, [2019], rows, DAY_2))
    assert list(told["changed"]) == ["2018", "2019"]
    assert _places(lake) == {"19V000001": [2019], "19V000002": [2018], "19V000003": [2019]}


def test_a_read_of_some_years_retracts_nothing(lake: Lake) -> None:
    """A row that is missing from a year read alone may have moved, and stays until all is read."""
    rows = [_in(2018, 1), _in(2019, 2), _in(2019, 3)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    publish_landed(lake, _land_some(lake, [2019], [_in(2019, 3)], DAY_2))
    assert _places(lake)["19V000002"] == [2019]
    publish_landed(lake, land_rows(lake, [_in(2018, 1), _in(2019, 3)], refreshed=DAY_3))
    assert _places(lake) == {"19V000001": [2018], "19V000003": [2019]}


def test_many_batches_make_what_one_batch_makes(
    lake: Lake, s3: Any, recalls_url: str, replica: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over three days with edits, moves and returns, the split of a read leaves no mark."""
    replica.rows = 30
    s3.create_bucket(Bucket=f"{lake.bucket}-whole")
    whole = Lake(lake.s3, f"{lake.bucket}-whole", lake.storage_options)
    for day in (1, 2, 3):
        replica.day = day
        monkeypatch.setattr(extract, "BATCH_ROWS", 50_000)
        run(RecallsApi(recalls_url), whole)
        monkeypatch.setattr(extract, "BATCH_ROWS", 10)
        run(RecallsApi(recalls_url), lake)
        batches = {call.params.get("$where") for call in replica.requests}
        assert len(batches) > 3  # the census and the whole read ask for one each
        mine, others = (
            {y: s["sha256"] for y, s in one.head(KEYS.table).receipt["years"].items()}
            for one in (lake, whole)
        )
        assert mine == others


# Two publishers


def test_who_comes_second_compares_again(proxy: FaultyS3, shaky: Lake, lake: Lake) -> None:
    """Another commit between load and put is built upon: both changes stand, two versions."""
    rows = [_in(2018, 1), _in(2019, 2)]
    publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    mine = _stage(lake, _land_some(lake, [2018], [_in(2018, 1, subject="Mine")], DAY_2))
    other = _stage(lake, _land_some(lake, [2019], [_in(2019, 2, subject="Other")], DAY_2))
    proxy.before(lambda: _publish(lake, other), f"PUT /{lake.bucket}/{LOG}")
    assert _publish(shaky, mine)["version"] == 3
    assert _subjects(lake) == {"19V000001": "Mine", "19V000002": "Other"}
    assert _versions(lake) == 4


def test_what_another_commits_meanwhile_counts_in_the_quarantine_too(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """A publisher that has to compare again may come to another quarantine than at first.

    At first the copies of a key contradict each other; after a newer commit one is out of date.
    """
    publish_landed(lake, land_rows(lake, [_in(2018, 2), _in(2019, 3)], refreshed=DAY_1))
    early = [_in(2018, 1), _in(2018, 2)]
    late = [_in(2019, 1), _in(2019, 3, subject="Mine"), a_row(9, report_received_date=None)]
    mine = _stage(lake, *_land_two(lake, early, late, refreshed=DAY_2))
    newer = _stage(lake, _land_some(lake, [2018], [_in(2018, 1), _in(2018, 2)], DAY_3))
    proxy.before(lambda: _publish(lake, newer), f"PUT /{lake.bucket}/{LOG}")
    told = _publish(shaky, mine)
    assert _places(lake) == {"19V000001": [2018], "19V000002": [2018], "19V000003": [2019]}
    assert _subjects(lake)["19V000003"] == "Mine"
    assert len(quarantine(lake, told["token"])) == told["counts"]["quarantined"] == 1


def test_a_refused_commit_is_told_and_can_be_repeated(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """S3 refuses the log entry: one line, no version; the same task then publishes."""
    publish_landed(lake, land_rows(lake, [_in(2019, 1)], refreshed=DAY_1))
    mine = _stage(lake, land_rows(lake, [_in(2019, 1, subject="New")], refreshed=DAY_2))
    proxy.fail(f"PUT /{lake.bucket}/{LOG}", status=403)
    with pytest.raises(LakeError) as error:
        _publish(shaky, mine)
    one_clear_line(error.value, f"s3://{lake.bucket}/{KEYS.table}", "AccessDenied")
    assert _versions(lake) == 2
    proxy.clear()
    assert _publish(shaky, mine)["version"] == 2
    assert _subjects(lake) == {"19V000001": "New"}


def test_a_checkpoint_that_fails_after_the_commit_is_no_failure(
    proxy: FaultyS3, shaky: Lake, lake: Lake
) -> None:
    """The library raises although the commit landed; the log says that it did."""
    publish_landed(lake, land_rows(lake, [_in(2019, 1)], refreshed=DAY_1))
    handle = lake.head(KEYS.table).handle
    assert handle is not None
    handle.alter.set_table_properties({"delta.checkpointInterval": "1"})
    mine = _stage(lake, land_rows(lake, [_in(2019, 1, subject="New")], refreshed=DAY_2))
    proxy.fail(lambda call: call.changes and "checkpoint" in call.path, status=403)
    assert _publish(shaky, mine)["version"] == 3
    assert any("checkpoint" in call.path for call in proxy.changes)
    assert _subjects(lake) == {"19V000001": "New"}
    assert _versions(lake) == 4


def test_the_first_read_of_all_years_is_the_baseline_even_without_a_change(lake: Lake) -> None:
    """A table filled year by year gets its baseline, so that the next edit is told."""
    rows = [_in(2019, 1), _in(2019, 2)]
    publish_landed(lake, _land_some(lake, [2019], rows, DAY_1))
    assert lake.head(KEYS.table).receipt["baseline"] is None
    told = publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    receipt = lake.head(KEYS.table).receipt
    assert (told["version"], told["changed"], receipt["baseline"]) == (2, {}, 2)
    again = publish_landed(lake, land_rows(lake, rows, refreshed=DAY_1))
    assert again["version"] is None
    publish_landed(lake, land_rows(lake, [rows[0], _in(2019, 2, subject="New")], refreshed=DAY_2))
    bring_to_head(lake)
    (events,) = read_ledger(lake)
    assert events.select(["version", "event", "field"]).to_pylist() == [
        {"version": 3, "event": "edited", "field": "subject"}
    ]

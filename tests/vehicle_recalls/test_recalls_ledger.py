"""The ledger of recalls: every kind of change with its rows, once a version, and read again."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pytest
from botocore.client import BaseClient

from include.first.lake import Lake
from include.first.ledger import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import (
    LEDGER,
    LEDGER_SCHEMA,
    LedgerTorn,
    bring_to_head,
    ledger_state,
    read_ledger,
)
from include.vehicle_recalls.publish import TABLE_SCHEMA
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.evidence import KEYS, a_row, listing, new_lake, one_clear_line
from tests.vehicle_recalls.ledger_evidence import (
    LOG,
    TEXTS,
    a_day,
    commits,
    ledger_rows,
    moment,
    remove,
    restore,
    row_in,
    snapshot,
    table_of,
    told,
    whole_row,
)

TABLE_LOG = f"{KEYS.table}/_delta_log/"


def _observed(day: int) -> datetime:
    return datetime.fromisoformat(moment(day))


@pytest.fixture(scope="module")
def made_two(s3: BaseClient, s3_url: str) -> dict[str, bytes]:
    lake = new_lake(s3, s3_url)
    a_day(lake, 1, a_row(1), a_row(2))
    bring_to_head(lake)
    return snapshot(lake)


@pytest.fixture
def two(lake: Lake, made_two: dict[str, bytes]) -> Lake:
    """A baseline of two campaigns of 2019, which the ledger knows."""
    restore(lake, made_two)
    return lake


# What is recorded


def test_a_lake_without_a_table_has_no_ledger(lake: Lake) -> None:
    """Nothing to tell: nothing is written, not even an empty ledger."""
    assert bring_to_head(lake) == []
    assert ledger_state(lake) == (None, -1)
    assert listing(lake) == {}


def test_a_table_without_a_read_has_no_ledger(lake: Lake) -> None:
    """A table that was only created says nothing yet."""
    lake.create(KEYS.table, TABLE_SCHEMA, partition_by="year")
    assert bring_to_head(lake) == []
    assert list(lake.keys(LOG)) == []


def test_the_baseline_makes_no_rows(lake: Lake) -> None:
    """The first read of the whole is where the ledger begins: a commit that says so, no rows."""
    a_day(lake, 1, a_row(1), a_row(2))
    assert ledger_state(lake) == (None, 1)
    assert bring_to_head(lake) == [1]
    assert (told(lake), commits(lake)) == ([], [1])
    assert ledger_state(lake) == (1, 1)
    assert table_of(lake).transaction_version(LEDGER) == 1


def test_an_edit_is_a_row_a_field(two: Lake) -> None:
    """Old and new of what differs, as text, with the version and the time of the read."""
    edited = a_row(1, completion_rate="62.0", do_not_drive="No", subject=None, component="")
    a_day(two, 2, edited, a_row(2))
    assert bring_to_head(two) == [2]
    common = {
        "version": 2,
        "observed_at": _observed(2),
        "nhtsa_id": "19V000001",
        "year": 2019,
        "event": EDITED,
    }
    assert ledger_rows(two) == [
        common | {"field": "completion_rate", "old": "61.5", "new": "62"},
        common | {"field": "component", "old": "SERVICE BRAKES, HYDRAULIC", "new": ""},
        common | {"field": "do_not_drive", "old": "true", "new": "false"},
        common | {"field": "subject", "old": "Brake hose may crack", "new": None},
    ]
    receipt = two.receipt(KEYS.ledger, two.head(KEYS.ledger).version)
    nothing = {PUBLISHED: 0, RETRACTED: 0, REPUBLISHED: 0}
    assert (receipt["version"], receipt["campaigns"]) == (2, nothing | {EDITED: 1})


def test_what_the_source_renews_daily_is_no_edit(two: Lake) -> None:
    """Row ids and times of the source change beside a real edit, and are not told."""
    renewed = {"id": "row-new", ":updated_at": "2026-07-02T00:00:00.000Z"}
    a_day(two, 2, a_row(1, manufacturer="Ford", **renewed), a_row(2, **renewed))
    bring_to_head(two)
    assert told(two) == [
        (2, EDITED, "19V000001", 2019, "manufacturer", "Ford Motor Company", "Ford")
    ]


def test_a_new_campaign_is_told_whole(two: Lake) -> None:
    """A row for each field that has a value; an empty text is one, nothing is none."""
    a_day(two, 2, a_row(1), a_row(2), a_row(3, completion_rate=None, subject=""))
    assert bring_to_head(two) == [2]
    assert told(two) == whole_row(PUBLISHED, 2, 3, completion_rate=None, subject="")
    assert len(told(two)) == len(TEXTS) - 1


def test_a_retracted_campaign_is_told_whole(two: Lake) -> None:
    """What it was stays on record, under the year that it was in."""
    a_day(two, 2, a_row(2))
    assert bring_to_head(two) == [2]
    assert told(two) == whole_row(RETRACTED, 2, 1)
    assert two.head(KEYS.ledger).receipt["retracted"] == ["19V000001"]


def test_a_year_that_goes_is_told_under_its_own_name(lake: Lake) -> None:
    """The only campaign of a year vanishes, and the only one of another comes."""
    a_day(lake, 1, row_in(2018, 1), row_in(2019, 2))
    a_day(lake, 2, row_in(2019, 2), row_in(2020, 3))
    assert bring_to_head(lake) == [1, 2]
    assert told(lake) == [
        *whole_row(RETRACTED, 2, 1, report_received_date="2018-03-04"),
        *whole_row(PUBLISHED, 2, 3, report_received_date="2020-03-04"),
    ]


def test_a_move_between_years_is_an_edit_of_the_date(lake: Lake) -> None:
    """Neither retracted nor published: one row, with the year that it is in now."""
    a_day(lake, 1, row_in(2018, 1), row_in(2018, 2), row_in(2020, 3))
    a_day(lake, 2, row_in(2020, 1), row_in(2018, 2), row_in(2021, 3, subject="Moved"))
    bring_to_head(lake)
    days = ("2018-03-04", "2020-03-04", "2021-03-04")
    assert told(lake) == [
        (2, EDITED, "19V000001", 2020, "report_received_date", days[0], days[1]),
        (2, EDITED, "19V000003", 2021, "report_received_date", days[1], days[2]),
        (2, EDITED, "19V000003", 2021, "subject", "Brake hose may crack", "Moved"),
    ]
    assert lake.head(KEYS.ledger).receipt["retracted"] == []


@pytest.mark.parametrize("daily", [True, False], ids=["day by day", "all at once"])
def test_what_returns_is_republished(two: Lake, daily: bool) -> None:
    """However many versions lie between, and again after a second retraction."""
    one, other = a_row(1), a_row(2)
    days = [
        [other],
        [a_row(2, subject="A")],
        [a_row(2, subject="A"), one],
        [a_row(2, subject="A")],
        [a_row(2, subject="A"), row_in(2020, 1), a_row(3)],
    ]
    for number, rows in enumerate(days, 2):
        a_day(two, number, *rows)
        if daily:
            assert bring_to_head(two) == [number]
    bring_to_head(two)
    moved = {"report_received_date": "2020-03-04"}
    assert [event for event in told(two) if event[2] != "19V000002"] == [
        *whole_row(RETRACTED, 2, 1),
        *whole_row(REPUBLISHED, 4, 1),
        *whole_row(RETRACTED, 5, 1),
        *whole_row(REPUBLISHED, 6, 1, **moved),
        *whole_row(PUBLISHED, 6, 3),
    ]
    assert two.head(KEYS.ledger).receipt["retracted"] == []
    assert commits(two) == [1, 2, 3, 4, 5, 6]


def _change_our_contract(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setitem(CONTRACT.__dict__, "version", version)


def test_a_change_of_our_contract_is_no_news(two: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs then is ours: no rows, and the next version is told against the new baseline."""
    _change_our_contract(monkeypatch, "2")
    assert a_day(two, 2, a_row(1, subject="Ours"), a_row(4))["rebaseline"]
    a_day(two, 3, a_row(1, subject="Theirs"), a_row(4))
    assert bring_to_head(two) == [2, 3]
    assert told(two) == [(3, EDITED, "19V000001", 2019, "subject", "Ours", "Theirs")]
    assert commits(two) == [1, 2, 3]


def test_a_retraction_is_remembered_over_a_change_of_our_contract(
    two: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retracted before the new baseline and back after it: republished."""
    a_day(two, 2, a_row(2))
    _change_our_contract(monkeypatch, "2")
    a_day(two, 3, a_row(2))
    a_day(two, 4, a_row(1), a_row(2))
    assert bring_to_head(two) == [2, 3, 4]
    assert {(event[0], event[1]) for event in told(two)} == {(2, RETRACTED), (4, REPUBLISHED)}
    assert two.head(KEYS.ledger).receipt["retracted"] == []


def test_reads_of_some_years_before_the_first_whole_one_make_no_rows(lake: Lake) -> None:
    """What came before the baseline is no news either, and neither is what the baseline adds."""
    a_day(lake, 1, row_in(2018, 1), years=[2018])
    a_day(lake, 2, row_in(2018, 1, subject="Edited"), years=[2018])
    a_day(lake, 3, row_in(2018, 1, subject="Again"), row_in(2019, 2))
    a_day(lake, 4, row_in(2018, 1), row_in(2019, 2))
    assert bring_to_head(lake) == [1, 2, 3, 4]
    assert [event[:3] for event in told(lake)] == [(4, EDITED, "19V000001")]


def test_a_read_of_some_years_tells_of_these_and_retracts_nothing(lake: Lake) -> None:
    """Absent from a year is no retraction then; a move into it is told as the move that it is."""
    a_day(lake, 1, row_in(2018, 1), row_in(2018, 2), row_in(2019, 3), row_in(2020, 4))
    rows = [row_in(2019, 3, subject="Edited"), row_in(2019, 1), row_in(2019, 5)]
    a_day(lake, 2, *rows, years=[2019])
    a_day(lake, 3, row_in(2019, 5), years=[2019])
    bring_to_head(lake)
    assert [event for event in told(lake) if event[1] == EDITED] == [
        (2, EDITED, "19V000001", 2019, "report_received_date", "2018-03-04", "2019-03-04"),
        (2, EDITED, "19V000003", 2019, "subject", "Brake hose may crack", "Edited"),
    ]
    assert [event for event in told(lake) if event[1] != EDITED] == whole_row(PUBLISHED, 2, 5)


def test_a_row_in_quarantine_makes_no_events(two: Lake) -> None:
    """It stays as it was, beside others that change; mended, what differs is told."""
    broken = a_row(1, potentially_affected="-1", subject="Broken")
    a_day(two, 2, broken, a_row(2, subject="Edited"))
    a_day(two, 3, a_row(1, subject="Mended"), a_row(2, subject="Edited"))
    bring_to_head(two)
    subject = "Brake hose may crack"
    assert told(two) == [
        (2, EDITED, "19V000002", 2019, "subject", subject, "Edited"),
        (3, EDITED, "19V000001", 2019, "subject", subject, "Mended"),
    ]


# Which versions


def test_a_second_call_does_nothing(two: Lake) -> None:
    """At the head there is nothing left: no object is written."""
    a_day(two, 2, a_row(1))
    assert bring_to_head(two) == [2]
    before = listing(two)
    assert bring_to_head(two) == []
    assert listing(two) == before


def _touch(lake: Lake, number: int) -> None:
    """A version that changes no data and has no receipt, such as a vacuum makes."""
    handle = lake.head(KEYS.table).handle
    assert handle is not None
    handle.alter.set_table_properties({"delta.x": str(number)}, raise_if_not_exists=False)


def test_versions_without_a_receipt_are_passed_over(two: Lake) -> None:
    """Before, between and after the versions that tell: the ledger goes from one to the next."""
    _touch(two, 1)  # 2
    a_day(two, 2, a_row(1, subject="A"), a_row(2))  # 3
    _touch(two, 2)  # 4
    _touch(two, 3)  # 5
    a_day(two, 3, a_row(1, subject="B"), a_row(2))  # 6
    _touch(two, 4)  # 7
    assert ledger_state(two) == (1, 6)
    assert bring_to_head(two) == [3, 6]
    assert [(e[0], *e[4:]) for e in told(two)] == [
        (3, "subject", "Brake hose may crack", "A"),
        (6, "subject", "A", "B"),
    ]
    assert (commits(two), bring_to_head(two), ledger_state(two)) == ([1, 3, 6], [], (6, 6))


def test_a_lake_from_before_the_ledger_is_caught_up(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Receipts that know nothing of a ledger, and its folder is not there: all is told."""
    commit = Lake.commit
    ours = {"events", "rebaseline", "landings", "replay_of", "rebuilt", "held_back"}

    def commit_as_before(self: Lake, *args: Any) -> int:
        *others, receipt = args
        years = {
            year: {name: value for name, value in state.items() if name != "nulls"}
            for year, state in receipt["years"].items()
        }
        known = {name: value for name, value in receipt.items() if name not in ours}
        return commit(self, *others, known | {"years": years})

    monkeypatch.setattr(Lake, "commit", commit_as_before)
    a_day(lake, 1, a_row(1), row_in(2020, 2))
    a_day(lake, 2, a_row(1, subject="A"), row_in(2020, 2))
    a_day(lake, 3, a_row(1, subject="A"))
    a_day(lake, 4, a_row(1, subject="A"), row_in(2020, 2))
    monkeypatch.undo()
    remove(lake, KEYS.staging_folder)
    assert ledger_state(lake) == (None, 4)
    assert bring_to_head(lake) == [1, 2, 3, 4]
    moved = {"report_received_date": "2020-03-04"}
    assert told(lake) == [
        (2, EDITED, "19V000001", 2019, "subject", "Brake hose may crack", "A"),
        *whole_row(RETRACTED, 3, 2, **moved),
        *whole_row(REPUBLISHED, 4, 2, **moved),
    ]


def _stage_nothing(lake: Lake) -> None:
    remove(lake, KEYS.staging_folder)


def _stage_rubbish(lake: Lake) -> None:
    for key in lake.keys(KEYS.staging_folder):
        if key.endswith(".arrow"):
            lake.project(key, lake.get(key)[:-20], {})


@pytest.mark.parametrize("spoil", [_stage_nothing, _stage_rubbish])
def test_what_publish_found_is_only_a_short_cut(lake: Lake, spoil: Callable[[Lake], None]) -> None:
    """Gone or cut, the versions are compared again, to the same bytes under the same names."""
    a_day(lake, 1, row_in(2018, 1), row_in(2019, 2), row_in(2020, 3))
    a_day(lake, 2, row_in(2019, 1, subject=""), row_in(2019, 4), row_in(2020, 3, component=None))
    a_day(lake, 3, row_in(2019, 1, subject=""), row_in(2019, 2), row_in(2019, 4))
    assert any("events-" in key for key in lake.keys(KEYS.staging_folder))
    bring_to_head(lake)
    for table in read_ledger(lake):
        rows = list(zip(table["nhtsa_id"].to_pylist(), table["field"].to_pylist(), strict=True))
        assert rows == sorted(rows)
    first = {
        key: body for key, body in snapshot(lake, f"{KEYS.ledger}/").items() if "log" not in key
    }
    remove(lake, f"{KEYS.ledger}/")
    spoil(lake)
    assert bring_to_head(lake) == [1, 2, 3]
    again = snapshot(lake, f"{KEYS.ledger}/")
    assert {key: body for key, body in again.items() if "log" not in key} == first
    assert len(first) == 2


def test_a_missing_file_stops_the_ledger_and_skips_nothing(two: Lake) -> None:
    """Without the older version there is no telling: a clear line, until the file is back."""
    (old,) = two.head(KEYS.table).files.values()
    a_day(two, 2, a_row(1, subject="A"), a_row(2))
    a_day(two, 3, a_row(1, subject="B"), a_row(2))
    remove(two, KEYS.staging_folder)
    key = f"{KEYS.table}/{old.path}"
    body = two.get(key)
    two.delete(key)
    for _ in range(2):
        with pytest.raises(LedgerTorn) as error:
            bring_to_head(two)
        one_clear_line(error.value, "version 2", key, "Restore the file", "skips nothing")
        assert (ledger_state(two), commits(two)) == ((1, 3), [1])
    two.put(key, body)
    assert bring_to_head(two) == [2, 3]
    assert [(e[0], *e[5:]) for e in told(two)] == [
        (2, "Brake hose may crack", "A"),
        (3, "A", "B"),
    ]


def test_a_missing_file_does_no_harm_while_publishs_findings_are_there(two: Lake) -> None:
    """What was found when both versions were at hand still tells."""
    (old,) = two.head(KEYS.table).files.values()
    a_day(two, 2, a_row(1, subject="A"), a_row(2))
    two.delete(f"{KEYS.table}/{old.path}")
    assert bring_to_head(two) == [2]


def test_a_ledger_ahead_of_its_table_names_both(two: Lake) -> None:
    """The table was restored from an older copy: nothing is guessed, nothing is written."""
    a_day(two, 2, a_row(1))
    bring_to_head(two)
    two.delete(f"{TABLE_LOG}00000000000000000002.json")
    before = listing(two)
    with pytest.raises(LedgerTorn) as error:
        bring_to_head(two)
    names = [f"s3://{two.bucket}/{table}" for table in (KEYS.ledger, KEYS.table)]
    one_clear_line(error.value, *names, "version 2", "version 1", "restore both")
    assert listing(two) == before


def test_a_ledger_whose_table_is_gone_names_both(two: Lake) -> None:
    """Deleted whole, it is the same story."""
    remove(two, KEYS.table)
    with pytest.raises(LedgerTorn) as error:
        bring_to_head(two)
    one_clear_line(error.value, KEYS.ledger, KEYS.table, "restore both")


@pytest.mark.parametrize("days", [1, 2])
def test_a_ledger_of_another_table_names_both_reads(two: Lake, days: int) -> None:
    """The table was made anew under an old ledger: same numbers, other reads, whoever is ahead."""
    remove(two, KEYS.table)
    tokens = [a_day(two, day, a_row(day))["token"] for day in range(1, days + 1)]
    before = listing(two)
    with pytest.raises(LedgerTorn) as error:
        bring_to_head(two)
    known = two.head(KEYS.ledger).receipt["token"]
    one_clear_line(error.value, KEYS.ledger, KEYS.table, tokens[0], known, "restore both")
    assert listing(two) == before


# Reading


@pytest.fixture(scope="module")
def made_four(s3: BaseClient, s3_url: str, made_two: dict[str, bytes]) -> dict[str, bytes]:
    lake = new_lake(s3, s3_url)
    restore(lake, made_two)
    for day, subject in ((2, "A"), (4, "B"), (6, "C"), (8, "D")):
        a_day(lake, day, a_row(1, subject=subject), a_row(2))
    bring_to_head(lake)
    return snapshot(lake)


@pytest.fixture
def four(lake: Lake, made_four: dict[str, bytes]) -> Lake:
    """A baseline, and versions 2 to 5 of an edit each, observed on every second day."""
    restore(lake, made_four)
    return lake


def _read(lake: Lake, **chosen: Any) -> list[tuple[int, str]]:
    return [
        (row["version"], row["new"])
        for table in read_ledger(lake, **chosen)
        for row in table.to_pylist()
    ]


def _keep_only_the_file_of(lake: Lake, version: int) -> None:
    for path in lake.head(KEYS.ledger).files:
        if not path.startswith(f"{version:020}-"):
            lake.delete(f"{KEYS.ledger}/{path}")


def test_all_of_the_ledger_comes_in_the_order_of_versions(four: Lake) -> None:
    """A table for each version that has rows, with the ledger's columns."""
    tables = list(read_ledger(four))
    assert [table["version"].unique().to_pylist() for table in tables] == [[2], [3], [4], [5]]
    assert all(table.schema.equals(LEDGER_SCHEMA) for table in tables)
    assert _read(four) == [(2, "A"), (3, "B"), (4, "C"), (5, "D")]


def test_more_files_than_are_fetched_ahead_come_in_order(
    four: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few requests go side by side, every version comes once, in its place."""
    monkeypatch.setattr("include.first.ledger_writer.REQUESTS_AT_ONCE", 1)
    assert _read(four) == [(2, "A"), (3, "B"), (4, "C"), (5, "D")]


def test_a_reader_fetches_a_few_files_ahead_and_holds_nothing_back(
    four: Lake, proxy: FaultyS3, shaky: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first table comes before the last file was asked for; who stops early stops it all."""
    monkeypatch.setattr("include.first.ledger_writer.REQUESTS_AT_ONCE", 1)
    tables = read_ledger(shaky)
    assert shaky.bucket == four.bucket
    assert proxy.calls == []
    assert next(tables)["new"].to_pylist() == ["A"]
    tables.close()
    assert 1 <= sum(call.path.endswith(".parquet") for call in proxy.calls) <= 2


def test_a_ledger_that_is_not_there_reads_as_nothing(lake: Lake) -> None:
    """No ledger, no rows; and neither are there of a baseline."""
    assert list(read_ledger(lake)) == []
    a_day(lake, 1, a_row(1))
    bring_to_head(lake)
    assert list(read_ledger(lake)) == []


def test_a_part_of_the_ledger_can_be_asked_for(four: Lake) -> None:
    """By version or by time of observation, from that very moment on; also after a checkpoint."""
    asked: list[tuple[dict[str, Any], list[int]]] = [
        ({"versions": range(3, 5)}, [3, 4]),
        ({"versions": range(0)}, []),
        ({"versions": range(1, 100)}, [2, 3, 4, 5]),
        ({"since": _observed(4)}, [3, 4, 5]),
        ({"since": _observed(4) + timedelta(microseconds=1)}, [4, 5]),
        ({"since": _observed(30)}, []),
        ({"since": _observed(5), "versions": range(5)}, [4]),
    ]
    for _ in range(2):
        for chosen, versions in asked:
            assert [version for version, _ in _read(four, **chosen)] == versions, chosen
        table_of(four).create_checkpoint()


def test_a_moment_in_another_zone_is_the_same_moment(four: Lake) -> None:
    """Who asks in New York's time gets what was observed since then."""
    since = _observed(6).astimezone(timezone(timedelta(hours=-4)))
    assert _read(four, since=since) == [(4, "C"), (5, "D")]


def test_files_that_are_not_asked_for_are_not_read(four: Lake) -> None:
    """A question about one version reads one file, however long the ledger is."""
    _keep_only_the_file_of(four, 4)
    assert _read(four, versions=range(4, 5)) == [(4, "C")]


def test_columns_can_be_chosen(four: Lake) -> None:
    """Only these, in this order."""
    tables = list(read_ledger(four, columns=["nhtsa_id", "new"]))
    assert [table.to_pylist() for table in tables] == [
        [{"nhtsa_id": "19V000001", "new": subject}] for subject in "ABCD"
    ]


def test_the_ledger_goes_on_after_a_checkpoint(four: Lake) -> None:
    """What it has told already is known from the checkpoint, too, and so is what was retracted."""
    a_day(four, 10, a_row(1, subject="D"))
    bring_to_head(four)
    table_of(four).create_checkpoint()
    assert bring_to_head(four) == []
    a_day(four, 12, a_row(1, subject="D"), a_row(2))
    assert bring_to_head(four) == [7]
    assert {event[1] for event in told(four) if event[0] == 7} == {REPUBLISHED}
    assert commits(four) == [1, 2, 3, 4, 5, 6, 7]


def test_other_readers_skip_files_by_version_and_time(four: Lake) -> None:
    """The Delta log says which version and moment a file is of, so that a filter reads one file."""
    _keep_only_the_file_of(four, 4)
    rows = table_of(four).to_pyarrow_dataset()
    by_version = rows.to_table(filter=pc.field("version") == 4)
    at = pc.field("observed_at")
    by_time = rows.to_table(filter=(at >= _observed(6)) & (at < _observed(8)))
    assert by_version["new"].to_pylist() == by_time["new"].to_pylist() == ["C"]


def test_a_file_of_the_ledger_is_plain_parquet(four: Lake) -> None:
    """Plain pandas reads it, and its name says the version and the read that it tells of."""
    (path,) = [path for path in four.head(KEYS.ledger).files if path.startswith(f"{4:020}")]
    assert path.startswith(f"{4:020}-{four.receipt(KEYS.table, 4)['token']}-")
    frame = pd.read_parquet(io.BytesIO(four.get(f"{KEYS.ledger}/{path}")))
    assert frame.to_dict("records") == [
        {
            "version": 4,
            "observed_at": pd.Timestamp(moment(6)),
            "nhtsa_id": "19V000001",
            "year": 2019,
            "event": EDITED,
            "field": "subject",
            "old": "B",
            "new": "C",
        }
    ]

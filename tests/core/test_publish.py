"""Publishing commits the right next version, in one commit or not at all."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from include.cli.questions import versions_of
from include.cli.verify import ledger_checks
from include.data.apply_events import LedgerBroken, apply_events
from include.data.checks import ChecksFailed
from include.data.diff import EDITED, PUBLISHED, REPUBLISHED, RETRACTED
from include.lake import ledger
from include.lake.keys import Keys
from include.lake.ledger import read_events, update_ledger
from include.lake.publish import publish_read
from include.lake.store import Store
from include.lake.table import Version, load_version
from include.lake.version_diff import compared_rows
from tests.core.places import PLACES, current_rows, moment, publish_rows, stage_read

KEYS = Keys("places")
FIRST = {"a": (2019, "A"), "b": (2019, "B"), "c": (2020, "C")}


def ledger_rows(store: Store) -> list[tuple[object, ...]]:
    update_ledger(store, PLACES)
    table = DeltaTable(store.url(KEYS.ledger), storage_options=store.options)
    rows = pa.table(table.to_pyarrow_table()).to_pylist()
    names = ("version", "id", "event", "field", "old", "new")
    return sorted(tuple(row[name] for name in names) for row in rows)


def test_first_read_becomes_version_1(store: Store):
    receipt = publish_rows(store, FIRST, at=moment(0))
    assert (receipt["version"], receipt["outcome"]) == (1, "published")
    assert receipt["counts"]["published"] == 3
    assert current_rows(store) == FIRST
    assert update_ledger(store, PLACES) == []


def test_unchanged_read_commits_nothing(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    receipt = publish_rows(store, FIRST, at=moment(1))
    assert (receipt["version"], receipt["outcome"]) == (None, "unchanged")
    assert receipt["counts"] == receipt["counts"] | {"unchanged": 3, "published": 0, "rows": 3}
    assert load_version(store, KEYS.table).number == 1


def test_changes_of_one_read_are_one_version_with_its_events(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    now = {"a": (2019, "A2"), "c": (2020, "C"), "d": (2021, "D")}
    receipt = publish_rows(store, now, at=moment(1))
    assert receipt["counts"] == receipt["counts"] | {"edited": 1, "published": 1, "retracted": 1}
    assert current_rows(store) == now
    assert current_rows(store, 1) == FIRST
    assert ledger_rows(store) == [
        (2, "a", EDITED, "name", "A", "A2"),
        (2, "b", RETRACTED, "id", "b", None),
        (2, "b", RETRACTED, "name", "B", None),
        (2, "b", RETRACTED, "year", "2019", None),
        (2, "d", PUBLISHED, "id", None, "d"),
        (2, "d", PUBLISHED, "name", None, "D"),
        (2, "d", PUBLISHED, "year", None, "2021"),
    ]


def test_row_that_returns_is_republished(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    publish_rows(store, {k: FIRST[k] for k in "ac"}, at=moment(1))
    publish_rows(store, FIRST, at=moment(2))
    events = {(v, key, event) for v, key, event, *_ in ledger_rows(store)}
    assert events == {(2, "b", RETRACTED), (3, "b", REPUBLISHED)}


def test_quarantined_row_is_carried_over(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    receipt = publish_rows(store, {"a": (2019, "A2")}, at=moment(1), bad_keys=["b"])
    assert receipt["counts"] == receipt["counts"] | {"carried_over": 1, "quarantined": 1}
    assert current_rows(store) == {"a": (2019, "A2"), "b": (2019, "B")}


def test_quarantined_row_without_key_retracts_nothing(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    publish_rows(store, {"a": (2019, "A2")}, at=moment(1), bad_keys=[None])
    assert current_rows(store) == FIRST | {"a": (2019, "A2")}


def test_partial_read_never_retracts_and_moves_keys(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    publish_rows(store, {"c": (2019, "C")}, at=moment(1), years=[2019])
    assert current_rows(store) == FIRST | {"c": (2019, "C")}
    assert ledger_rows(store) == [(2, "c", EDITED, "year", "2020", "2019")]


def test_key_that_moves_in_a_full_read_is_one_edit(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    receipt = publish_rows(store, FIRST | {"a": (2020, "A")}, at=moment(1))
    assert receipt["counts"]["edited"] == 1
    assert current_rows(store) == FIRST | {"a": (2020, "A")}


def test_key_in_two_batches_is_quarantined_in_both(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    second = {"c": (2020, "C"), "a": (2020, "other")}
    receipt = publish_rows(store, {k: FIRST[k] for k in "ab"}, second, at=moment(1))
    assert receipt["counts"] == receipt["counts"] | {"quarantined": 2, "valid": 2, "landed": 4}
    assert current_rows(store) == FIRST


def test_read_that_overlaps_a_later_one_is_outdated(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    older = stage_read(store, FIRST | {"a": (2019, "old")}, at=moment(1, took_h=3))
    publish_rows(store, FIRST | {"a": (2019, "new")}, at=moment(2))
    receipt = older.publish()
    assert receipt["outcome"] == "outdated"
    assert current_rows(store)["a"] == (2019, "new")


def test_later_read_is_published_after_a_last_modified_in_the_future(store: Store):
    publish_rows(store, FIRST, at=moment(0, modified=50_000))
    later = publish_rows(
        store, FIRST | {"a": (2019, "new")}, at=moment(1), waive={"source went back": "a clock"}
    )
    assert later["outcome"] == "published"
    assert current_rows(store)["a"] == (2019, "new")


def test_source_that_went_back_is_refused_until_waived(store: Store):
    publish_rows(store, FIRST, at=moment(24))
    with pytest.raises(ChecksFailed, match="source went back"):
        publish_rows(store, FIRST | {"a": (2019, "old")}, at=moment(30, modified=1))
    assert current_rows(store) == FIRST


def test_publish_that_loses_a_race_plans_again(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    mine = stage_read(store, {"c": (2020, "C2")}, at=moment(1), years=[2020])
    publish_rows(store, {"a": (2019, "A2")}, at=moment(1), years=[2019])
    assert mine.publish()["version"] == 3
    assert current_rows(store) == FIRST | {"a": (2019, "A2"), "c": (2020, "C2")}


def test_partition_that_changed_after_staging_is_rewritten(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    mine = stage_read(store, FIRST, at=moment(2, took_h=1))
    publish_rows(store, FIRST | {"a": (2019, "typo")}, at=moment(1))
    assert mine.publish()["version"] == 3
    assert current_rows(store) == FIRST


def test_too_many_lost_rows_are_refused(store: Store):
    many = {f"{n}": (2019, "x") for n in range(300)}
    publish_rows(store, many, at=moment(0))
    with pytest.raises(ChecksFailed, match="rows in total"):
        publish_rows(store, {"0": (2019, "x")}, at=moment(1))
    waive = {"rows in total": "intended"}
    assert publish_rows(store, {"0": (2019, "x")}, at=moment(1), waive=waive)["version"] == 2


def test_partial_read_with_a_new_contract_needs_a_waiver_and_is_a_baseline(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    raised = replace(PLACES, version="2")
    staged = stage_read(store, {"c": (2020, "C2")}, at=moment(1), years=[2020])
    with pytest.raises(ChecksFailed, match="one contract: version 2, the table has version 1"):
        publish_read(store, raised, staged.read, staged.batches)
    waive = {"one contract": "2019 follows"}
    receipt = publish_read(store, raised, staged.read, staged.batches, waive=waive)
    assert (receipt["version"], receipt["baseline"]) == (2, 2)
    assert current_rows(store) == FIRST | {"c": (2020, "C2")}


def test_table_of_partial_reads_adopts_a_new_contract_by_part(store: Store):
    publish_rows(store, {"a": (2019, "A")}, at=moment(0), years=[2019])
    publish_rows(store, {"c": (2020, "C")}, at=moment(1), years=[2020])
    raised = replace(PLACES, version="2")
    staged = stage_read(store, {"c": (2020, "C2")}, at=moment(2), years=[2020])
    assert publish_read(store, raised, staged.read, staged.batches)["version"] == 3
    assert current_rows(store) == {"a": (2019, "A"), "c": (2020, "C2")}


def test_verify_passes_with_a_ledger_of_two_contracts(store: Store):
    raised = replace(PLACES, version="2")
    publish_rows(store, FIRST, at=moment(0))
    publish_rows(store, FIRST | {"a": (2019, "A2")}, at=moment(1))
    staged = stage_read(store, FIRST, at=moment(2))
    assert publish_read(store, raised, staged.read, staged.batches)["baseline"] == 3
    update_ledger(store, raised)
    current = load_version(store, KEYS.table)
    checks = ledger_checks(store, raised, current, versions_of(store, current))
    assert [check.found for check in checks if not check.passed] == []


def test_publishing_twice_commits_once(store: Store):
    staged = stage_read(store, FIRST, at=moment(0))
    assert staged.publish()["version"] == staged.publish()["version"] == 1
    assert load_version(store, KEYS.table).number == 1


def test_dry_run_counts_changes_and_commits_nothing(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    receipt = publish_rows(store, FIRST | {"d": (2021, "D")}, at=moment(1), dry_run=True)
    assert (receipt["outcome"], receipt["version"]) == ("dry run", None)
    assert receipt["counts"]["published"] == 1
    assert current_rows(store) == FIRST


def test_ledger_replayed_on_the_baseline_gives_the_current_version(store: Store):
    steps = [
        FIRST,
        FIRST | {"a": (2020, "A"), "d": (2018, "D")},
        {"a": (2020, "A3"), "d": (2018, "D")},
        FIRST | {"e": (2020, "E")},
    ]
    for hour, rows in enumerate(steps):
        publish_rows(store, rows, at=moment(hour))
    versions = [load_version(store, KEYS.table, number) for number in range(1, 5)]
    rows = compared_rows(store, PLACES, versions[0].parts)
    for version in versions[1:]:
        rows = apply_events(PLACES, rows, read_events(store, PLACES, version.receipt))
    expected = compared_rows(store, PLACES, versions[-1].parts)
    assert rows.sort_by("id").equals(expected.sort_by("id"))


def test_event_with_a_wrong_old_value_breaks_the_ledger(store: Store):
    publish_rows(store, FIRST, at=moment(0))
    receipt = publish_rows(store, FIRST | {"a": (2019, "A2")}, at=moment(1))
    events = read_events(store, PLACES, receipt).drop("old")
    events = events.append_column("old", pa.array(["Z"]))
    rows = compared_rows(store, PLACES, load_version(store, KEYS.table, 1).parts)
    with pytest.raises(LedgerBroken, match="in version 2 a is edited, but its name was not 'Z'"):
        apply_events(PLACES, rows, events)


def test_ledger_created_by_another_writer_has_each_version_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    publish_rows(store, FIRST, at=moment(0))
    publish_rows(store, {**FIRST, "a": (2019, "A2")}, at=moment(1))
    create_table = ledger.create_table

    def other_writer_first(*arguments: Any, **options: Any) -> Version:
        monkeypatch.undo()
        assert update_ledger(store, PLACES) == [2]
        return create_table(*arguments, **options)

    monkeypatch.setattr(ledger, "create_table", other_writer_first)
    assert update_ledger(store, PLACES) == []
    assert ledger_rows(store) == [(2, "a", EDITED, "name", "A", "A2")]

"""What the lake adds to recalls, read from a table and a ledger that the core has written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.lake.store import Store, StoreError
from include.vin_service import lake_facts
from include.vin_service.lake_facts import REFRESH_S, Change, LakeFacts, RecallInLake
from tests.conftest import open_store
from tests.vin_service.recalls_lake import publish_day

BASELINE, FIRST, SECOND = (f"2026-0{month}-01T09:00:00Z" for month in (1, 2, 3))
RISING, GONE, LATE, QUIET = "19V000001", "19V000002", "19V000003", "19V000004"
ALL = [RISING, GONE, LATE, QUIET]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def row(rate: float | None = 10.0, *, park: bool | None = False) -> dict[str, Any]:
    return {"completion_rate": rate, "do_not_drive": park, "subject": "Air bags"}


DAYS = (
    {RISING: row(61.5, park=True), GONE: row(), QUIET: row(None, park=None)},
    {RISING: row(70), LATE: row(5), QUIET: row(None, park=None)},
    {RISING: row(70), GONE: row(), LATE: row(7.5), QUIET: row(None, park=None)},
)


@pytest.fixture
def told(store: Store) -> Store:
    """A lake of three days: an edit, a retraction and a return, a late recall and a quiet one."""
    for at, rows in zip((BASELINE, FIRST, SECOND), DAYS, strict=True):
        assert publish_day(store, at, rows)
    return store


def change(at: str, event: str, field: str, old: str | None, new: str | None) -> Change:
    return Change(observed_at=at, event=event, field=field, old=old, new=new)


def test_facts_tell_the_life_of_each_recall(told: Store) -> None:
    found = LakeFacts(told).of([*ALL, "99V000000"])
    assert (found.version, found.source) == (3, "made-up:7")
    assert found.facts == {
        RISING: RecallInLake(
            completion_rate=70.0,
            do_not_drive=False,
            first_seen=BASELINE,
            at_baseline=True,
            changes=[
                change(FIRST, "edited", "completion_rate", "61.5", "70"),
                change(FIRST, "edited", "do_not_drive", "true", "false"),
            ],
        ),
        GONE: RecallInLake(
            completion_rate=10.0,
            do_not_drive=False,
            first_seen=BASELINE,
            at_baseline=True,
            changes=[
                change(FIRST, "retracted", "nhtsa_id", GONE, None),
                change(SECOND, "republished", "nhtsa_id", None, GONE),
            ],
        ),
        LATE: RecallInLake(
            completion_rate=7.5,
            do_not_drive=False,
            first_seen=FIRST,
            at_baseline=False,
            changes=[change(SECOND, "edited", "completion_rate", "5", "7.5")],
        ),
        QUIET: RecallInLake(
            completion_rate=None,
            do_not_drive=None,
            first_seen=BASELINE,
            at_baseline=True,
            changes=[],
        ),
    }
    assert json.loads(json.dumps(found.facts)) == found.facts
    assert LakeFacts(told).of([]).facts == {}


def test_recall_that_is_gone_has_its_history(store: Store) -> None:
    for at, rows in zip((BASELINE, FIRST), DAYS, strict=False):
        publish_day(store, at, rows)
    gone = LakeFacts(store).of([GONE]).facts[GONE]
    assert (gone["completion_rate"], gone["first_seen"]) == (None, BASELINE)
    assert [event["event"] for event in gone["changes"]] == ["retracted"]


def test_lake_without_recalls_has_no_version(store: Store) -> None:
    assert LakeFacts(store).of(ALL) == lake_facts.Found({}, None, "")


def test_new_version_is_seen_after_a_while_its_ledger_when_it_comes(store: Store) -> None:
    clock = Clock()
    facts = LakeFacts(store, clock)
    publish_day(store, BASELINE, DAYS[0])
    before = facts.of([RISING])
    publish_day(store, FIRST, DAYS[1], with_ledger=False)
    assert facts.of([RISING]) == before
    clock.now += REFRESH_S
    after = facts.of([RISING])
    assert after.version == 2
    assert after.facts[RISING]["completion_rate"] == 70
    assert after.facts[RISING]["changes"] == []
    publish_day(store, SECOND, DAYS[1])
    clock.now += REFRESH_S
    assert len(facts.of([RISING]).facts[RISING]["changes"]) == 2


def test_unchanged_version_is_not_read_again(told: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, reads = Clock(), []
    real = lake_facts._read

    def counted(*arguments: Any) -> Any:
        reads.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(lake_facts, "_read", counted)
    facts = LakeFacts(told, clock)
    first = facts.of(ALL)
    number = len(reads)
    for _ in range(3):
        clock.now += REFRESH_S
        assert facts.of(ALL) == first
    assert len(reads) == number == 2


def test_lake_that_fails_is_left_alone_for_a_while(
    told: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is remembered, and forgotten when the lake is back."""
    clock, looks = Clock(), []
    real = lake_facts.load_version

    def counted(*arguments: Any) -> Any:
        looks.append(arguments)
        if len(looks) == 1:
            raise StoreError("could not load the table: no answer")
        return real(*arguments)

    monkeypatch.setattr(lake_facts, "load_version", counted)
    facts = LakeFacts(told, clock)
    for _ in range(3):
        with pytest.raises(StoreError, match="no answer"):
            facts.of([RISING])
    assert len(looks) == 1
    clock.now += REFRESH_S
    assert RISING in facts.of([RISING]).facts


def test_bucket_that_does_not_exist_is_a_store_error(store: Store, s3_url: str) -> None:
    gone = open_store(s3_url, f"{store.bucket}-gone")
    with pytest.raises(StoreError):
        LakeFacts(gone).of([RISING])

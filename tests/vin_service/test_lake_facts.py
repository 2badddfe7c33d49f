"""The facts that the lake adds to recalls, read from its table and ledger."""

from typing import Any

import pytest

from include.lake.store import Store, StoreError
from include.vin_service import lake_facts
from include.vin_service.lake_facts import REFRESH_S, UNREADABLE, Lake, read_facts
from include.vin_service.recalls import Change
from tests.pipelines.vehicle_recalls.recalls import publish, recall
from tests.vin_service.conftest import Clock

EDITED, RETRACTED, ADDED, UNCHANGED = "19V000001", "19V000002", "19V000003", "19V000004"
DAYS = (
    [
        recall(1, completion_rate="61.5", do_not_drive="Yes"),
        recall(2),
        recall(4, completion_rate=None, do_not_drive=None),
    ],
    [
        recall(1, completion_rate="70"),
        recall(3, completion_rate="5"),
        recall(4, completion_rate=None, do_not_drive=None),
    ],
    [
        recall(1, completion_rate="70"),
        recall(3, completion_rate="7.5"),
        recall(4, completion_rate=None, do_not_drive=None),
    ],
)


def publish_day(store: Store, day: int) -> str:
    """Publish the day; return its observation time."""
    return str(publish(store, *DAYS[day - 1], day=day)["observed_at"])


@pytest.fixture
def observed(store: Store) -> list[str]:
    return [publish_day(store, day) for day in (1, 2, 3)]


def change(at: str, event: str, field: str, old: str | None, new: str | None) -> Change:
    return Change(observed_at=at, event=event, field=field, old=old, new=new)


def test_facts_have_the_history_of_each_recall(store: Store, observed: list[str]) -> None:
    found = read_facts(store)
    at_first, first, second = observed
    assert found[:2] == ("version 3", "made-up:7")
    baseline = {"first_seen": at_first, "at_baseline": True}
    assert found.recalls == {
        EDITED: {
            "completion_rate": 70.0,
            "do_not_drive": False,
            **baseline,
            "changes": [
                change(first, "edited", "completion_rate", "61.5", "70"),
                change(first, "edited", "do_not_drive", "true", "false"),
            ],
        },
        RETRACTED: {
            "completion_rate": None,
            "do_not_drive": None,
            **baseline,
            "changes": [change(first, "retracted", "nhtsa_id", RETRACTED, None)],
        },
        ADDED: {
            "completion_rate": 7.5,
            "do_not_drive": False,
            "first_seen": first,
            "at_baseline": False,
            "changes": [change(second, "edited", "completion_rate", "5", "7.5")],
        },
        UNCHANGED: {"completion_rate": None, "do_not_drive": None, **baseline, "changes": []},
    }


def test_new_version_is_read_after_the_refresh_interval(store: Store, clock: Clock) -> None:
    lake = Lake(store, clock)
    publish_day(store, 1)
    before = lake.facts()
    publish_day(store, 2)
    assert lake.facts() is before
    clock.now += REFRESH_S
    after = lake.facts()
    assert after.note == "version 2"
    assert after.recalls[EDITED]["completion_rate"] == 70
    assert len(after.recalls[EDITED]["changes"]) == 2


def test_unchanged_version_is_not_read_again(store: Store, clock: Clock) -> None:
    publish_day(store, 1)
    lake = Lake(store, clock)
    first = lake.facts()
    clock.now += REFRESH_S
    assert lake.facts() is first


def test_unreadable_lake_is_retried_after_the_refresh_interval(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(store, 1)
    lake = Lake(store, clock)

    def fails(*_: Any) -> None:
        raise StoreError("could not load the table: no answer")

    with monkeypatch.context() as patch:
        patch.setattr(lake_facts, "load_version", fails)
        assert lake.facts() is UNREADABLE
    assert lake.facts() is UNREADABLE
    clock.now += REFRESH_S
    assert EDITED in lake.facts().recalls

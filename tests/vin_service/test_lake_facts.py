"""What the lake adds to recalls, held against the table and the ledger that it is read from."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from botocore.client import BaseClient

from fakes.control import Control
from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.commands.changes import changes
from include.vehicle_recalls.commands.history import history
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import LedgerTorn, bring_to_head
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vin_service import lake_facts
from include.vin_service.decoding import Vehicle
from include.vin_service.lake_facts import Change, Facts, Found, LakeFacts
from include.vin_service.model_recalls import ModelRecalls
from include.vin_service.vpic import Vpic
from tests.vehicle_recalls.chronicle import (
    BASELINE,
    FIRST,
    GONE,
    LATE,
    QUIET,
    RENAMED,
    RETURNING,
    RISING,
    SECOND,
    THIRD,
    rows,
    write_chronicle,
)
from tests.vehicle_recalls.evidence import (
    KEYS,
    a_read,
    a_row,
    by_key,
    facts_at_source,
    land_rows,
    new_lake,
    publish_landed,
)
from tests.vehicle_recalls.three_days import publish_day

ALL = (RISING, RENAMED, RETURNING, GONE, QUIET, LATE)
OF_2019 = date(2019, 3, 4)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def told(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    write_chronicle(lake)
    return lake


@pytest.fixture
def clock() -> Clock:
    return Clock()


def of_one(lake: Lake, key: str, day: date | None = OF_2019) -> Facts:
    return LakeFacts(lake).of({key: day}).facts[key]


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def heads(asked: list[str]) -> list[str]:
    return [key for key in asked if key in {KEYS.table, KEYS.ledger}]


def change(observed_at: str, field: str, old: str | None, new: str | None) -> Change:
    return Change(observed_at=observed_at, event="edited", field=field, old=old, new=new)


def test_facts_of_a_recall_of_the_baseline(told: Lake) -> None:
    """It was there when we first looked; each edit since is told, the newest last."""
    assert of_one(told, RISING) == Facts(
        completion_rate=75.25,
        do_not_drive=False,
        first_seen=BASELINE,
        at_baseline=True,
        changes=[
            change(FIRST, "completion_rate", "61.5", "70"),
            change(FIRST, "do_not_drive", "true", "false"),
            change(SECOND, "completion_rate", "70", "75.25"),
            change(SECOND, "report_received_date", "2019-03-04", "2020-01-02"),
        ],
    )


def test_facts_of_a_recall_that_came_later(told: Lake) -> None:
    """It was first seen when it was published, which is no change of it."""
    assert of_one(told, LATE) == Facts(
        completion_rate=5.0,
        do_not_drive=True,
        first_seen=FIRST,
        at_baseline=False,
        changes=[
            change(SECOND, "completion_rate", None, "5"),
            change(SECOND, "potentially_affected", "100", "300"),
        ],
    )


def test_facts_that_the_source_does_not_give(told: Lake) -> None:
    """A completion rate that was taken back is none."""
    facts = of_one(told, RENAMED)
    assert facts["completion_rate"] is None
    assert facts["changes"][-2:] == [
        change(SECOND, "completion_rate", "15", None),
        change(SECOND, "manufacturer", "Acme Trailers", "Ford Trailers"),
    ]


def test_a_recall_that_went_and_returned(told: Lake) -> None:
    """That it went, and that it came back, is one change each."""
    facts = of_one(told, RETURNING)
    assert (facts["completion_rate"], facts["first_seen"]) == (80.0, BASELINE)
    went, returned = facts["changes"]
    assert went == Change(
        observed_at=FIRST,
        event="retracted",
        field="nhtsa_id",
        old=RETURNING,
        new=None,
    )
    assert returned == Change(
        observed_at=THIRD, event="republished", field="nhtsa_id", old=None, new=RETURNING
    )


def test_a_recall_that_is_gone(told: Lake) -> None:
    """The table has it no more; what the ledger tells of it is still known."""
    facts = of_one(told, GONE)
    assert (facts["completion_rate"], facts["do_not_drive"]) == (None, None)
    assert (facts["first_seen"], facts["at_baseline"]) == (BASELINE, True)
    assert [event["event"] for event in facts["changes"]] == ["retracted"]


def test_facts_are_what_the_commands_say(told: Lake) -> None:
    """For each recall the same beginning, and of each version the same edits."""
    found = LakeFacts(told).of(dict.fromkeys(ALL))
    assert found.facts.keys() == set(ALL)
    for key, facts in found.facts.items():
        life = history(told, key)
        assert life.since
        assert facts["first_seen"] == f"{life.since:%Y-%m-%dT%H:%M:%SZ}"
        assert facts["at_baseline"] == (life.baseline is not None)
        assert facts["completion_rate"] == (life.now and life.now["completion_rate"])
        assert facts["do_not_drive"] == (life.now and life.now["do_not_drive"])
        edits = [
            change(f"{row['observed_at']:%Y-%m-%dT%H:%M:%SZ}", row["field"], row["old"], row["new"])
            for table in changes(told, nhtsa_ids=[key], events=["edited"])
            for row in table.to_pylist()
        ]
        assert [event for event in facts["changes"] if event["event"] == "edited"] == edits
    assert (found.version, found.source, found.observed_at) == (4, "made-up:7", THIRD)


def test_facts_are_json(told: Lake) -> None:
    """They go into an answer as they are."""
    facts = LakeFacts(told).of(dict.fromkeys(ALL)).facts
    assert json.loads(json.dumps(facts)) == facts


def test_a_recall_that_the_lake_has_not(told: Lake) -> None:
    """It is left out, and the others are answered."""
    found = LakeFacts(told).of({"99V000000": OF_2019, QUIET: OF_2019})
    assert found.facts.keys() == {QUIET}
    assert LakeFacts(told).of({}).facts == {}


@pytest.mark.parametrize("day", [None, OF_2019, date(2020, 1, 2), date(1999, 1, 1)], ids=str)
def test_a_recall_is_found_in_whatever_year_it_is(told: Lake, day: date | None) -> None:
    """The date that NHTSA's other API gives may be of another year, or missing."""
    assert of_one(told, RISING, day)["completion_rate"] == 75.25
    assert of_one(told, QUIET, day)["completion_rate"] == 10


def test_a_large_lake_is_not_searched(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a recall is looked for in the year of its report, and where the ledger had it."""
    now = rows()
    publish_day(lake, BASELINE, list(now.values()))
    now[RISING] |= {"report_received_date": "2020-01-02T00:00:00.000"}
    publish_day(lake, FIRST, list(now.values()))
    bring_to_head(lake)
    elsewhere = {RISING: date(1999, 1, 1), QUIET: date(1999, 1, 1)}
    assert LakeFacts(lake).of(elsewhere).facts.keys() == {RISING, QUIET}
    monkeypatch.setattr(lake_facts, "FEW_ROWS", 1)
    assert LakeFacts(lake).of(elsewhere).facts[RISING]["completion_rate"] == 61.5
    assert LakeFacts(lake).of(elsewhere).facts.keys() == {RISING}
    assert QUIET in LakeFacts(lake).of({QUIET: date(2019, 12, 31)}).facts


@pytest.fixture
def asked(told: Lake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever is read of the lake, by table or key."""
    log: list[str] = []
    for name in ("head", "get"):
        real: Callable[..., Any] = getattr(told, name)

        def counted(key: str, *more: Any, real: Callable[..., Any] = real) -> Any:
            log.append(key)
            return real(key, *more)

        monkeypatch.setattr(told, name, counted)
    return log


def test_the_lake_is_looked_at_once_in_a_while(told: Lake, asked: list[str], clock: Clock) -> None:
    """In between nothing is read; after it two heads, as long as nothing is new."""
    facts = LakeFacts(told, fresh_s=60, clock=clock)
    first = facts.of(dict.fromkeys(ALL, OF_2019))
    asked.clear()
    clock.now = 59.9
    assert facts.of(dict.fromkeys(ALL, OF_2019)) == first
    assert asked == []
    clock.now = 60.1
    assert facts.of(dict.fromkeys(ALL, OF_2019)) == first
    assert heads(asked) == [KEYS.table, KEYS.ledger]
    assert not [key for key in asked if "_delta_log" not in key and key not in heads(asked)]


def test_only_the_year_that_is_asked_for_is_read(told: Lake, asked: list[str]) -> None:
    """With the day of its report a recall costs one file, once."""
    facts = LakeFacts(told)
    facts.of({QUIET: OF_2019})
    facts.of({RETURNING: OF_2019})
    years = [key.split("/")[2] for key in asked if key.startswith(f"{KEYS.table}/20")]
    assert years == ["2019"]


def test_what_is_new_is_seen_after_a_while(lake: Lake, clock: Clock) -> None:
    """A version, and the ledger's word on it, which may come later."""
    facts = LakeFacts(lake, fresh_s=60, clock=clock)
    now = rows()
    publish_day(lake, BASELINE, list(now.values()))
    bring_to_head(lake)
    before = facts.of({RISING: OF_2019})
    now[RISING] |= {"completion_rate": "99"}
    publish_day(lake, FIRST, list(now.values()))
    assert facts.of({RISING: OF_2019}) == before

    clock.now = 60
    after = facts.of({RISING: OF_2019})
    assert (after.version, after.observed_at) == (2, FIRST)
    assert after.facts[RISING]["completion_rate"] == 99
    assert after.facts[RISING]["changes"] == []

    bring_to_head(lake)
    clock.now = 120
    edit = change(FIRST, "completion_rate", "61.5", "99")
    assert facts.of({RISING: OF_2019}).facts[RISING]["changes"] == [edit]


def test_the_ledger_is_not_read_beyond_the_table(
    told: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is published while we look belongs to the next look."""
    then, real = told.head(KEYS.table, at=2), told.head
    monkeypatch.setattr(told, "head", lambda name: then if name == KEYS.table else real(name))
    monkeypatch.setattr(lake_facts, "refuse_other_history", lambda _: None)
    found = LakeFacts(told).of({RISING: OF_2019})
    assert (found.version, found.observed_at) == (2, FIRST)
    assert {event["observed_at"] for event in found.facts[RISING]["changes"]} == {FIRST}
    assert found.facts[RISING]["completion_rate"] == 70


def test_before_the_first_read_of_all_years(lake: Lake) -> None:
    """Nothing can be known of what was; the rest is answered."""
    publish_landed(lake, land_rows(lake, [a_row(1)], read=a_read(lake, [2019])))
    bring_to_head(lake)
    assert of_one(lake, RISING) == Facts(
        completion_rate=61.5, do_not_drive=True, first_seen=None, at_baseline=False, changes=[]
    )


def test_after_a_change_of_our_contract(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger told of before has its old beginning, the rest that of the new baseline."""
    now = rows()
    publish_day(lake, BASELINE, list(now.values()))
    now[RISING] |= {"completion_rate": "99"}
    publish_day(lake, FIRST, list(now.values()))
    monkeypatch.setitem(CONTRACT.__dict__, "version", "2")
    now[QUIET] |= {"subject": "Ours"}
    publish_day(lake, SECOND, list(now.values()))
    bring_to_head(lake)
    facts = LakeFacts(lake).of({RISING: OF_2019, QUIET: OF_2019}).facts
    for key, beginning in ((RISING, BASELINE), (QUIET, SECOND)):
        since = history(lake, key).since
        assert since
        assert f"{since:%Y-%m-%dT%H:%M:%SZ}" == facts[key]["first_seen"] == beginning
        assert facts[key]["at_baseline"]


def test_the_recalls_of_a_model_are_in_the_lake(
    lake: Lake, recalls_url: str, replica: Control, examples: dict[str, str]
) -> None:
    """What a run has published goes with what NHTSA says of a model of the same source."""
    run(RecallsApi(recalls_url), lake)
    vin = examples["eight recalls"]
    car = Vpic(f"{recalls_url}/api").decode([vin]).answers[vin]
    assert isinstance(car, Vehicle)
    asked = ModelRecalls(recalls_url).recalls(car.make, car.model, car.model_year)
    found = LakeFacts(lake).of(
        {
            recall.nhtsa_id: date.fromisoformat(recall.report_received_date)
            for recall in asked.recalls
            if recall.report_received_date
        }
    )
    assert found.source == asked.source == f"made-up:{replica.seed}"
    assert found.facts.keys() == {recall.nhtsa_id for recall in asked.recalls}
    at_source = {key: row for key, (_, row) in by_key(facts_at_source(recalls_url)).items()}
    for key, facts in found.facts.items():
        assert facts["at_baseline"]
        assert facts["completion_rate"] == at_source[key]["completion_rate"]
        assert facts["do_not_drive"] == at_source[key]["do_not_drive"]


def test_a_lake_without_recalls(lake: Lake) -> None:
    """One line says that nothing was published yet."""
    with pytest.raises(PermanentError, match="has no version yet"):
        LakeFacts(lake).of({RISING: OF_2019})


def test_a_bucket_that_is_not_there(lake: Lake) -> None:
    """The lake's own line, which names the bucket."""
    nowhere = Lake(lake.s3, f"{lake.bucket}-gone", lake.storage_options)
    with pytest.raises((LakeError, PermanentError), match=nowhere.bucket):
        LakeFacts(nowhere).of({RISING: OF_2019})


def test_a_ledger_of_another_history(lake: Lake, told: Lake) -> None:
    """Facts are not made of a table and a ledger that do not belong together."""
    publish_day(lake, BASELINE, list(rows().values()))
    for key in told.keys(f"{KEYS.ledger}/"):
        lake.project(key, told.get(key), {})
    with pytest.raises(LedgerTorn):
        LakeFacts(lake).of({RISING: OF_2019})


def test_trouble_is_remembered_and_ends(
    told: Lake, asked: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lake that is down is let alone for a while, and asked again after it."""
    facts = LakeFacts(told, fresh_s=60, clock=clock)
    down = LakeError("could not load the table: no answer")
    with monkeypatch.context() as broken:

        def fail(key: str) -> None:
            asked.append(key)
            raise down

        broken.setattr(told, "head", fail)
        for _ in range(3):
            with pytest.raises(LakeError, match="no answer"):
                facts.of({RISING: OF_2019})
        assert asked == [KEYS.table]
        clock.now = 60
        with pytest.raises(LakeError):
            facts.of({RISING: OF_2019})
        assert asked == [KEYS.table] * 2
    clock.now = 120
    assert RISING in facts.of({RISING: OF_2019}).facts


def test_a_year_that_cannot_be_read_is_trouble_once(
    told: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes out as it is, and the year is read when it is asked for again."""
    facts = LakeFacts(told)
    facts.of({})
    with monkeypatch.context() as broken:
        broken.setattr(told, "get", raising(LakeError("could not read the file")))
        with pytest.raises(LakeError, match="could not read the file"):
            facts.of({QUIET: OF_2019})
    assert QUIET in facts.of({QUIET: OF_2019}).facts


def test_threads_share_one_look(told: Lake, asked: list[str]) -> None:
    """Whoever begins at the same time gets the same facts; the heads are loaded once."""
    facts, number = LakeFacts(told), 12
    together = threading.Barrier(number)

    def ask(_: int) -> Found:
        together.wait(30)
        return facts.of(dict.fromkeys(ALL, OF_2019))

    with ThreadPoolExecutor(number) as pool:
        found = list(pool.map(ask, range(number)))
    assert found == [found[0]] * number
    alone = LakeFacts(told)
    together_read = heads(asked)
    asked.clear()
    assert alone.of(dict.fromkeys(ALL, OF_2019)) == found[0]
    assert heads(asked) == together_read


def test_nobody_waits_for_a_second_look(
    told: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one thread looks again, the others answer from what was there."""
    facts = LakeFacts(told, fresh_s=60, clock=clock)
    first = facts.of({RISING: OF_2019})
    clock.now = 60
    looking, go_on = threading.Event(), threading.Event()
    real = told.head

    def slow(name: str) -> Any:
        looking.set()
        go_on.wait(30)
        return real(name)

    monkeypatch.setattr(told, "head", slow)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(facts.of, {RISING: OF_2019})
        assert looking.wait(30)
        assert facts.of({RISING: OF_2019}) == first
        assert not other.done()
        go_on.set()
        assert other.result(30) == first

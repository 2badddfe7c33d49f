"""The audit: each check failed by what it is there for, on real files against a real head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from fakes import made_up_words
from include.first.lake import Head, Lake
from include.first.quality import AuditFailed, CannotAccept, Check
from include.vehicle_recalls import audit as auditing
from include.vehicle_recalls import publish as publishing
from include.vehicle_recalls import write
from include.vehicle_recalls.compare import Comparison, compare
from include.vehicle_recalls.contract import COMPONENTS, CONTRACT
from include.vehicle_recalls.extract import Landed, Part, Read, land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.plan import Plan
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.reconcile import reconcile
from include.vehicle_recalls.run import run
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import Written, write_parquet
from tests.vehicle_recalls.evidence import (
    KEYS,
    Row,
    a_row,
    facts,
    land_rows,
    listing,
    new_lake,
    one_clear_line,
)
from tests.vehicle_recalls.test_histories import SmallSource

DAY_2 = "2026-06-29T09:30:43Z"
LANDED = "landed = accepted + quarantined"
READ = "rows in the years read = accepted + kept"
ROWS = "rows = published + edited + unchanged + kept"
BEFORE = "rows = rows before + published - retracted"
UNIQUE = "nhtsa_id is unique over all years"
MAY_BE_NULL = [
    *("recall_link", "manufacturer", "subject", "component", "mfr_campaign_number", "recall_type"),
    *("potentially_affected", "defect_summary", "consequence_summary", "corrective_action"),
    *("fire_risk_when_parked", "do_not_drive", "completion_rate"),
]
NAMES = [
    *("one source", "one contract", "census = landed", LANDED, READ, ROWS, BEFORE, UNIQUE),
    *("types", "nhtsa_id is never null", "dates are inside their year", "ranges", "quarantine"),
    *("rows per year", "rows in total"),
    *(f"nulls of {name}" for name in MAY_BE_NULL),
    *("known values of component", "known values of recall_type"),
]


def rows_of(year: int, count: int, first: int = 0, **changes: Any) -> list[Row]:
    """Sound rows of one year; `first` makes them others than those before."""
    date = f"{year}-03-04T00:00:00.000"
    return [
        a_row(year * 100_000 + first + n, report_received_date=date, **changes)
        for n in range(count)
    ]


def publish_rows(
    lake: Lake, rows: Iterable[Row], accept: Mapping[str, str] = {}, refreshed: str = DAY_2
) -> Published:
    """What the DAG does with a full read of these rows."""
    landed: Landed = land_rows(lake, list(rows), refreshed=refreshed)
    parts = [Part(read=landed["read"], batch=landed["batch"])]
    written = [write_parquet(lake, partition(lake, landed))]
    return publish(lake, parts, written, dry_run=False, accept=accept)


def failures(lake: Lake, rows: Iterable[Row], refreshed: str = DAY_2) -> dict[str, str]:
    """What stops these rows from being published, by check; nothing when they are."""
    before = lake.head(KEYS.table).version
    try:
        publish_rows(lake, rows, refreshed=refreshed)
    except AuditFailed as error:
        assert lake.head(KEYS.table).version == before
        told = str(error).split("nothing was published. ")[1].split(" | ")
        return dict(failure.split(": ", 1) for failure in told)
    assert lake.head(KEYS.table).version > before
    return {}


def checks_of(lake: Lake) -> dict[str, dict[str, str]]:
    """The checks in the head's receipt, by name."""
    return {check["name"]: check for check in lake.head(KEYS.table).receipt["checks"]}


# The counts, the source and the contract


@dataclass
class Ready:
    """A second read, all but published: K1 was edited, K3 broke and so is kept from before."""

    head: Head
    parts: list[Part]
    batches: list[Written]
    plan: Plan
    comparison: Comparison

    @property
    def read(self) -> Read:
        return self.parts[0]["read"]

    def checks(self, **changes: Any) -> list[Check]:
        case = {
            "head": self.head,
            "read": self.read,
            "batches": self.batches,
            "plan": self.plan,
            "comparison": self.comparison,
        }
        return auditing.audit(**(case | changes))

    def failed(self, **changes: Any) -> list[str]:
        return [check.name for check in self.checks(**changes) if not check.passed]

    def head_with(self, **changes: Any) -> Head:
        return replace(self.head, receipt=self.head.receipt | changes)


def small_row(key: str, year: int, affected: int = 1) -> dict[str, str]:
    return {
        "nhtsa_id": key,
        "report_received_date": f"{year}-03-01T00:00:00.000",
        "manufacturer": "A",
        "potentially_affected": str(affected),
    }


@pytest.fixture(scope="module")
def ready_lake(s3_url: str, s3: BaseClient) -> Lake:
    """One bucket for all that use it: none of them changes what is in the table."""
    return new_lake(s3, s3_url)


@pytest.fixture(scope="module")
def ready(ready_lake: Lake) -> Ready:
    lake = ready_lake
    source = SmallSource([small_row("K1", 2019), small_row("K2", 2020), small_row("K3", 2019)])
    run(source, lake)
    source.rows = [small_row("K1", 2019, 2), small_row("K2", 2020), small_row("K3", 2019, -1)]
    source.refresh = 1
    parts = take_census(source, lake, [], "a test")
    batches = [write_parquet(lake, partition(lake, land(source, lake, part))) for part in parts]
    head = lake.head(KEYS.table)
    plan = reconcile(lake, head, parts[0]["read"], batches)
    comparison = compare(
        lake, year_states(head.receipt), plan.years, plan.kept_keys, with_events=False
    )
    return Ready(head, parts, batches, plan, comparison)


def test_a_sound_read_passes_every_check(ready: Ready):
    """Nothing fails on a read that has an edit, a row in quarantine and a row that is kept."""
    assert (ready.plan.kept, ready.plan.quarantine.num_rows) == (1, 1)
    assert ready.failed() == []
    counts = {"published": 0, "edited": 1, "retracted": 0, "unchanged": 1}
    assert auditing.counts_of(ready.plan, ready.head, ready.comparison) == counts


def more(**by: int) -> Callable[[Ready], dict[str, Any]]:
    """The plan or the comparison, with these numbers off by so many."""

    def broken(ready: Ready) -> dict[str, Any]:
        plan, comparison = ready.plan, ready.comparison
        for name, number in by.items():
            if name in Comparison._fields:
                comparison = comparison._replace(**{name: getattr(comparison, name) + number})
            else:
                plan = replace(plan, **{name: getattr(plan, name) + number})
        return {"plan": plan, "comparison": comparison}

    return broken


def other_quarantine(ready: Ready, rows: int) -> dict[str, Any]:
    twice = pa.concat_tables([ready.plan.quarantine, ready.plan.quarantine])
    return {"plan": replace(ready.plan, quarantine=twice.slice(0, rows))}


@pytest.mark.parametrize(
    ("broken", "failed"),
    [
        pytest.param(lambda r: other_quarantine(r, 2), [LANDED], id="one more in quarantine"),
        pytest.param(lambda r: other_quarantine(r, 0), [LANDED], id="one less in quarantine"),
        pytest.param(more(set_aside=1), [LANDED], id="one more set aside"),
        pytest.param(more(rows_read=-1), [READ], id="a row lost"),
        pytest.param(more(rows_read=1), [READ], id="a row extra"),
        pytest.param(more(kept=1), [READ], id="one more kept"),
        pytest.param(more(accepted=1), [READ], id="one more accepted"),
        pytest.param(more(distinct_keys=-1), [UNIQUE], id="a key twice"),
        pytest.param(more(distinct_keys=1), [UNIQUE], id="a key extra"),
        pytest.param(more(edited=1), [ROWS], id="one more edited"),
        pytest.param(more(unchanged=-1), [ROWS], id="one less unchanged"),
        pytest.param(more(kept_found=1), [ROWS], id="one more kept was found"),
        pytest.param(more(kept=5, rows_read=5), [ROWS], id="more kept than there are"),
        pytest.param(more(retracted=1), [BEFORE], id="one more retracted"),
        pytest.param(more(published=1), [ROWS, BEFORE], id="one more published"),
        pytest.param(more(published=1, retracted=1), [ROWS], id="both"),
    ],
)
def test_a_count_that_is_off_fails_its_check_alone(
    ready: Ready, broken: Callable[[Ready], dict[str, Any]], failed: list[str]
):
    """Of all checks exactly those that say so fail, whichever side is off."""
    assert ready.failed(**broken(ready)) == failed


@pytest.mark.parametrize("part", ["dataset", "publisher"])
def test_a_table_of_another_source_fails(ready: Ready, part: str):
    """A table that holds another dataset, or another publisher's, takes no rows of this read."""
    head = ready.head_with(source=ready.head.receipt["source"] | {part: "another"})
    assert ready.failed(head=head) == ["one source"]


def test_the_census_is_what_must_have_landed(ready: Ready):
    """One row less than the census counted fails, under one last-modified."""
    read = Read(**(ready.read | {"source_rows": 4}))
    assert ready.failed(read=read) == ["census = landed"]


def test_a_new_contract_takes_all_years_at_once(ready: Ready):
    """Some years cannot pass under another contract than the rest; all of them can."""
    head = ready.head_with(contract="0")
    assert ready.failed(head=head) == []
    some_years = Read(**(ready.read | {"years": [2019]}))
    assert ready.failed(head=head, read=some_years) == ["one contract"]
    assert ready.failed(read=some_years) == []
    for left in ("left_alone", "overtaken"):
        plan = replace(ready.plan, **{left: [2020]})
        assert ready.failed(head=head, plan=plan) == ["one contract"]
        assert ready.failed(plan=plan) == []


def test_where_nothing_changes_nothing_is_compared(ready: Ready):
    """A plan without changes passes, and has the same checks as any other."""
    plan = replace(ready.plan, changed={}, candidates={}, distinct_keys=None)
    checks = ready.checks(plan=plan, comparison=None)
    assert [check.name for check in checks] == NAMES
    assert [check.name for check in checks if not check.passed] == []


def test_nulls_are_compared_with_a_head_that_counted_the_same(ready: Ready):
    """Receipts without counts, and those of another contract, have nothing to compare with."""
    states = {
        year: state | {"nulls": {} if counted else None}
        for year, state in ready.head.receipt["years"].items()
        for counted in [year == "2020"]
    }
    many = ready.plan.years[2019]._replace(rows=10, nulls={"component": 10})
    plan = replace(ready.plan, years=ready.plan.years | {2019: many})

    def nulls_of_component(contract: str = CONTRACT.version) -> Check:
        checks = ready.checks(plan=plan, head=ready.head_with(years=states, contract=contract))
        return next(check for check in checks if check.name == "nulls of component")

    assert nulls_of_component().passed
    states["2019"]["nulls"] = {}
    assert not nulls_of_component().passed
    assert nulls_of_component(contract="0").passed


def test_a_failed_check_leaves_the_lake_as_it_was(
    ready: Ready, ready_lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """One failed check stops the commit and every projection, and the error names it."""
    before = listing(ready_lake)
    broken = replace(ready.plan, rows_read=ready.plan.rows_read - 1)
    monkeypatch.setattr(publishing, "reconcile", lambda *_: broken)
    with pytest.raises(AuditFailed) as error:
        publish(ready_lake, ready.parts, ready.batches, dry_run=False)
    one_clear_line(error.value, READ, "nothing was published", "run again")
    after = listing(ready_lake)
    quarantine = KEYS.quarantine(ready.read["token"])
    assert {key: after[key] for key in after if key != quarantine} == before


# The files themselves


def damage(column: str, values: Callable[[pa.ChunkedArray], pa.Array]) -> Any:
    """A writer that puts other values into one column."""

    def damaged(rows: pa.Table) -> pa.Table:
        made = values(rows[column])
        return rows.set_column(rows.schema.get_field_index(column), column, made)

    return damaged


def first_is(value: Any) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array([value, *column.to_pylist()[1:]], column.type)


DAY_OF_2020 = 18_300  # days since 1970
DAMAGED = [
    pytest.param(
        damage("completion_rate", lambda column: column.cast(pa.float32())),
        {"types"},
        id="another type",
    ),
    pytest.param(lambda rows: rows.drop_columns(["subject"]), {"types"}, id="a column less"),
    pytest.param(lambda rows: rows.select(sorted(rows.column_names)), {"types"}, id="the order"),
    pytest.param(
        damage("report_received_date", lambda column: column.cast(pa.string())),
        {"types"},
        id="days as text",
    ),
    pytest.param(
        damage("report_received_date", lambda column: pa.array(["spring"] * len(column))),
        {"types", "dates are inside their year", "ranges"},
        id="no days at all",
    ),
    pytest.param(
        damage("nhtsa_id", first_is(None)), {"types", "nhtsa_id is never null"}, id="a null key"
    ),
    pytest.param(
        damage("report_received_date", first_is(None)),
        {"types", "dates are inside their year"},
        id="a null date",
    ),
    pytest.param(
        damage("report_received_date", lambda days: pa.array([DAY_OF_2020] * len(days), days.type)),
        {"types", "dates are inside their year"},
        id="days of another year",
    ),
    pytest.param(damage("potentially_affected", first_is(-1)), {"ranges"}, id="too small"),
    pytest.param(damage("completion_rate", first_is(100.5)), {"ranges"}, id="too large"),
    pytest.param(damage("completion_rate", first_is(float("nan"))), {"ranges"}, id="no number"),
    pytest.param(lambda rows: rows.slice(1), {READ, UNIQUE}, id="a row less"),
]


def damaging(monkeypatch: pytest.MonkeyPatch, damaged: Any) -> None:
    sound = write.to_parquet
    monkeypatch.setattr(write, "to_parquet", lambda rows, _: sound(damaged(rows)))


@pytest.mark.parametrize(("damaged", "failed"), DAMAGED)
def test_a_file_that_is_not_what_it_should_be_fails(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, damaged: Any, failed: set[str]
):
    """The bytes of the file decide, whatever the rows were that it was made from."""
    publish_rows(lake, rows_of(2019, 5))
    damaging(monkeypatch, damaged)
    landed = land_rows(lake, rows_of(2019, 5, subject="Edited"), refreshed=DAY_2)
    written = [write_parquet(lake, partition(lake, landed))]
    head = lake.head(KEYS.table)
    plan = reconcile(lake, head, landed["read"], written)
    checks = auditing.audit(head, landed["read"], written, plan, None)
    assert {check.name for check in checks if not check.passed} - {BEFORE} == failed


def test_a_file_that_lies_is_not_published(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """What is no number stops the commit, and the error names the year and the column."""
    publish_rows(lake, rows_of(2019, 5))
    damaging(monkeypatch, damage("completion_rate", first_is(float("nan"))))
    found = failures(lake, rows_of(2019, 5, subject="Edited"))
    assert list(found) == ["ranges"]
    assert found["ranges"].startswith("2019 has completion_rate nan to nan; ")


# What is told, and what somebody accepts


def test_a_first_read_passes_and_says_that_it_is_the_first(lake: Lake):
    """Every check is in the receipt, with what it found and how it ended."""
    told = publish_rows(lake, rows_of(2019, 3))
    checks = checks_of(lake)
    assert list(checks) == NAMES
    assert told["checks"] == list(checks.values())
    assert {(check["outcome"], check["reason"]) for check in checks.values()} == {("passed", "")}
    assert checks["rows per year"]["found"] == "the first version"
    assert checks["rows in total"]["found"] == "3, the first version"


@pytest.mark.parametrize("column", ["component", "recall_type"])
def test_a_value_that_is_new_warns_and_is_published(lake: Lake, column: str):
    """A new component or type is told once, in plain characters, and stops nothing."""
    new = [
        row for year in (2018, 2019) for row in rows_of(year, 2, **{column: "FLUX\x1b CAPACITOR"})
    ]
    assert publish_rows(lake, new)["version"] == 1
    check = checks_of(lake)[f"known values of {column}"]
    assert (check["outcome"], check["found"]) == ("warning", r"new: 'FLUX\x1b CAPACITOR'")


def test_what_the_made_up_source_has_is_known():
    """No day of the local API warns of a component."""
    assert set(made_up_words.COMPONENTS) <= set(COMPONENTS)


def test_all_failures_are_told_at_once(lake: Lake):
    """A read that fails three checks says so in one error, each with its cure."""
    publish_rows(lake, [*rows_of(2018, 10), *rows_of(2019, 10)])
    facts_before = facts(lake)
    bad = rows_of(2020, 4, completion_rate="101")
    found = failures(lake, [*rows_of(2018, 5), *rows_of(2019, 10, component=None), *bad])
    assert list(found) == ["quarantine", "rows per year", "rows in total", "nulls of component"]
    assert all("; " in told for told in found.values())
    assert facts(lake) == facts_before


def test_what_is_accepted_is_published_with_its_reason(lake: Lake):
    """Real sources change: a reason lets a failed check pass, and the receipt keeps it."""
    publish_rows(lake, rows_of(2019, 10))
    fewer = rows_of(2019, 5)
    assert set(failures(lake, fewer)) == {"rows per year", "rows in total"}
    reason = "NHTSA withdrew the tire campaigns"
    with pytest.raises(AuditFailed) as error:
        publish_rows(lake, fewer, {"rows per year": reason})
    one_clear_line(error.value, "rows in total: 5, 10 before", "`accept` takes a reason")
    accept = {"rows per year": reason, "rows in total": reason, "quarantine": "none to be expected"}
    assert publish_rows(lake, fewer, accept)["version"] == 2
    checks = checks_of(lake)
    for name in ("rows per year", "rows in total"):
        assert (checks[name]["outcome"], checks[name]["reason"]) == ("accepted", reason)
    assert (checks["quarantine"]["outcome"], checks["quarantine"]["reason"]) == ("passed", "")


@pytest.mark.parametrize("name", NAMES[:11])
def test_what_must_always_hold_cannot_be_accepted(lake: Lake, name: str):
    """No reason is good enough for a table that contradicts itself."""
    with pytest.raises(CannotAccept, match="must always hold; nothing was published"):
        publish_rows(lake, rows_of(2019, 1), {name: "because"})
    assert lake.head(KEYS.table).version == -1


def test_whatever_a_source_may_change_can_be_accepted(lake: Lake):
    """All other checks take a reason, also where they pass."""
    publish_rows(lake, rows_of(2019, 1), dict.fromkeys(NAMES[11:], "because"))
    assert lake.head(KEYS.table).receipt["counts"]["rows"] == 1

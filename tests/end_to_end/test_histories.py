"""Random histories of a small source against a plain model of the rule for the next table.

The next table is the rows that a read brought and that are valid, once each, plus the current
rows of keys that it did not bring validly and cannot call gone.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import WAIVE
from tests.end_to_end.invariants import Facts, holds, plain_facts, table_facts
from tests.faulty_s3 import FaultyS3
from tests.recalls_source import DATE, RecallsSource, Row, a_row, business_row, recalls_source

YEARS = range(2018, 2022)
WILD = WAIVE | dict.fromkeys(
    (f"nulls of {c}" for c in ("component", "subject", "completion_rate")), "a wild source"
)
SOME_FACTS = st.fixed_dictionaries(
    {
        "subject": st.sampled_from([None, "", "null", "Brakes\x01 \u2028 \U0001f697"]),
        "component": st.sampled_from([None, "SEATS", "TIRES"]),
        "potentially_affected": st.sampled_from([None, "0", "1000000000000"]),
        "completion_rate": st.sampled_from([None, "0", "-0", "100", "0.1", "33.333333333333336"]),
    }
)
NUMBERS = st.integers(1, 12)
BREAKS = [{"potentially_affected": "-1"}, {"completion_rate": "many"}, {DATE: None}]


def next_table(current: Facts, rows: list[Row], years: list[int]) -> Facts:
    """The rule, over dicts."""
    brought = [row for row in rows if not years or int(row.get(DATE, "0")[:4]) in years]
    copies = Counter(row.get("nhtsa_id") for row in brought)
    valid = [r for r in brought if copies[r.get("nhtsa_id")] == 1 and not is_broken(r)]
    found = {row["nhtsa_id"]: (int(row[DATE][:4]), business_row(row)) for row in valid}
    cannot_be_gone = set(current) if years or None in copies else set(copies)
    return {key: current[key] for key in cannot_be_gone & set(current)} | found


def is_broken(row: Row) -> bool:
    rate, affected = row.get("completion_rate"), row.get("potentially_affected")
    return not {"nhtsa_id", DATE} <= set(row) or rate == "many" or affected == "-1"


class Histories(RuleBasedStateMachine):
    """What happens at the source, and runs of all years or some, which may die."""

    def __init__(self, bucket: Bucket, proxy: FaultyS3, source: RecallsSource) -> None:
        super().__init__()
        self.bucket, self.proxy, self.source = bucket, proxy, source
        self.shaky = Bucket.open(proxy.url, bucket.name)
        self.rows: dict[int, Row] = {}
        self.extra: list[Row] = []  # copies and rows without a key; gone after the next full read
        self.table: Facts = {}

    @initialize()
    def begin(self) -> None:
        self.rows = {number: self.row(number, 2018 + number % 3) for number in range(1, 10)}
        self.read(years=[], crash=None, rows_of_a_batch=50_000)

    def row(self, number: int, year: int) -> Row:
        """The key says nothing of the year, for rows move."""
        return a_row(number, year, nhtsa_id=f"19V{number:06}")

    @rule(number=NUMBERS, year=st.sampled_from(YEARS))
    def add_or_move(self, number: int, year: int) -> None:
        moved = {DATE: f"{year}-07-01T00:00:00.000"}
        self.rows[number] = self.rows.get(number, self.row(number, year)) | moved

    @rule(number=NUMBERS, facts=SOME_FACTS)
    def edit(self, number: int, facts: Row) -> None:
        if number in self.rows:
            row = self.rows[number] | facts
            self.rows[number] = {name: value for name, value in row.items() if value is not None}

    @rule(number=NUMBERS)
    def retract(self, number: int) -> None:
        self.rows.pop(number, None)

    @rule(number=NUMBERS, broken=st.sampled_from(BREAKS))
    def break_one(self, number: int, broken: Row) -> None:
        self.edit(number, broken)

    @rule(number=NUMBERS, year=st.sampled_from(YEARS))
    def copy_one(self, number: int, year: int) -> None:
        self.extra.append(self.row(number, year))

    @rule(year=st.sampled_from(YEARS))
    def add_one_without_a_key(self, year: int) -> None:
        self.extra.append(a_row(99, year, nhtsa_id=None))

    @precondition(lambda self: self.rows)
    @rule(
        years=st.one_of(st.just([]), st.lists(st.sampled_from(YEARS), min_size=1, unique=True)),
        crash=st.one_of(st.none(), st.integers(1, 30)),
        rows_of_a_batch=st.sampled_from([3, 50_000]),
    )
    def read(self, years: list[int], crash: int | None, rows_of_a_batch: int) -> None:
        rows = [*self.rows.values(), *self.extra]
        self.source.publish(deepcopy(rows), days=0.01)
        after = next_table(self.table, rows, years)
        self.proxy.clear()
        if crash:
            self.proxy.refuse_from(crash)
        with house.batches_of(rows_of_a_batch):
            try:
                house.run(self.source.url, self.shaky, sorted(years), waive=WILD)
            except Exception:
                if not crash:
                    raise
                known = bool(self.table)
                found = table_facts(self.bucket) if known or house.versions(self.bucket) else {}
                assert found in (self.table, after)
                self.table = found
                return
        assert table_facts(self.bucket) == plain_facts(self.bucket) == after
        holds(self.bucket)
        self.table = after
        if not years:
            self.extra.clear()


def play(new_bucket: NewBucket, proxy: FaultyS3, examples: int, steps: int) -> None:
    with recalls_source() as source:
        run_machine(
            lambda: Histories(new_bucket(), proxy, source),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],  # a smaller example would take minutes to find
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_a_few_histories_follow_the_rule(new_bucket: NewBucket, proxy: FaultyS3) -> None:
    play(new_bucket, proxy, examples=3, steps=16)


@pytest.mark.slow
def test_many_histories_follow_the_rule(new_bucket: NewBucket, proxy: FaultyS3) -> None:
    play(new_bucket, proxy, examples=40, steps=40)

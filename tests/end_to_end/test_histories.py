"""Random histories of a small source match a plain model of the publishing rule.

The next table has the valid rows of the read, once each, and the current rows of keys that the
read has no valid row for and cannot retract.
"""

from collections import Counter
from copy import deepcopy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import WAIVE
from tests.end_to_end.invariants import Facts, check_bucket, plain_facts, table_facts
from tests.faulty_s3 import FaultyS3
from tests.recalls_source import DATE, Row, business_row, recall_row, recalls_source

YEARS = range(2018, 2022)
WAIVE_ALL = WAIVE | dict.fromkeys(
    (f"nulls of {c}" for c in ("component", "subject", "completion_rate", "potentially_affected")),
    "random rows",
)
NUMBERS = st.integers(1, 10)
SOME_FACTS = st.fixed_dictionaries(
    {
        "subject": st.sampled_from([None, "", "null", "Brakes\x01 \u2028 \U0001f697"]),
        "component": st.sampled_from([None, "SEATS", "TIRES"]),
        "potentially_affected": st.sampled_from([None, "0", "1000000000000"]),
        "completion_rate": st.sampled_from([None, "0", "-0", "100", "0.1", "33.333333333333336"]),
    }
)
INVALID_VALUES = st.sampled_from(
    [{"potentially_affected": "-1"}, {"completion_rate": "many"}, {DATE: None}]
)
CHANGES = st.one_of(
    st.tuples(st.just("edit"), NUMBERS, SOME_FACTS),
    st.tuples(st.just("edit"), NUMBERS, INVALID_VALUES),
    st.tuples(st.just("retract"), NUMBERS, st.none()),
    st.tuples(st.sampled_from(["add", "copy", "no key"]), NUMBERS, st.sampled_from(YEARS)),
)
DAYS = st.fixed_dictionaries(
    {
        "changes": st.lists(CHANGES, min_size=2, max_size=6),
        "years": st.one_of(
            st.just([]), st.lists(st.sampled_from(YEARS), min_size=1, max_size=3, unique=True)
        ),
        "crash": st.one_of(st.none(), st.none(), st.integers(1, 30)),
        "rows_of_a_batch": st.sampled_from([3, 50_000]),
    }
)


class Source:
    """Up to ten recalls that change every day."""

    def __init__(self) -> None:
        self.rows = {number: self.row(number, 2018 + number % 3) for number in range(1, 9)}

    def row(self, number: int, year: int) -> Row:
        """Build a row; the key does not depend on the year, because rows move."""
        return recall_row(number, year, nhtsa_id=f"19V{number:06}")

    def after(self, changes: list[tuple[str, int, Any]]) -> list[Row]:
        """Apply changes; return the rows, with copies and rows without a key for one day."""
        extra = []
        for kind, number, what in changes:
            if kind == "edit" and number in self.rows:
                row = self.rows[number] | what
                self.rows[number] = {name: v for name, v in row.items() if v is not None}
            elif kind == "retract":
                self.rows.pop(number, None)
            elif kind == "add":  # or move, or repair
                moved = {DATE: f"{what}-07-01T00:00:00.000", "potentially_affected": "7"}
                self.rows[number] = self.rows.get(number, self.row(number, what)) | moved
            elif kind in {"copy", "no key"}:
                key = {"nhtsa_id": None} if kind == "no key" else {}
                extra.append(
                    {n: v for n, v in (self.row(number, what) | key).items() if v is not None}
                )
        return deepcopy([*self.rows.values(), *extra])


def next_table(current: Facts, rows: list[Row], years: list[int]) -> Facts:
    """The publishing rule, on dicts."""
    read = [row for row in rows if not years or int(row.get(DATE, "0")[:4]) in years]
    copies = Counter(row.get("nhtsa_id") for row in read)
    valid = [r for r in read if copies[r.get("nhtsa_id")] == 1 and not is_invalid(r)]
    found = {row["nhtsa_id"]: (int(row[DATE][:4]), business_row(row)) for row in valid}
    not_retracted = set(current) if years or None in copies else set(copies)
    return {key: current[key] for key in not_retracted & set(current)} | found


def is_invalid(row: Row) -> bool:
    rate, affected = row.get("completion_rate"), row.get("potentially_affected")
    return not {"nhtsa_id", DATE} <= set(row) or rate == "many" or affected == "-1"


def check_history(days: list[dict[str, Any]], bucket: Bucket, proxy: FaultyS3) -> None:
    """Run once a day; a run that crashes leaves the old or the new table."""
    source, faulty, table = Source(), Bucket.open(proxy.url, bucket.name), Facts()
    first = {"changes": [], "years": [], "crash": None, "rows_of_a_batch": 50_000}
    with recalls_source() as api:
        for day in [first, *days]:
            rows = source.after(day["changes"])
            api.publish(rows, days=0.01)
            after = next_table(table, rows, day["years"])
            proxy.clear()
            if day["crash"]:
                proxy.refuse_from(day["crash"])
            if run_crashes(api.url, faulty, day):
                found = table_facts(bucket)
                assert found in (table, after), day
                table = found
                continue
            assert table_facts(bucket) == plain_facts(bucket) == after, day
            check_bucket(bucket)
            table = after


def run_crashes(url: str, bucket: Bucket, day: dict[str, Any]) -> bool:
    with product.max_batch_rows(day["rows_of_a_batch"]):
        try:
            product.run(url, bucket, sorted(day["years"]), waive=WAIVE_ALL)
        except Exception:
            if not day["crash"]:
                raise
            return True
    return False


def check_histories(new_bucket: NewBucket, proxy: FaultyS3, examples: int, length: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # shrinking would take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(DAYS, min_size=length, max_size=length))
    def history(days: list[dict[str, Any]]) -> None:
        check_history(days, new_bucket(), proxy)

    history()


def test_few_histories_match_the_model(new_bucket: NewBucket, proxy: FaultyS3) -> None:
    check_histories(new_bucket, proxy, examples=3, length=6)


@pytest.mark.slow
def test_many_histories_match_the_model(new_bucket: NewBucket, proxy: FaultyS3) -> None:
    check_histories(new_bucket, proxy, examples=20, length=10)

"""Candidate files: the same bytes for the same rows, and what those bytes say of themselves."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.first.lake import Lake
from include.first.parquet import to_parquet
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.write import facts_of, write_candidate, write_parquet
from tests.vehicle_recalls.evidence import KEYS, a_row, land_rows


def table(**columns: list[Any]) -> pa.Table:
    """Sound rows of 2019, with these columns as they are given."""
    rows = len(next(iter(columns.values()), [None]))
    sound = {
        "nhtsa_id": [f"19V{n:06}" for n in range(rows)],
        "report_received_date": [date(2019, 3, 4)] * rows,
        "component": ["STEERING"] * rows,
        "recall_type": ["Vehicle"] * rows,
    }
    values = sound | columns
    return pa.table(
        [pa.array(values.get(f.name, [None] * rows), f.type) for f in CONTRACT.schema],
        schema=CONTRACT.schema,
    )


def test_a_candidate_says_what_its_bytes_say(lake: Lake):
    """Its name carries the hash; rows, nulls and ranges are those of the file in the bucket."""
    rows = table(
        potentially_affected=[5, 100, None],
        completion_rate=[0.0, None, None],
        report_received_date=[date(2019, 1, 1), date(2019, 12, 31), date(2019, 3, 4)],
    )
    made = write_candidate(lake, "a-token", 2019, rows)
    body = lake.get(f"{KEYS.table}/{made['path']}")
    assert made["sha256"] == hashlib.sha256(body).hexdigest()
    assert made["path"] == f"2019/a-token-{made['sha256']}.parquet"
    assert made["rows"] == 3
    assert made["unlike"] == []
    nulls = {n: rows[n].null_count for n in CONTRACT.schema.names if rows[n].null_count}
    assert made["nulls"] == nulls
    assert (nulls["potentially_affected"], nulls["completion_rate"], nulls["subject"]) == (1, 2, 3)
    assert made["ranges"] == {
        "report_received_date": ["2019-01-01", "2019-12-31"],
        "potentially_affected": ["5", "100"],
        "completion_rate": ["0.0", "0.0"],
    }
    assert made["unknown"] == {}


def test_nulls_of_all_row_groups_are_counted():
    """A large year has several row groups, each with statistics of its own."""
    sink = pa.BufferOutputStream()
    pq.write_table(table(component=["TIRES", None, None, None, "TIRES"]), sink, row_group_size=2)
    facts = facts_of(sink.getvalue().to_pybytes())
    assert (facts["rows"], facts["nulls"]["component"]) == (5, 3)


def test_what_is_no_number_is_seen():
    """Parquet's own least and greatest pass over NaN; the values do not."""
    facts = facts_of(to_parquet(table(completion_rate=[1.0, float("nan"), 2.0])))
    assert facts["ranges"]["completion_rate"] == ["nan", "nan"]


def test_a_few_of_the_unknown_values_are_told():
    """Of many new components the first five come along, cut short; a null is none."""
    components = [None, "TIRES", "Z" * 500, *(f"NEW {n}" for n in range(9))]
    facts = facts_of(to_parquet(table(component=components)))
    assert facts["unknown"] == {"component": [f"NEW {n}" for n in range(5)]}
    facts = facts_of(to_parquet(table(component=components[:3])))
    assert facts["unknown"] == {"component": ["Z" * 60]}


@pytest.mark.parametrize(
    ("change", "unlike"),
    [
        (lambda rows: rows.drop_columns(["subject"]), ["lacks subject string"]),
        (lambda rows: rows.append_column("more", rows["subject"]), ["has more string"]),
        (
            lambda rows: rows.set_column(4, "nhtsa_id", rows["nhtsa_id"]),
            ["has nhtsa_id string", "lacks nhtsa_id string not null"],
        ),
        (
            lambda rows: rows.select([*reversed(rows.column_names)]),
            ["has its columns in another order"],
        ),
    ],
    ids=["one less", "one more", "may be null", "order"],
)
def test_columns_that_are_not_as_the_contract_has_them_are_named(change: Any, unlike: list[str]):
    """What the file has and the contract has not, and the other way round."""
    assert facts_of(to_parquet(change(table())))["unlike"] == unlike


def test_what_goes_from_task_to_task_is_small_and_plain(lake: Lake):
    """A candidate survives JSON, and is a reference still: under 1,000 characters a year."""
    rows = [a_row(n, component=f"NEW {n}", subject=None if n % 2 else "S") for n in range(50)]
    written = write_parquet(lake, partition(lake, land_rows(lake, rows)))
    (made,) = written["candidates"].values()
    assert made["rows"] == 50
    assert json.loads(json.dumps(made)) == made
    assert len(json.dumps(made)) < 1_000


def test_the_same_rows_give_the_same_bytes():
    """Nothing in a file tells when or where it was made."""
    assert to_parquet(table()) == to_parquet(table())

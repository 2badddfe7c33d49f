"""Two days of a source of twelve recalls, with every kind of change between them."""

from dataclasses import dataclass
from typing import Any

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.invariants import Facts, plain_facts, table_facts
from tests.recalls_source import DATE, Row, business_row, recall_row

WAIVE = dict.fromkeys(("quarantine", "rows per year", "rows in total"), "a small source")
YEARS = (2018, 2019, 2020, 2021)


def first_day() -> list[Row]:
    return [recall_row(number, year) for year in YEARS for number in (1, 2, 3)]


def second_day() -> list[Row]:
    """An edit, a move, a retraction, a new recall, an invalid row and a missing year."""
    rows = {row["nhtsa_id"]: row for row in first_day() if not row[DATE].startswith("2018")}
    rows["19V000001"] |= {"completion_rate": "70", "component": None}
    rows["19V000002"] |= {DATE: "2020-07-01T00:00:00.000"}
    del rows["20V000001"]
    rows["20V000002"] |= {"potentially_affected": "-5"}
    return [*rows.values(), recall_row(9, 2021)]


def facts_of_rows(rows: list[Row]) -> Facts:
    """The facts after a full read of valid rows."""
    found = [business_row(row) for row in rows]
    return {row["nhtsa_id"]: (row[DATE].year, row) for row in found}


def facts_of_second_day() -> Facts:
    """The invalid row is carried over from the first day."""
    invalid = facts_of_rows(first_day())["20V000002"]
    rows = [row for row in second_day() if row["nhtsa_id"] != "20V000002"]
    return facts_of_rows(rows) | {"20V000002": invalid}


@dataclass(frozen=True)
class Snapshot:
    """What readers find, without values that differ between reads."""

    facts: Facts
    ledger: list[dict[str, Any]]
    versions: int
    quarantine: list[tuple[str, list[str]]]  # of the newest committed read


def snapshot(bucket: Bucket) -> Snapshot:
    versions = product.versions(bucket)
    numbers = {version: nth for nth, (version, _) in enumerate(versions)}
    rows = product.ledger_rows(bucket)
    quarantined = product.quarantine_rows(bucket, versions[-1][1]["read_id"])
    return Snapshot(
        plain_facts(bucket),
        [row | {"version": numbers[row["version"]]} for row in rows],
        len(versions),
        sorted((row["nhtsa_id"], row["columns"]) for row in quarantined),
    )


def check_first_or_second_day(bucket: Bucket) -> Facts:
    """Check that the table is of one day and no year file is ahead of it; return its facts."""
    first, second = facts_of_rows(first_day()), facts_of_second_day()
    current = table_facts(bucket)
    assert current in (first, second)
    for year, table in product.year_files(bucket).items():
        rows = {row["nhtsa_id"]: row for row in table.select(product.BUSINESS_COLUMNS).to_pylist()}
        days = [{k: r for k, (y, r) in day.items() if y == year} for day in (first, second)]
        assert rows in (days if current == second else days[:1]), year
    return current

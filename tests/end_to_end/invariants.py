"""Checks of a bucket between runs, in plain Python on what readers see."""

from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from datetime import date
from itertools import groupby
from typing import Any

import pyarrow as pa

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket

Row = dict[str, Any]
Facts = dict[str, tuple[int, Row]]  # each recall by key: its year and its business columns
AGGREGATIONS = {
    "recalls_per_manufacturer_per_year": ("manufacturer", "year"),
    "recalls_per_component_per_year": ("component", "year"),
    "recalls_per_type_per_manufacturer": ("recall_type", "manufacturer"),
}
FROM_TEXT = {
    "report_received_date": date.fromisoformat,
    "potentially_affected": int,
    "completion_rate": float,
    "fire_risk_when_parked": {"true": True, "false": False}.__getitem__,
    "do_not_drive": {"true": True, "false": False}.__getitem__,
}


def facts_of(years: dict[int, pa.Table]) -> Facts:
    """The facts of year files; checks that keys are unique and years match dates."""
    rows = [
        (year, row)
        for year, table in years.items()
        for row in table.select(product.BUSINESS_COLUMNS).to_pylist()
    ]
    facts = {row["nhtsa_id"]: (year, row) for year, row in rows}
    assert len(facts) == len(rows), "duplicate key"
    assert all(row["report_received_date"].year == year for year, row in rows)
    return facts


def plain_facts(bucket: Bucket) -> Facts:
    return facts_of(product.year_files(bucket))


def table_facts(bucket: Bucket, version: int | None = None) -> Facts:
    """The facts of a version; checks that keys are unique."""
    rows = product.table_rows(bucket, version)
    years = rows["year"].to_pylist()
    found = rows.select(product.BUSINESS_COLUMNS).to_pylist()
    facts = {row["nhtsa_id"]: (year, row) for year, row in zip(years, found, strict=True)}
    assert len(facts) == len(found), "duplicate key"
    return facts


def check_bucket(bucket: Bucket) -> None:
    """Check that plain files, reports and the ledger agree with the current version."""
    current = table_facts(bucket)
    assert plain_facts(bucket) == current
    aggregations = product.aggregations(bucket)
    assert aggregations.keys() == AGGREGATIONS.keys()
    for name, columns in AGGREGATIONS.items():
        recount = Counter(
            tuple(({"year": year} | row)[c] for c in columns) for year, row in current.values()
        )
        rows = [tuple(row.values()) for row in aggregations[name].to_pylist()]
        assert {row[:-1]: row[-1] for row in rows} == recount, name
        assert len(rows) == len(recount), name
    versions = product.versions(bucket)
    read_ids = [receipt["read_id"] for _, receipt in versions]
    assert len(set(read_ids)) == len(read_ids), "a read was committed twice"
    reports = product.reports(bucket)
    assert len(reports) == len(versions)
    assert all(text.strip() for text in reports.values())
    check_ledger(bucket, current)


def check_ledger(bucket: Bucket, current: Facts) -> None:
    """Check that the ledger has each version once and replays to the current version."""
    versions = product.versions(bucket)
    recorded = product.ledger_versions(bucket)
    assert len(set(recorded)) == len(recorded), "the ledger has a version twice"
    with_events = [version for version, receipt in versions if receipt["events"]]
    assert recorded[-1:] == with_events[-1:]
    baseline = versions[-1][1]["baseline"]
    if baseline is not None:
        rows = [row for row in product.ledger_rows(bucket) if row["version"] > baseline]
        assert replay(table_facts(bucket, baseline), rows) == current


def replay(start: Facts, rows: Iterable[Row]) -> Facts:
    """Apply events to a version; check the old value of each."""
    state = deepcopy(start)
    for (_, key), steps in groupby(rows, lambda row: (row["version"], row["nhtsa_id"])):
        step = list(steps)
        (event,) = {row["event"] for row in step}
        (year,) = {row["year"] for row in step}
        assert (key in state) == (event in {"edited", "retracted"})
        facts = state[key][1] if key in state else dict.fromkeys(product.BUSINESS_COLUMNS)
        for row in step:
            old, new = (
                FROM_TEXT.get(row["field"], str)(text) if text is not None else None
                for text in (row["old"], row["new"])
            )
            assert facts[row["field"]] == old
            facts[row["field"]] = new
        state[key] = (year, facts)
        if event == "retracted":
            assert set(facts.values()) == {None}
            del state[key]
    return state

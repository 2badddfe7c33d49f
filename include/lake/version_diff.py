"""What a plan changes: counts, and the events that become part of the version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.diff import Diff, compare, compared_columns, compared_schema
from include.data.tables import concat
from include.lake.plan import Plan
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map

MAX_ROWS = 50_000  # that are compared in memory together, and one partition more


class Counts(TypedDict):
    """Rows over the whole table; rows = published + edited + unchanged + carried_over."""

    rows: int
    published: int
    edited: int
    retracted: int
    unchanged: int
    carried_over: int


def compare_versions(store: Store, plan: Plan) -> tuple[Counts, Diff | None]:
    """The diff is None when there is nothing to compare with, or nothing changes."""
    rows = sum(part["rows"] for part in plan.parts.values())
    diff = _diff(store, plan) if plan.current.receipt and plan.changed else None
    published = 0 if plan.current.receipt else rows
    edited = retracted = 0
    if diff:
        published, edited = diff.published.num_rows, diff.edited
        retracted = diff.retracted.num_rows
    counts = Counts(
        rows=rows,
        published=published,
        edited=edited,
        retracted=retracted,
        unchanged=rows - published - edited - plan.carried_over,
        carried_over=plan.carried_over,
    )
    return counts, diff


def _diff(store: Store, plan: Plan) -> Diff:
    """The files of the changed partitions, a few at a time; a moved key is an edit."""
    dataset, before, after = plan.dataset, plan.current.parts, plan.parts
    diffs = [
        compare(
            dataset,
            compared_rows(store, dataset, before, names),
            compared_rows(store, dataset, after, names),
        )
        for names in _groups(before, after, plan.changed)
    ]
    moved = compare(
        dataset,
        concat(diff.retracted for diff in diffs),
        concat(diff.published for diff in diffs),
    )
    diffs.append(moved)
    return Diff(
        published=moved.published,
        retracted=moved.retracted,
        edits=concat(diff.edits for diff in diffs),
        edited=sum(diff.edited for diff in diffs),
        unchanged=sum(diff.unchanged for diff in diffs),
    )


def _groups(
    before: Mapping[str, Any], after: Mapping[str, Any], changed: Sequence[str]
) -> Iterator[list[str]]:
    """Partitions that are compared in memory together."""
    group: list[str] = []
    rows = 0
    for name in changed:
        group.append(name)
        rows += sum(parts[name]["rows"] for parts in (before, after) if name in parts)
        if rows > MAX_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


def compared_rows(
    store: Store, dataset: Dataset, parts: Mapping[str, Any], names: Iterable[str] | None = None
) -> pa.Table:
    """The compared columns of these partitions, or of all."""
    schema = compared_schema(dataset)

    def read(name: str) -> pa.Table:
        rows = read_table_file(store, dataset, parts[name]["path"], dataset.business_columns)
        if dataset.adds_partition_column:
            values = pa.array([name] * rows.num_rows, pa.string())
            column = pc.cast(values, dataset.partition_type)
            rows = rows.append_column(dataset.partition_by, column)
        return rows.select(compared_columns(dataset)).cast(schema)

    return concat(
        [
            schema.empty_table(),
            *parallel_map(read, [n for n in parts if names is None or n in names]),
        ]
    )

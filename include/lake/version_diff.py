"""What a plan changes: counts, and the events that become part of the version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.data import diff as rows_diff
from include.data.contract import Dataset
from include.data.diff import Diff, compared_columns, compared_schema
from include.data.tables import concat
from include.lake.plan import Plan
from include.lake.staging import read_table_file
from include.lake.store import Store, parallel_map
from include.lake.table import Version

MAX_ROWS = 50_000  # compared in memory together


class Counts(TypedDict):
    """Rows over the whole table; rows = published + edited + unchanged + carried_over."""

    rows: int
    published: int
    edited: int
    retracted: int
    unchanged: int
    carried_over: int


def compare_versions(
    store: Store, dataset: Dataset, current: Version, plan: Plan
) -> tuple[Counts, Diff | None]:
    """The diff is None when there is nothing to compare with, or nothing changes."""
    rows = sum(part["rows"] for part in plan.parts.values())
    if not current.receipt:
        return _counts(rows, plan, published=rows), None
    if not plan.changed:
        return _counts(rows, plan), None
    diff = diff_partitions(store, dataset, current.parts, plan.parts, plan.changed)
    counts = _counts(
        rows,
        plan,
        published=diff.published.num_rows,
        edited=diff.edited,
        retracted=diff.retracted.num_rows,
    )
    return counts, diff


def diff_partitions(
    store: Store,
    dataset: Dataset,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changed: Sequence[str],
) -> Diff:
    """Compare the files of these partitions, a few at a time; a moved key is an edit."""
    empty = compared_schema(dataset).empty_table()
    published, retracted, edits, edited, unchanged = [empty], [empty], [], 0, 0
    for names in _groups(before, after, changed):
        old = compared_rows(store, dataset, before, names)
        diff = rows_diff.compare(dataset, old, compared_rows(store, dataset, after, names))
        published.append(diff.published)
        retracted.append(diff.retracted)
        edits.append(diff.edits)
        edited += diff.edited
        unchanged += diff.unchanged
    moved = rows_diff.compare(dataset, concat(retracted), concat(published))
    return Diff(
        published=moved.published,
        retracted=moved.retracted,
        edits=concat([*edits, moved.edits]),
        edited=edited + moved.edited,
        unchanged=unchanged + moved.unchanged,
    )


def _counts(
    rows: int, plan: Plan, *, published: int = 0, edited: int = 0, retracted: int = 0
) -> Counts:
    return Counts(
        rows=rows,
        published=published,
        edited=edited,
        retracted=retracted,
        unchanged=rows - published - edited - plan.carried_over,
        carried_over=plan.carried_over,
    )


def _groups(
    before: Mapping[str, Any], after: Mapping[str, Any], changed: Sequence[str]
) -> Iterator[list[str]]:
    names: list[str] = []
    rows = 0
    for name in changed:
        size = sum(parts[name]["rows"] for parts in (before, after) if name in parts)
        if names and rows + size > MAX_ROWS:
            yield names
            names, rows = [], 0
        names, rows = [*names, name], rows + size
    if names:
        yield names


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

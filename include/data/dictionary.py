"""The data dictionary: `python -m include.data.dictionary > docs/data-dictionary.md`."""

from collections.abc import Iterator

from include.data.catalog import datasets
from include.data.contract import Column, Dataset
from include.data.diff import ledger_schema

INTRODUCTION = """# Data dictionary

Generated from the contracts by `python -m include.data.dictionary`; change a contract instead.

Each dataset is a Delta table in `<dataset>/table` and a ledger in `<dataset>/ledger`."""


def dictionary() -> str:
    sections = ["\n".join(_section(dataset)) for dataset in datasets().values()]
    return "\n\n".join([INTRODUCTION, *sections]) + "\n"


def _section(dataset: Dataset) -> Iterator[str]:
    yield f"## {dataset.name}"
    yield ""
    yield dataset.grain
    yield ""
    order = ", ".join(f"`{name}`" for name, _ in dataset.order)
    partition = f" Partitioned by `{dataset.partition_by}`." if dataset.partition_by else ""
    yield f"Key: `{dataset.key}`. Sorted by {order}.{partition} Contract version {dataset.version}."
    yield ""
    yield "| Column | Type | At the source | Values | Meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for column in dataset.columns:
        values = ", ".join(_values(dataset, column))
        yield (
            f"| `{column.name}` | {column.type} | `{column.field}` | {values} | {column.sentence} |"
        )
    if renewed := [c.name for c in dataset.columns if not c.business]:
        names = ", ".join(f"`{name}`" for name in renewed)
        yield ""
        yield f"The source renews {names} by itself: a change of these alone is not a change."
    yield from _limits(dataset)
    yield ""
    columns = ", ".join(f"`{field.name}` ({field.type})" for field in ledger_schema(dataset))
    yield f"Ledger: {columns}."
    for table in dataset.derived:
        yield ""
        yield f"### {table.name}"
        yield ""
        names = ", ".join(f"`{name}`" for name in table.key)
        yield f"{table.grain} Computed from the rows of `{dataset.name}`. Key: {names}."
        yield ""
        yield "| Column | Type | Values | Meaning |"
        yield "| --- | --- | --- | --- |"
        for column in table.columns:
            values = ", ".join(_ranges(column))
            yield f"| `{column.name}` | {column.type} | {values} | {column.sentence} |"


def _values(dataset: Dataset, column: Column) -> Iterator[str]:
    if column.name == dataset.key:
        yield "unique"
    yield from _ranges(column)


def _ranges(column: Column) -> Iterator[str]:
    if column.required:
        yield "never null"
    if column.minimum is not None:
        yield f"from {column.minimum}"
    if column.maximum is not None:
        yield f"to {column.maximum}"


def _limits(dataset: Dataset) -> Iterator[str]:
    limits = {
        "rows in total": dataset.limits.rows_in_total,
        f"rows per {dataset.partition_by}": dataset.limits.rows_per_partition,
        "nulls of each column": dataset.limits.nulls,
        "quarantine": dataset.limits.quarantine,
    }
    if not any(limits.values()):
        return
    yield ""
    yield "A read beyond a limit is not published, unless its run waives the check with a reason:"
    yield ""
    yield "| Check | Limit | What is counted |"
    yield "| --- | --- | --- |"
    for name, limit in limits.items():
        if limit:
            yield f"| `{name}` | {limit} | {limit.sentence} |"


if __name__ == "__main__":
    print(dictionary(), end="")

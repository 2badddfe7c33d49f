"""The data dictionary: `python -m include.data.dictionary > docs/data-dictionary.md`."""

from collections.abc import Iterable

from include.data.catalog import datasets
from include.data.contract import Column, Dataset, Limit
from include.data.templates import TEMPLATES


def dictionary() -> str:
    return TEMPLATES.get_template("data/dictionary.md.j2").render(
        datasets=datasets().values(),
        limits_of=_limits_of,
        quoted=_quoted,
        values=_values,
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _values(column: Column, key: str = "") -> str:
    statements = {
        "unique": column.name == key,
        "required": column.required,
        f"from {column.minimum}": column.minimum is not None,
        f"to {column.maximum}": column.maximum is not None,
    }
    return ", ".join(text for text, holds in statements.items() if holds)


def _limits_of(dataset: Dataset) -> dict[str, Limit]:
    limits = {
        "rows in total": dataset.limits.rows_in_total,
        f"rows per {dataset.partition_by}": dataset.limits.rows_per_partition,
        "nulls of each column": dataset.limits.nulls,
        "quarantine": dataset.limits.quarantine,
    }
    return {name: limit for name, limit in limits.items() if limit}


if __name__ == "__main__":
    print(dictionary(), end="")

"""A dataset is declared, as data: its columns, types and limits, with a sentence on each.

Validation, the checks, the ledger, the commands and the data dictionary all read it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 2)
TEXT = pa.string()


@dataclass(frozen=True)
class Column:
    """One column, and how the source spells it."""

    name: str
    type: pa.DataType
    sentence: str
    source: str = ""  # the field as the API calls it; the same name if empty
    source_types: tuple[str, ...] = ()  # what the API may declare it to be
    required: bool = False
    minimum: float | date | None = None
    maximum: float | date | None = None
    business: bool = True  # False: the source renews it without a change of the fact
    known: tuple[str, ...] = ()  # values seen so far; a new one is a warning
    shape: str = ""  # a regular expression; another shape is a warning
    upper: bool = False  # the canonical form is upper case
    reported_late: bool = False  # rows of an open partition often have no value yet

    @property
    def field(self) -> str:
        return self.source or self.name


@dataclass(frozen=True)
class Limit:
    """How much a read may take away: a share, or a few rows if that is more."""

    share: Fraction
    sentence: str
    rows: int = 3  # a few rows are no sign of anything, however small the whole
    inclusive: bool = True  # exactly the share is still allowed

    def allows(self, rows: Fraction | int, of: int) -> bool:
        limit = self.share * of
        return rows <= self.rows or rows < limit or (self.inclusive and rows == limit)

    def __str__(self) -> str:
        share = f"{'' if self.inclusive else 'less than '}{float(100 * self.share):g}%"
        return f"{self.rows} rows, or {share} if that is more"


@dataclass(frozen=True)
class Limits:
    """The limits that a dataset has; each is a check of its own, which a person can waive."""

    rows_in_total: Limit | None = None
    rows_per_partition: Limit | None = None
    nulls: Limit | None = None
    quarantine: Limit | None = None


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """The columns in order, each with its sentence."""
    return pa.schema(
        [
            pa.field(
                column.name,
                column.type,
                nullable=not column.required,
                metadata={"comment": column.sentence},
            )
            for column in columns
        ]
    )


@dataclass(frozen=True)
class DerivedTable:
    """A table that people get, computed from the rows of a dataset alone."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        return schema_of(self.columns)


@dataclass(frozen=True)
class Dataset:
    """A keyed table with history."""

    name: str
    version: str  # of the contract; raise it when the same answers give other rows
    grain: str  # what one row is, and what is odd about the source
    key: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...] = ()  # the key if empty
    limits: Limits = Limits()
    partition_by: str = ""
    partition_type: pa.DataType = TEXT  # of a partition column that no row has
    partition_of: Callable[[pa.Table], pa.ChunkedArray] | None = None
    keys_move: bool = False  # an edit may move a key to another partition
    is_open: Callable[[str, str], bool] = lambda _partition, _observed_at: False
    derived: tuple[DerivedTable, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The published columns."""
        return schema_of(self.columns)

    @property
    def table_schema(self) -> pa.Schema:
        """The columns of the Delta table: the published ones, and the partition."""
        if not self.adds_partition_column:
            return self.schema
        return self.schema.append(pa.field(self.partition_by, self.partition_type))

    @property
    def column_types(self) -> dict[str, str]:
        """The columns of the Delta table, as a receipt keeps them."""
        return {field.name: str(field.type) for field in self.table_schema}

    @property
    def adds_partition_column(self) -> bool:
        """Whether the partition is computed, not one of the published columns."""
        return bool(self.partition_by) and self.partition_by not in self.names

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def business_columns(self) -> list[str]:
        return [column.name for column in self.columns if column.business]

    @property
    def order(self) -> list[tuple[str, str]]:
        return [(name, "ascending") for name in self.sort_by or (self.key,)]

    def partitions(self, rows: pa.Table) -> pa.ChunkedArray:
        """The partition of each row, as text."""
        if not self.partition_by:
            return pa.chunked_array([pa.array([""] * rows.num_rows, pa.string())])
        if self.partition_of is not None:
            return pc.cast(self.partition_of(rows), pa.string())
        return pc.cast(rows[self.partition_by], pa.string())

    def keys(self, rows: pa.Table) -> pa.ChunkedArray:
        """The key of each row, as text."""
        return pc.cast(rows[self.key], pa.string())

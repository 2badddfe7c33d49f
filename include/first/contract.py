"""A contract is data: the columns of a table, their types and limits, a sentence on each.

The writer, the checks and the data dictionary all read it. `accept` holds rows against it: what
keeps it becomes typed columns, what breaks it comes back with the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 2)


@dataclass(frozen=True)
class Column:
    name: str
    source: str  # the field as the API calls it
    type: pa.DataType
    sentence: str
    source_types: tuple[str, ...]  # what the API may declare it to be
    required: bool = False
    minimum: float | date | None = None
    maximum: float | date | None = None
    business: bool = True  # False: the source changes it without a change of the fact
    known: tuple[str, ...] = ()  # its values, as far as they are known; another one is told
    comes_late: bool = False  # rows of a year that is not over often have no value yet

    def parse(self, text: str) -> Any:
        """One value as the API spells it, typed; ValueError says why it cannot be."""
        value = PARSERS[self.type](text)
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"{text!r} is under {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"{text!r} is over {self.maximum}")
        return value


@dataclass(frozen=True)
class Limit:
    """How much may go before somebody has to look: a share, and so few rows at any rate."""

    share: Fraction
    sentence: str
    rows: int = 3  # a few rows are no sign of anything, however small the whole
    reached: bool = True  # whether exactly the share is still within

    def allows(self, rows: Fraction | int, of: int) -> bool:
        most = self.share * of
        return rows <= self.rows or rows < most or (self.reached and rows == most)

    def __str__(self) -> str:
        share = f"{'' if self.reached else 'less than '}{float(100 * self.share):g} %"
        return f"{self.rows} rows, or {share} if that is more"


@dataclass(frozen=True)
class Limits:
    """What a read may do to the rows before it; each is named as its check is."""

    rows_per_year: Limit
    rows_in_total: Limit
    nulls: Limit
    quarantine: Limit


@dataclass(frozen=True)
class Contract:
    name: str
    version: str
    grain: str
    key: str
    sort_by: tuple[str, ...]
    columns: tuple[Column, ...]
    limits: Limits | None = None

    @property
    def schema(self) -> pa.Schema:
        """The published columns, in order, each with its sentence."""
        return pa.schema(
            [
                pa.field(
                    column.name,
                    column.type,
                    nullable=not column.required,
                    metadata={"comment": column.sentence},
                )
                for column in self.columns
            ]
        )

    @property
    def business_columns(self) -> list[str]:
        return [column.name for column in self.columns if column.business]

    def accept(self, rows: pa.Table) -> tuple[pa.Table, dict[int, list[str]]]:
        """Type every row, and say of each row that breaks the contract why it does.

        `rows` has a text column for each source field. Values that break it come back null.
        """
        reasons: dict[int, list[str]] = {}
        typed = []
        for column in self.columns:
            texts = rows[column.source].combine_chunks()
            values, problems = _typed(column, texts)
            typed.append(values)
            for row, problem in problems:
                reasons.setdefault(row, []).append(f"{column.name}: {problem}")
        schema = pa.schema([pa.field(c.name, c.type) for c in self.columns])
        return pa.table(typed, schema=schema), reasons


def _typed(column: Column, texts: pa.StringArray) -> tuple[pa.Array, list[tuple[int, str]]]:
    problems: list[tuple[int, str]] = []
    if column.required:
        missing = pc.or_kleene(pc.is_null(texts), pc.equal(texts, ""))
        problems = [(int(row), "is missing") for row in np.flatnonzero(missing)]
    if pa.types.is_string(column.type):
        return texts, problems
    # Each distinct text is parsed once: thousands instead of tens of thousands.
    encoded = texts.dictionary_encode()
    values, broken = [], {}
    for code, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            values.append(column.parse(text))
        except ValueError as error:
            values.append(None)
            if text or not column.required:
                broken[code] = str(error)
    if broken:
        at = np.flatnonzero(pc.is_in(encoded.indices, pa.array(list(broken), pa.int32())))
        problems += [(int(row), broken[encoded.indices[int(row)].as_py()]) for row in at]
    return pa.array(values, column.type).take(encoded.indices), problems


def _shaped(pattern: str, what: str, convert: Callable[[str], object]) -> Callable[[str], object]:
    """A parser that takes exactly one spelling, so that nothing is read by luck."""
    shape = re.compile(pattern, re.ASCII)

    def parse(text: str) -> object:
        if not shape.fullmatch(text):
            raise ValueError(f"{text[:60]!r} is not {what}")
        return convert(text)

    return parse


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError(f"{text!r} does not fit 64 bits")
    return value


def _number(text: str) -> float:
    return float(text) + 0.0  # there is one zero: minus nothing is written as nothing


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an instant") from None


YES_NO: Mapping[str, bool] = {"Yes": True, "No": False}
PARSERS: Mapping[pa.DataType, Callable[[str], Any]] = {
    pa.date32(): _shaped(r"\d{4}-\d\d-\d\dT00:00:00(\.0{1,6})?", "a date at midnight", _day),
    TIMESTAMP: _shaped(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", "an instant in UTC", _instant
    ),
    pa.int64(): _shaped(r"-?\d{1,19}", "a whole number", _integer),
    pa.float64(): _shaped(r"-?\d{1,15}(\.\d{1,15})?", "a number", _number),
    MONEY: _shaped(r"-?\d{1,16}", "a whole amount", Decimal),  # as a source without cents has it
    pa.bool_(): _shaped(r"Yes|No", "Yes or No", YES_NO.__getitem__),
}

"""Which rows, and already which years, a condition holds for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from fakes.query import (
    Both,
    Comparison,
    Condition,
    Either,
    IsNull,
    Malformed,
    OneOf,
    Operand,
)

REPORTED = "report_received_date"
DATES = ("floating_timestamp", "fixed_timestamp", "calendar_date")
_COMPARE = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
Years = set[int | None]  # None stands for the rows without a date


def years_of(condition: Condition | None, years: Collection[int | None]) -> tuple[Years, Years]:
    """The years that may have a row that matches, and those of which every row does.

    What it can tell from dates alone; the rest may match. It saves making 60 years up to read one.
    """
    every = set(years)
    if condition is None:
        return every, every
    if isinstance(condition, Both | Either):
        possible, certain = zip(*(years_of(p, years) for p in condition.parts), strict=True)
        together = set.intersection if isinstance(condition, Both) else set.union
        return reduce(together, possible), reduce(together, certain)
    if condition.left.column != REPORTED:
        return every, set()
    if isinstance(condition, IsNull):
        found = every - {None} if condition.negated else every & {None}
        return found, found
    if isinstance(condition, OneOf) or condition.left.year:
        return every - {None}, set()
    return _years_beside(condition, every - {None})


def _years_beside(condition: Comparison, dated: Years) -> tuple[Years, Years]:
    bound = _moment(str(condition.right), "floating_timestamp")
    later = {year for year in dated if f"{year}" > bound[:4]}
    edge = {year for year in dated if f"{year}" == bound[:4]}
    earlier = dated - later - edge
    at_new_year = edge if bound[4:] == "-01-01T00:00:00.000" else set()
    possible_and_certain = {
        ">=": (later | edge, later | at_new_year),
        ">": (later | edge, later),
        "<": (earlier | edge - at_new_year, earlier),
        "<=": (earlier | edge, earlier),
        "=": (edge, set[int | None]()),
        "!=": (dated, dated - edge),
    }
    return possible_and_certain[condition.sign]


def holds(condition: Condition, rows: pa.Table, types: Mapping[str, str]) -> pa.ChunkedArray:
    """True for each row that matches; a comparison with null is not true."""
    if isinstance(condition, Both | Either):
        parts = [holds(part, rows, types) for part in condition.parts]
        return reduce(pc.and_ if isinstance(condition, Both) else pc.or_, parts)
    values = values_of(condition.left, rows, types)
    if isinstance(condition, IsNull):
        return pc.is_valid(values) if condition.negated else pc.is_null(values)
    if isinstance(condition, Comparison):
        right = _literal(condition.right, condition.left, types)
        return pc.fill_null(_COMPARE[condition.sign](values, right), False)
    literals = [_literal(value, condition.left, types) for value in condition.values]
    return pc.fill_null(pc.is_in(values, pa.array(literals, values.type)), False)


def values_of(operand: Operand, rows: pa.Table, types: Mapping[str, str]) -> pa.ChunkedArray:
    """The values to compare and sort by; what is not of its column's type is null."""
    texts = rows[operand.column]
    kind = types[operand.column]
    if kind in DATES:
        dates = _only(r"^\d{4}-\d\d-\d\dT", texts)
        return pc.cast(pc.utf8_slice_codeunits(dates, 0, 4), pa.int64()) if operand.year else dates
    if kind == "number":
        return pc.cast(_only(r"^-?\d+(\.\d+)?$", texts), pa.float64())
    return texts


def _only(pattern: str, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.match_substring_regex(texts, pattern), texts, pa.scalar(None, pa.string()))


def _literal(value: str | float, operand: Operand, types: Mapping[str, str]) -> str | float:
    kind = types[operand.column]
    if kind == "number" or operand.year:
        try:
            return float(value) if kind == "number" else int(value)
        except ValueError:
            raise Malformed(f"Type mismatch: {operand.column} is a number") from None
    if not isinstance(value, str):
        raise Malformed(f"Type mismatch: {operand.column} is {kind}")
    return _moment(value, kind) if kind in DATES else value


def _moment(text: str, kind: str) -> str:
    """A date and time as the publisher spells it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"Type mismatch: {text!r} is not a date") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    zone = "Z" if kind == "fixed_timestamp" else ""
    return moment.isoformat(timespec="milliseconds") + zone

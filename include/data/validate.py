"""Rows of text held against a contract: typed, or quarantined with every reason."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import TIMESTAMP, Column, Dataset
from include.data.formatting import escaped

QUARANTINE = pa.schema([("key", pa.string()), ("reasons", pa.string()), ("raw", pa.string())])
Reasons = dict[int, list[str]]  # by row


class Validated(NamedTuple):
    rows: pa.Table  # typed; a value that breaks the contract is null
    reasons: Reasons
    keys: pa.StringArray  # in canonical form; null where the key is missing


def validate(dataset: Dataset, texts: pa.Table) -> Validated:
    """Type every row; `texts` has a text column for each source field."""
    reasons: Reasons = {}
    typed = []
    keys = pa.nulls(texts.num_rows, pa.string())
    for column in dataset.columns:
        values = texts[column.field].combine_chunks()
        if column.name == dataset.key:
            keys, problems = _canonical(column, values)
            _add(reasons, column, problems)
            values = keys
        typed_values, problems = _typed(column, values)
        _add(reasons, column, problems)
        typed.append(typed_values)
    schema = pa.schema([pa.field(column.name, column.type) for column in dataset.columns])
    return Validated(pa.table(typed, schema=schema), reasons, keys)


def quarantine(validated: Validated, raw: Callable[[int], str]) -> tuple[pa.Table, pa.Table]:
    """The valid rows, and the others with their reasons and their raw text."""
    if not validated.reasons:
        return validated.rows, QUARANTINE.empty_table()
    rows = sorted(validated.reasons)
    bad = [
        {
            "key": validated.keys[row].as_py(),
            "reasons": "; ".join(validated.reasons[row]),
            "raw": raw(row),
        }
        for row in rows
    ]
    valid = np.ones(validated.rows.num_rows, bool)
    valid[rows] = False
    return validated.rows.filter(pa.array(valid)), pa.Table.from_pylist(bad, schema=QUARANTINE)


def quarantine_repeated(
    dataset: Dataset, rows: pa.Table, bad: pa.Table, raw: Callable[[pa.Table], list[str]]
) -> tuple[pa.Table, pa.Table]:
    """Move every row of a key that came more than once to the quarantine.

    `raw` gives the raw texts of rows, in their order.
    """
    counts = Counter([*dataset.keys(rows).to_pylist(), *bad["key"].to_pylist()])
    repeated = {k: number for k, number in counts.items() if number > 1 and k is not None}
    mask = pc.is_in(dataset.keys(rows), value_set=pa.array(list(repeated), pa.string()))
    found = rows.filter(mask)
    if not found.num_rows:
        return rows, bad
    more = [
        {"key": key, "reasons": f"{dataset.key}: {key} comes {repeated[key]} times", "raw": text}
        for key, text in zip(dataset.keys(found).to_pylist(), raw(found), strict=True)
    ]
    return rows.filter(pc.invert(mask)), pa.concat_tables(
        [bad, pa.Table.from_pylist(more, schema=QUARANTINE)]
    )


def _add(reasons: Reasons, column: Column, problems: list[tuple[int, str]]) -> None:
    for row, problem in problems:
        reasons.setdefault(row, []).append(f"{column.name}: {problem}")


def _canonical(
    column: Column, texts: pa.StringArray
) -> tuple[pa.StringArray, list[tuple[int, str]]]:
    """A blank key is a missing one; blanks around it, or lower case, break the contract.

    The canonical form tells whose row it is, so that its published row is carried over.
    """
    keys = pc.utf8_trim_whitespace(texts)
    keys = pc.utf8_upper(keys) if column.upper else keys
    keys = pc.if_else(pc.equal(keys, ""), pa.scalar(None, pa.string()), keys)
    changed = pc.and_kleene(pc.is_valid(keys), pc.not_equal(keys, texts)).fill_null(False)
    what = "has blanks around it, or lower-case letters" if column.upper else "has blanks around it"
    rows = np.flatnonzero(changed.to_numpy(zero_copy_only=False))
    return keys, [(int(row), f"{escaped(texts[int(row)].as_py())!r} {what}") for row in rows]


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
            values.append(parse(column, text))
        except ValueError as error:
            values.append(None)
            if text or not column.required:
                broken[code] = str(error)
    if broken:
        at = np.flatnonzero(pc.is_in(encoded.indices, pa.array(list(broken), pa.int32())))
        problems += [(int(row), broken[encoded.indices[int(row)].as_py()]) for row in at]
    return pa.array(values, column.type).take(encoded.indices), problems


def parse(column: Column, text: str) -> Any:
    """One value as the API spells it, typed; ValueError says what is wrong with it."""
    value = _parser_of(column.type)(text)
    if column.minimum is not None and value < column.minimum:
        raise ValueError(f"{text!r} is below {column.minimum}")
    if column.maximum is not None and value > column.maximum:
        raise ValueError(f"{text!r} is above {column.maximum}")
    return value


def _parser(pattern: str, what: str, convert: Callable[[str], object]) -> Callable[[str], object]:
    """A parser of exactly one spelling, so that nothing is read by luck."""
    shape = re.compile(pattern, re.ASCII)

    def parse_text(text: str) -> object:
        try:
            if shape.fullmatch(text):
                return convert(text)
        except (ValueError, OverflowError):
            pass
        raise ValueError(f"{escaped(text[:60])!r} is not {what}")

    return parse_text


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError
    return value


def _number(text: str) -> float:
    return float(text) + 0.0  # there is one zero


PARSERS: Mapping[pa.DataType, Callable[[str], Any]] = {
    pa.date32(): _parser(
        r"\d{4}-\d\d-\d\d(T00:00:00(\.0{1,6})?)?",
        "a date",
        lambda text: date.fromisoformat(text[:10]),
    ),
    TIMESTAMP: _parser(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z",
        "a point in time in UTC",
        datetime.fromisoformat,
    ),
    pa.int64(): _parser(r"-?\d{1,19}", "a whole number of 64 bits", _integer),
    pa.float64(): _parser(r"-?\d{1,15}(\.\d{1,15})?", "a number", _number),
    pa.bool_(): _parser(r"Yes|No", "Yes or No", lambda text: text == "Yes"),
}


@cache
def _parser_of(kind: pa.DataType) -> Callable[[str], Any]:
    if not pa.types.is_decimal(kind):
        return PARSERS[kind]
    digits = kind.precision - kind.scale
    pattern = rf"-?\d{{1,{digits}}}(\.\d{{1,{kind.scale}}})?"
    return _parser(pattern, f"a number with at most {kind.scale} decimals", Decimal)

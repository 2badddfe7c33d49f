"""SoQL as far as APIS.md names it, put into the SQL of SQLite; anything else is malformed.

`$select` of columns, `*`, `:*`, `count(*)` and `date_extract_y(column)`, with `AS`; `$where` of
comparisons, `IN`, `IS [NOT] NULL`, `AND`, `OR` and parentheses; `$group`; `$order`; `$limit`;
`$offset`. Whether a condition is well formed is for SQLite to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DEFAULT_LIMIT = 1000
DATES = ("floating_timestamp", "fixed_timestamp", "calendar_date")
PARAMETERS = {"$select", "$where", "$group", "$order", "$limit", "$offset", "$$app_token"}
DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*"
SELECTED = (
    r"(?:(?P<all>:?\*)|(?P<count>count\(\*\))|date_extract_y\((?P<year>\w+)\)|(?P<name>:?\w+))"
)
AS = r"(?:\s+as\s+(?P<alias>\w+))?"
WORD = r"""(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|>=|<=|!=|<>|[=<>(),]
    |(?:and|or|in|is\s+null|is\s+not\s+null)\b|date_extract_y\((?P<year>\w+)\)|(?P<name>:?[a-z_]\w*)"""
FLAGS = re.IGNORECASE | re.ASCII | re.VERBOSE


class Malformed(Exception):
    """The query is not one that this API understands."""


@dataclass(frozen=True)
class Sql:
    """A query that answers each row as JSON text, and the types of its columns."""

    text: str
    values: tuple[str | float, ...]
    columns: tuple[tuple[str, str], ...]
    is_ordered: bool  # whether the order tells all rows apart


def quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def typed(column: str, types: Mapping[str, str], *, year: bool = False) -> str:
    """The value to compare and sort by; what is not of its column's type is null."""
    name, kind = quoted(column), types[column]
    if kind in DATES:
        date = f"CASE WHEN {name} GLOB '{DAY}' THEN {name} END"
        return f"CAST(substr({date}, 1, 4) AS INTEGER)" if year else f"({date})"
    if year:
        raise Malformed(f"date_extract_y needs a date column, not {column}")
    if kind == "number":
        number = f"{name} GLOB '[-0-9]*' AND substr({name}, 2) NOT GLOB '*[^.0-9]*'"
        return f"(CASE WHEN {number} THEN CAST({name} AS REAL) END)"
    return name


def translate(given: Sequence[tuple[str, str]], types: Mapping[str, str]) -> Sql:
    """`types` are the columns that can be asked for, and what they are declared to be."""
    asked = dict(given)
    if len(asked) < len(given) or not asked.keys() <= PARAMETERS:
        raise Malformed(f"Unrecognized arguments {sorted(asked.keys() - PARAMETERS)}, or one twice")
    selected = [one for text in asked.get("$select", "*").split(",") for one in _one(text, types)]
    columns = {name: kind for name, _, kind in selected}
    if len(columns) < len(selected):
        raise Malformed("A column is selected twice")
    group = [name for name, _ in _names(asked.get("$group"), columns)]
    is_grouped = bool(group) or any(what == "count(*)" for _, what, _ in selected)
    for name, what, _ in selected:
        if is_grouped and what != "count(*)" and name not in group:
            raise Malformed(f"Column {name!r} must appear in group by")
    order = _names(asked.get("$order"), columns if is_grouped else types)
    keys = [(quoted(name) if is_grouped else typed(name, types)) + way for name, way in order]
    is_ordered = is_grouped or ":id" in dict(order)
    if not is_ordered:
        keys.append("random()")  # rows that the order does not tell apart come in any order
    where, values = _condition(asked.get("$where"), types)
    page = f"WHERE {where}"
    page += f" GROUP BY {', '.join(map(quoted, group))}" if group else ""
    page += f" ORDER BY {', '.join(keys)}" if keys else ""
    page += f" LIMIT {_whole(asked, '$limit', DEFAULT_LIMIT)} OFFSET {_whole(asked, '$offset', 0)}"
    if is_grouped:
        what = ", ".join(f"{what} AS {quoted(name)}" for name, what, _ in selected)
        source = f"(SELECT {what} FROM recalls {page})"
        members = [_member(name, quoted(name)) for name in columns]
    else:  # the rows are found first, and only those of the page are read
        source = f"(SELECT rowid AS place FROM recalls {page}) CROSS JOIN recalls"
        source += " ON recalls.rowid = place"
        members = [_member(name, what) for name, what, _ in selected]
    row = f"'{{' || substr({' || '.join(members)}, 2) || '}}'"
    return Sql(f"SELECT {row} FROM {source}", tuple(values), tuple(columns.items()), is_ordered)


def _member(name: str, value: str) -> str:
    """`,"name":"value"`, or nothing for null; a blob is JSON already."""
    key, text = json.dumps(name).replace("'", "''"), f"CAST({value} AS TEXT)"
    written = f"CASE typeof({value}) WHEN 'blob' THEN {text} ELSE json_quote({text}) END"
    return f"iif({value} IS NULL, '', ',{key}:' || {written})"


def _one(text: str, types: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What one part of `$select` names: columns as name, SQL and type."""
    found = re.fullmatch(SELECTED + AS, text.strip(), FLAGS)
    if found is None:
        raise Malformed(f"Could not parse SoQL query at {text!r}")
    alias = (found["alias"] or "").lower()
    if found["all"]:
        system = found["all"] == ":*"
        return [(n, quoted(n), kind) for n, kind in types.items() if n.startswith(":") == system]
    if found["count"]:
        return [(alias or "count", "count(*)", "number")]
    column = _known(found["year"] or found["name"], types)
    if found["year"]:
        name = alias or f"date_extract_y_{column}"
        return [(name, typed(column, types, year=True), "number")]
    return [(alias or column, quoted(column), types[column])]


def _known(name: str, columns: Mapping[str, str]) -> str:
    if name.lower() not in columns:
        raise Malformed(f"No such column: {name}")
    return name.lower()


def _names(text: str | None, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each column with its direction in SQL."""
    found = []
    for item in text.split(",") if text is not None else ():
        one = re.fullmatch(r"(:?\w+)(?:\s+(asc|desc))?", item.strip(), FLAGS)
        if one is None:
            raise Malformed(f"Could not parse SoQL query at {item!r}")
        found.append((_known(one[1], columns), f" {one[2] or 'ASC'} NULLS LAST"))
    return found


def _condition(text: str | None, types: Mapping[str, str]) -> tuple[str, list[str | float]]:
    """Word by word; a literal is of the type of the column before it."""
    sql, values, at, kind = "", list[str | float](), 0, ""
    while text and text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        word = re.compile(WORD, FLAGS).match(text, at)
        if word is None:
            raise Malformed(f"Could not parse SoQL query at {text[at:]!r}")
        at = word.end()
        if column := word["year"] or word["name"]:
            column = _known(column, types)
            sql += typed(column, types, year=bool(word["year"])) + " "
            kind = "year" if word["year"] else types[column]
        elif word["text"] or word["number"]:
            values.append(_literal(word, kind))
            sql += "? "
        else:
            sql += f"{word[0]} "
    return f"({sql})" if text is not None else "TRUE", values


def _literal(word: re.Match[str], kind: str) -> str | float:
    text = word["number"] or word["text"][1:-1].replace("''", "'")
    try:
        if kind in ("number", "year"):
            return float(text)
        if word["text"]:
            return _moment(text, kind) if kind in DATES else text
    except ValueError:
        pass  # told below
    raise Malformed(f"Type mismatch: {word[0]} is not {kind or 'after a column'}")


def _moment(text: str, kind: str) -> str:
    """A date and time as the publisher spells it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + ("Z" if kind == "fixed_timestamp" else "")


def _whole(asked: Mapping[str, Any], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise Malformed(f"{name} must be a whole number of 0 or more, not {text!r}")
    return int(text)

"""SoQL as far as its readers here need it, put into the SQL of SQLite; all else is malformed.

`$select` of columns, `*`, `:*`, `count(*)` and `date_extract_y(column)`, with `AS`; `$where` of
comparisons, `IN`, `IS [NOT] NULL`, `AND`, `OR` and parentheses; `$group`; `$order`; `$limit`;
`$offset`. Whether a condition is well formed is for SQLite to say.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

TYPES = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
    ":version": "row_version",
    "report_received_date": "floating_timestamp",
    "nhtsa_id": "text",
    "recall_link": "url",
    "manufacturer": "text",
    "subject": "text",
    "component": "text",
    "mfr_campaign_number": "text",
    "recall_type": "text",
    "potentially_affected": "number",
    "defect_summary": "text",
    "consequence_summary": "text",
    "corrective_action": "text",
    "fire_risk_when_parked": "text",
    "do_not_drive": "text",
    "completion_rate": "number",
}
PARAMETERS = {"$select", "$where", "$group", "$order", "$limit", "$offset", "$$app_token"}
DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*"
YEAR = r"date_extract_y\((?P<year>\w+)\)"
SELECTED = rf"""(?:(?P<all>:?\*)|(?P<count>count\(\*\))|{YEAR}|(?P<name>:?\w+))
    (?:\s+as\s+(?P<alias>\w+))?"""
WORD = rf"""(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|>=|<=|!=|<>|[=<>(),]
    |(?:and|or|in|is\s+null|is\s+not\s+null)\b|{YEAR}|(?P<name>:?[a-z_]\w*)"""
FLAGS = re.IGNORECASE | re.ASCII | re.VERBOSE


class Malformed(Exception):
    """The query is not one that this API understands."""


class Column(NamedTuple):
    name: str
    sql: str
    kind: str


class Sql(NamedTuple):
    """A query that answers each row as JSON text."""

    text: str
    values: tuple[str | float, ...]
    columns: tuple[Column, ...]
    is_ordered: bool  # whether the order tells all rows apart


def quoted(column: str) -> str:
    return f'"{column}"'


def typed(column: str) -> str:
    """The value to compare and sort by; what is not of its column's type is null."""
    name, kind = quoted(column), TYPES[column]
    if kind.endswith("timestamp"):
        return f"(CASE WHEN {name} GLOB '{DAY}' THEN {name} END)"
    if kind == "number":
        number = f"{name} GLOB '[-0-9]*' AND substr({name}, 2) NOT GLOB '*[^.0-9]*'"
        return f"(CASE WHEN {number} THEN CAST({name} AS REAL) END)"
    return name


def translate(given: Sequence[tuple[str, str]]) -> Sql:
    asked = dict(given)
    if len(asked) < len(given) or not asked.keys() <= PARAMETERS:
        raise Malformed(f"Unrecognized arguments {sorted(asked.keys() - PARAMETERS)}, or one twice")
    columns = [one for text in asked.get("$select", "*").split(",") for one in _selected(text)]
    names = {column.name for column in columns}
    if len(names) < len(columns):
        raise Malformed("A column is selected twice")
    group = [name for name, _ in _names(asked.get("$group"), names)]
    is_grouped = bool(group) or any(column.sql == "count(*)" for column in columns)
    for column in columns:
        if is_grouped and column.sql != "count(*)" and column.name not in group:
            raise Malformed(f"Column {column.name!r} must appear in group by")
    order = _names(asked.get("$order"), names if is_grouped else TYPES)
    keys = [(quoted(name) if is_grouped else typed(name)) + way for name, way in order]
    is_ordered = is_grouped or ":id" in dict(order)
    if not is_ordered:
        keys.append("random()")  # rows that the order does not tell apart come in any order
    where, values = _condition(asked.get("$where"))
    page = f"WHERE {where}"
    page += f" GROUP BY {', '.join(map(quoted, group))}" if group else ""
    page += f" ORDER BY {', '.join(keys)}" if keys else ""
    page += f" LIMIT {_count(asked, '$limit', 1000)} OFFSET {_count(asked, '$offset', 0)}"
    if is_grouped:
        what = ", ".join(f"{column.sql} AS {quoted(column.name)}" for column in columns)
        source = f"(SELECT {what} FROM recalls {page})"
        members = [_member(column.name, quoted(column.name)) for column in columns]
    else:  # the rows are found first, and only those of the page are read
        source = f"(SELECT rowid AS place FROM recalls {page}) CROSS JOIN recalls"
        source += " ON recalls.rowid = place"
        members = [_member(column.name, column.sql) for column in columns]
    row = f"'{{' || substr({' || '.join(members)}, 2) || '}}'"
    return Sql(f"SELECT {row} FROM {source}", tuple(values), tuple(columns), is_ordered)


def _member(name: str, value: str) -> str:
    """`,"name":"value"`, or nothing for null; a blob is JSON already."""
    text = f"CAST({value} AS TEXT)"
    written = f"CASE typeof({value}) WHEN 'blob' THEN {text} ELSE json_quote({text}) END"
    return f"""iif({value} IS NULL, '', ',"{name}":' || {written})"""


def _selected(text: str) -> list[Column]:
    """What one part of `$select` names."""
    found = re.fullmatch(SELECTED, text.strip(), FLAGS)
    if found is None:
        raise Malformed(f"Could not parse SoQL query at {text!r}")
    alias = (found["alias"] or "").lower()
    if found["all"]:
        system = found["all"] == ":*"
        return [Column(n, quoted(n), kind) for n, kind in TYPES.items() if (n[0] == ":") == system]
    if found["count"]:
        return [Column(alias or "count", "count(*)", "number")]
    if found["year"]:
        return [Column(alias or f"date_extract_y_{found['year']}", _year(found["year"]), "number")]
    column = _known(found["name"], TYPES)
    return [Column(alias or column, quoted(column), TYPES[column])]


def _year(name: str) -> str:
    column = _known(name, TYPES)
    if not TYPES[column].endswith("timestamp"):
        raise Malformed(f"date_extract_y needs a date column, not {column}")
    return f"CAST(substr({typed(column)}, 1, 4) AS INTEGER)"


def _known(name: str, columns: Collection[str]) -> str:
    if name.lower() not in columns:
        raise Malformed(f"No such column: {name}")
    return name.lower()


def _names(text: str | None, columns: Collection[str]) -> list[tuple[str, str]]:
    """Each column with its direction in SQL."""
    found = []
    for item in text.split(",") if text is not None else ():
        one = re.fullmatch(r"(:?\w+)(?:\s+(asc|desc))?", item.strip(), FLAGS)
        if one is None:
            raise Malformed(f"Could not parse SoQL query at {item!r}")
        found.append((_known(one[1], columns), f" {one[2] or 'ASC'} NULLS LAST"))
    return found


def _condition(text: str | None) -> tuple[str, list[str | float]]:
    """Word by word; a literal is of the type of the column before it."""
    sql, values, kind = "", list[str | float](), ""
    rest = (text or "").strip()
    while rest:
        word = re.match(WORD, rest, FLAGS)
        if word is None:
            raise Malformed(f"Could not parse SoQL query at {rest!r}")
        rest = rest[word.end() :].lstrip()
        if word["year"]:
            sql, kind = f"{sql}{_year(word['year'])} ", "number"
        elif word["name"]:
            column = _known(word["name"], TYPES)
            sql, kind = f"{sql}{typed(column)} ", TYPES[column]
        elif word["text"] or word["number"]:
            values.append(_literal(word, kind))
            sql += "? "
        else:
            sql += f"{word[0]} "
    return f"({sql})" if text is not None else "TRUE", values


def _literal(word: re.Match[str], kind: str) -> str | float:
    text = word["number"] or word["text"][1:-1].replace("''", "'")
    mismatch = Malformed(f"Type mismatch: {word[0]} is not {kind or 'after a column'}")
    try:
        if kind == "number":
            return float(text)
        if word["number"] or not kind:
            raise mismatch
        return _moment(text, kind) if kind.endswith("timestamp") else text
    except ValueError:
        raise mismatch from None


def _moment(text: str, kind: str) -> str:
    """A date and time as the publisher spells it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + ("Z" if kind == "fixed_timestamp" else "")


def _count(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise Malformed(f"{name} must be a whole number of 0 or more, not {text!r}")
    return int(text)

"""The part of SoQL that the local recalls API understands; everything else is malformed.

`$select` of columns, `*`, `:*`, `count(*)` and `date_extract_y(column)`, with `AS`; `$where` of
comparisons, `IN`, `IS [NOT] NULL`, `AND`, `OR` and parentheses; `$group`; `$order`; `$limit`;
`$offset`; and `column=value` as a filter of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from fakes.query import (
    DEFAULT_LIMIT,
    Both,
    Columns,
    Comparison,
    Condition,
    Either,
    IsNull,
    Malformed,
    OneOf,
    Operand,
    Query,
    Selected,
)

WORD = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<all>:?\*)
    |(?P<name>:?[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>>=|<=|!=|<>|[=<>(),]))""",
    re.VERBOSE,
)
PARAMETERS = ("$select", "$where", "$group", "$order", "$limit", "$offset", "$$app_token")
YEAR = "date_extract_y"
T = TypeVar("T")


def parse(given: Sequence[tuple[str, str]], columns: Columns) -> Query:
    parameters = dict(given)
    if len(parameters) < len(given):
        raise Malformed("A parameter is given twice")
    where: list[Condition] = []
    for name, value in parameters.items():
        if name in PARAMETERS:
            continue
        if name.startswith("$") or name not in columns.plain:
            raise Malformed(f"Unrecognized arguments [{name}]")
        where.append(Comparison(Operand(name), "=", value))
    if "$where" in parameters:
        where.append(_Reader(parameters["$where"], columns).condition())
    select = _Reader(parameters.get("$select", "*"), columns).selected()
    group = _names(parameters.get("$group"), columns, select)
    query = Query(
        select=select,
        where=Both(tuple(where)) if len(where) > 1 else next(iter(where), None),
        group=tuple(name for name, _ in group),
        order=_names(parameters.get("$order"), columns, select, directed=True),
        limit=_whole(parameters.get("$limit"), DEFAULT_LIMIT, "$limit"),
        offset=_whole(parameters.get("$offset"), 0, "$offset"),
    )
    _check_groups(query)
    return query


def _check_groups(query: Query) -> None:
    if not query.counts:
        return
    for one in query.select:
        if one.what is not None and one.name not in query.group:
            raise Malformed(f"Column {one.name!r} must appear in group by")
    selected = {one.name for one in query.select}
    for name in (*query.group, *(name for name, _ in query.order)):
        if name not in selected:
            raise Malformed(f"Column {name!r} must appear in select")


def _names(
    text: str | None, columns: Columns, select: tuple[Selected, ...], *, directed: bool = False
) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    names = _Reader(text, columns).names(directed=directed)
    known = {*columns.types, *(one.name for one in select)}
    for name, _ in names:
        if name not in known:
            raise Malformed(f"No such column: {name}")
    return names


def _whole(text: str | None, default: int, name: str) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise Malformed(f"{name} must be a whole number of 0 or more, not {text!r}")
    return int(text)


class _Reader:
    """Reads one clause from left to right."""

    def __init__(self, text: str, columns: Columns) -> None:
        self.text = text
        self.columns = columns
        self.words: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = WORD.match(text, at)
            if match is None or match.lastgroup is None:
                raise Malformed(f"Could not parse SoQL query at {text[at:].strip()!r}")
            self.words.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.words.append(("end", ""))
        self.at = 0

    def selected(self) -> tuple[Selected, ...]:
        found = [one for group in self._listed(self._one_selected) for one in group]
        if len({one.name for one in found}) < len(found):
            raise Malformed(f"A column is selected twice in {self.text!r}")
        return tuple(found)

    def names(self, *, directed: bool) -> tuple[tuple[str, bool], ...]:
        return tuple(self._listed(lambda: (self._name(), directed and self._descending())))

    def condition(self) -> Condition:
        condition = self._either()
        self._end()
        return condition

    def _listed(self, read: Callable[[], T]) -> list[T]:
        found = [read()]
        while self._take("sign", ","):
            found.append(read())
        self._end()
        return found

    def _one_selected(self) -> list[Selected]:
        if everything := self._take("all"):
            names = self.columns.system if everything == ":*" else self.columns.plain
            return [Selected(name, Operand(name)) for name in names]
        if self._follows_call("count"):
            self._need("all", "*")
            self._need("sign", ")")
            return [Selected(self._alias() or "count", None)]
        operand = self._operand()
        usual = f"{YEAR}_{operand.column}" if operand.year else operand.column
        return [Selected(self._alias() or usual, operand)]

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take_word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._single()]
        while self._take_word("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _single(self) -> Condition:
        if self._take("sign", "("):
            condition = self._either()
            self._need("sign", ")")
            return condition
        left = self._operand()
        if self._take_word("is"):
            negated = bool(self._take_word("not"))
            if not self._take_word("null"):
                self._fail()
            return IsNull(left, negated)
        if self._take_word("in"):
            self._need("sign", "(")
            values = [self._literal()]
            while self._take("sign", ","):
                values.append(self._literal())
            self._need("sign", ")")
            return OneOf(left, tuple(values))
        sign = self._take("sign")
        if sign not in {"=", "!=", "<>", "<", "<=", ">", ">="}:
            self._fail()
        return Comparison(left, "!=" if sign == "<>" else sign, self._literal())

    def _operand(self) -> Operand:
        if self._follows_call(YEAR):
            column = self._column()
            self._need("sign", ")")
            if not self.columns.types[column].endswith(("_timestamp", "_date")):
                raise Malformed(f"{YEAR} needs a date column, not {column}")
            return Operand(column, year=True)
        return Operand(self._column())

    def _literal(self) -> str | float:
        if text := self._take("text"):
            return text[1:-1].replace("''", "'")
        return float(self._take("number") or self._fail())

    def _column(self) -> str:
        name = self._name()
        if name not in self.columns.types:
            raise Malformed(f"No such column: {name}")
        return name

    def _name(self) -> str:
        return (self._take("name") or self._fail()).lower()

    def _alias(self) -> str | None:
        return self._name() if self._take_word("as") else None

    def _descending(self) -> bool:
        return not self._take_word("asc") and bool(self._take_word("desc"))

    def _follows_call(self, name: str) -> bool:
        here, after = self.words[self.at], self.words[min(self.at + 1, len(self.words) - 1)]
        if here[1].lower() != name or after != ("sign", "("):
            return False
        self.at += 2
        return True

    def _take(self, kind: str, word: str | None = None) -> str:
        """The next word if it is of this kind, else nothing."""
        found, text = self.words[self.at]
        if found != kind or (word is not None and text != word):
            return ""
        self.at += 1
        return text

    def _take_word(self, keyword: str) -> str:
        _, text = self.words[self.at]
        return self._take("name", text) if text.lower() == keyword else ""

    def _need(self, kind: str, word: str) -> None:
        if not self._take(kind, word):
            self._fail()

    def _end(self) -> None:
        if self.words[self.at][0] != "end":
            self._fail()

    def _fail(self) -> NoReturn:
        unexpected = self.words[self.at][1] or "the end"
        raise Malformed(f"Could not parse SoQL query {self.text!r}: unexpected {unexpected!r}")

"""What a SoQL query asks for, once it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_LIMIT = 1000


class Malformed(Exception):
    """The query is not one that this API understands."""


@dataclass(frozen=True)
class Operand:
    """A column, or the year of a date column."""

    column: str
    year: bool = False


@dataclass(frozen=True)
class Comparison:
    left: Operand
    sign: str  # one of = != < <= > >=
    right: str | float


@dataclass(frozen=True)
class OneOf:
    left: Operand
    values: tuple[str | float, ...]


@dataclass(frozen=True)
class IsNull:
    left: Operand
    negated: bool


@dataclass(frozen=True)
class Both:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    parts: tuple[Condition, ...]


Condition = Comparison | OneOf | IsNull | Both | Either


@dataclass(frozen=True)
class Selected:
    """A column of the answer; `what` None is the count of the rows."""

    name: str
    what: Operand | None


@dataclass(frozen=True)
class Query:
    select: tuple[Selected, ...]
    where: Condition | None = None
    group: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # name, descending
    limit: int = DEFAULT_LIMIT
    offset: int = 0

    @property
    def counts(self) -> bool:
        """Whether the answer is about groups of rows, not about rows."""
        return bool(self.group) or any(one.what is None for one in self.select)

    @property
    def is_ordered(self) -> bool:
        """Whether the order tells all rows apart, so that the answer is the same each time."""
        return any(name == ":id" for name, _ in self.order)


@dataclass
class Columns:
    """What can be asked for: the columns in their order, system ones with a colon; and types."""

    types: Mapping[str, str]
    system: tuple[str, ...] = field(init=False)
    plain: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.system = tuple(name for name in self.types if name.startswith(":"))
        self.plain = tuple(name for name in self.types if not name.startswith(":"))

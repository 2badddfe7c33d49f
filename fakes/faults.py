"""What can go wrong at the fakes, and what they share: how much data, which day, what is next."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from fakes.recalls_table import DIRT

# An answer that replaces the API's own, with its options; a request gets at most one of these.
ANSWERS: dict[str, set[str]] = {
    **{kind: set() for kind in ("202", "429", "500", "503", "html")},
    "cut": {"quiet"},  # half the body; quiet: with a length that agrees
    "refused": set(),  # not a byte
}
# What the source is like; it lasts until a reset.
CONDITIONS: dict[str, set[str]] = {
    "dirty": {"which", "rows", "year"},
    "empty": set(),
    "no_headers": set(),
}
KINDS = {
    **ANSWERS,
    **CONDITIONS,
    "lost_row": set(),
    "repeated_row": {"loses"},
    "stale": set(),
}
T = TypeVar("T")


class Asked(NamedTuple):
    """One request that the fakes were asked."""

    method: str
    path: str
    params: dict[str, str]

    @property
    def purpose(self) -> str:
        """Which question about the recalls it is: census, count or page."""
        if not self.path.startswith("/resource/"):
            return "other"
        if "$group" in self.params:
            return "census"
        return "count" if self.params.get("$select", "").startswith("count(") else "page"


@dataclass
class Fault:
    """One thing that goes wrong, for the requests it is meant for."""

    kind: str
    times: int | None  # how many requests it still hits; None: all of them
    after: int = 0  # how many matching requests pass first
    only: str | None = None  # a purpose or a part of the path
    options: dict[str, Any] = field(default_factory=dict)

    def is_due(self, asked: Asked) -> bool:
        """Whether it hits this request; one that it would hit after others is counted."""
        if not (self.only is None or self.only == asked.purpose or self.only in asked.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        return self.times is None or self.times > 0


class World:
    """Set `rows`, `seed`, `day` and `date` at any time; they count from the next request on.

    `date` is what the Date header says; None means the real time.
    """

    def __init__(self, *, rows: int, seed: int, day: int) -> None:
        self._initial = (rows, seed, day)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Back to how the application was created: no faults, no memory of requests."""
        self.rows, self.seed, self.day = self._initial
        self.date: datetime | None = None
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []

    @property
    def now(self) -> datetime:
        """What the time is for the APIs that look at a clock."""
        return (self.date or datetime.now(UTC)).astimezone(UTC)

    def fault(
        self,
        kind: str,
        times: int | None = 1,
        after: int = 0,
        *,
        only: str | None = None,
        **options: Any,
    ) -> None:
        """Let `kind` happen to the next `times` requests that match, once `after` have passed.

        `times=None` means for ever, as every condition does.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        if unknown := sorted(options.keys() - KINDS[kind]):
            raise ValueError(f"the fault {kind!r} has no option {', '.join(unknown)}")
        if kind == "dirty" and options.get("which") not in DIRT:
            raise ValueError(f"the fault 'dirty' needs which of: {', '.join(DIRT)}")
        if kind in CONDITIONS:
            times = None
        if kind in ("lost_row", "repeated_row"):
            only = only or "page"
        with self._lock:
            self.faults.append(Fault(kind, times, after, only, options))

    def arrive(self, asked: Asked) -> list[Fault]:
        """Record a request and say what goes wrong with it.

        Where two answers are due at once the earlier one is given and the later waits, and
        what is wrong with the API's own answer waits too.
        """
        with self._lock:
            self.requests.append(asked)
            due = [fault for fault in self.faults if fault.is_due(asked)]
            answers = [fault for fault in due if fault.kind in ANSWERS]
            due = answers[:1] or due
            for fault in due:
                if fault.times is not None:
                    fault.times -= 1
            return due


def spoil(items: Sequence[T], faults: list[Fault]) -> list[T]:
    """Lose or repeat the item in the middle, if a fault says so."""
    items = list(items)
    for fault in faults:
        middle = len(items) // 2
        if fault.kind == "lost_row":
            del items[middle : middle + 1]
        if fault.kind == "repeated_row":
            after = middle + 1 + bool(fault.options.get("loses"))
            items[middle + 1 : after] = items[middle : middle + 1]
    return items

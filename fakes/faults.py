"""What can go wrong at the fakes, and what they share: how much data, which day, what is next."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeVar

from fakes.recalls_table import DIRT

NOTHING: set[str] = set()
# An answer that replaces the API's own, with its options; a request gets at most one of these.
ANSWERS = {
    **{status: {"message"} for status in ("202", "400", "500", "503")},
    "429": {"message", "retry_after"},
    "html": NOTHING,
    "cut": {"quiet"},  # half the body; quiet: with a length that agrees
    "refused": NOTHING,  # not a byte
    "slow_head": {"seconds"},  # a byte of the head at a time, so many seconds apart
    "endless_continue": NOTHING,  # `100 Continue` without end
    "endless_redirect": NOTHING,  # a redirect whose body has no end
    "gzip_bomb": {"megabytes"},  # a small body that unpacks to so many
}
# What is wrong with the API's own answer, or comes with it.
FLAWS = {
    "lost_row": NOTHING,
    "repeated_row": {"loses"},
    "reordered": NOTHING,
    "replaced": NOTHING,  # the data moves on by a day
    "slow": {"seconds"},
    "stale": NOTHING,
    "last_modified": {"days"},  # that much later; below 0 it is earlier
    "header": {"name", "value"},  # one header as given; None: it is missing
}
# What the source is like; lasts until reset unless `times` says otherwise.
CONDITIONS = {
    "dirty": {"which", "rows", "year"},
    "empty": NOTHING,
    "missing_column": {"name"},
    "new_column": {"name"},
    "no_headers": NOTHING,
    "retyped_column": {"name", "type"},
}
KINDS: dict[str, set[str]] = {**ANSWERS, **FLAWS, **CONDITIONS}
USUALLY_FOR = {"lost_row": "page", "repeated_row": "page", "reordered": "batch"}
VEHICLES, MODEL_RECALLS = "/api/vehicles/", "/recalls/recallsByVehicle"
T = TypeVar("T")


class Asked(NamedTuple):
    """One request that the fakes were asked; the fields of a form are params too, once read."""

    method: str
    path: str
    params: dict[str, str]

    @property
    def purpose(self) -> str:
        """Which question a client asks: census, count or page; vin or batch; model_recalls."""
        if self.path.startswith(VEHICLES):
            return "batch" if self.method == "POST" else "vin"
        if self.path == MODEL_RECALLS:
            return "model_recalls"
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
    only: str | None = None  # a purpose (census, count, page, vin, ...) or a part of the path
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
    """Set `rows`, `seed`, `day`, `date` and `valid_tokens` at any time; they count from the next
    request on. `date` is what the Date header says; None means the real time.
    """

    def __init__(self, *, rows: int, seed: int, day: int) -> None:
        self._initial = (rows, seed, day)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Back to how the application was created: no faults, no memory of requests."""
        self.rows, self.seed, self.day = self._initial
        self.date: datetime | None = None
        self.valid_tokens: set[str] = {"local-token"}
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []

    @property
    def now(self) -> datetime:
        """What the time is for the APIs that look at a clock."""
        return (self.date or datetime.now(UTC)).astimezone(UTC)

    def fault(
        self,
        kind: str,
        times: int | Literal["usual"] | None = "usual",
        after: int = 0,
        *,
        only: str | None = None,
        **options: Any,
    ) -> None:
        """Let `kind` happen to the next `times` requests that match, once `after` have passed.

        `times=None` means for ever. The usual is once, and for ever for what the source is
        like (dirty, empty, a column new, missing or retyped, no headers).
        """
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        if unknown := sorted(options.keys() - KINDS[kind]):
            raise ValueError(f"the fault {kind!r} has no option {', '.join(unknown)}")
        if kind == "dirty" and options.get("which") not in DIRT:
            raise ValueError(f"the fault 'dirty' needs which of: {', '.join(DIRT)}")
        if times == "usual":
            times = None if kind in CONDITIONS else 1
        with self._lock:
            only = only or USUALLY_FOR.get(kind)
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
            if answers:
                due = [answers[0], *(f for f in due if f.kind in ("slow", "replaced"))]
            for fault in due:
                if fault.times is not None:
                    fault.times -= 1
                if fault.kind == "replaced":
                    self.day += 1
            return due


def spoil(items: Sequence[T], faults: list[Fault]) -> list[T]:
    """Lose or repeat the item in the middle, or turn the order round, if a fault says so."""
    items = list(items)
    for fault in faults:
        middle = len(items) // 2
        if fault.kind == "lost_row":
            items = items[:middle] + items[middle + 1 :]
        if fault.kind == "repeated_row":
            after = middle + 1 + bool(fault.options.get("loses"))
            items = items[: middle + 1] + items[middle : middle + 1] + items[after:]
        if fault.kind == "reordered":
            items = items[::-1]
    return items

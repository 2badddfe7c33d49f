"""The dials of the local APIs: how much data, which day it is, and what goes wrong next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args

from fakes.ecb_dials import EcbDials
from fakes.krakenflex_state import Krakenflex
from fakes.open_library_state import OpenLibrary
from fakes.shop_state import Shop

# An answer that replaces the API's own; a request gets at most one of these.
Answer = Literal["202", "429", "500", "503", "cut", "html", "refused"]
# What is wrong with one answer, or comes with it.
Flaw = Literal["lost_row", "reordered", "repeated_row", "replaced", "slow", "stale"]
# What the source is like; lasts until reset unless `times` says otherwise.
Condition = Literal[
    "dirty", "empty", "missing_column", "new_column", "no_headers", "retyped_column"
]
ANSWERS, FLAWS, CONDITIONS = get_args(Answer), get_args(Flaw), get_args(Condition)
KINDS = (*ANSWERS, *FLAWS, *CONDITIONS)
DIRT = (
    *("bad_date", "missing_date", "missing_key", "duplicate_key", "wrong_type"),
    *("negative_number", "completion_over_100", "link_as_string", "json_number"),
)
OPTIONS = {
    "429": {"retry_after"},
    "cut": {"quiet"},
    "slow": {"seconds"},
    "repeated_row": {"loses"},
    "new_column": {"name"},
    "missing_column": {"name"},
    "retyped_column": {"name", "type"},
    "dirty": {"which", "rows", "year"},
}
VEHICLES, MODEL_RECALLS = "/api/vehicles/", "/recalls/recallsByVehicle"


class Asked(NamedTuple):
    """One request that the APIs were asked; the fields of a form are params too, once read."""

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

    def is_for(self, asked: Asked) -> bool:
        return self.only is None or self.only == asked.purpose or self.only in asked.path

    def is_due(self) -> bool:
        """Count one matching request; say whether it is hit."""
        if self.after > 0:
            self.after -= 1
            return False
        return self.times is None or self.times > 0

    def spend(self) -> None:
        if self.times is not None:
            self.times -= 1


class Control:
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
        self.shop = Shop(self.seed)
        self.ecb = EcbDials()
        self.krakenflex = Krakenflex()
        self.open_library = OpenLibrary()

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
        if unknown := sorted(set(options) - OPTIONS.get(kind, set())):
            raise ValueError(f"the fault {kind!r} has no option {', '.join(unknown)}")
        if kind == "dirty" and options.get("which") not in DIRT:
            raise ValueError(f"the fault 'dirty' needs which of: {', '.join(DIRT)}")
        if only is None:
            only = {"lost_row": "page", "repeated_row": "page", "reordered": "batch"}.get(kind)
        if times == "usual":
            times = None if kind in CONDITIONS else 1
        with self._lock:
            self.faults.append(Fault(kind, times, after, only, options))

    def arrive(self, asked: Asked) -> list[Fault]:
        """Record a request and say what goes wrong with it.

        Where two answers are due at once the earlier one is given and the later waits, and
        what is wrong with the API's own answer waits too.
        """
        with self._lock:
            self.requests.append(asked)
            due = [f for f in self.faults if f.is_for(asked) and f.is_due()]
            answers = [f for f in due if f.kind in ANSWERS]
            if answers:
                due = [answers[0], *(f for f in due if f.kind in ("slow", "replaced"))]
            for fault in due:
                fault.spend()
                if fault.kind == "replaced":
                    self.day += 1
            return due

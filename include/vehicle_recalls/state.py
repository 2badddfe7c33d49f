"""The state of each year, as the newest receipt carries it forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class YearState(NamedTuple):
    """One year as a version has it, and the read that says so; without a path it has no rows."""

    path: str
    sha256: str
    content: str
    rows: int
    last_modified: str
    answered_at: str
    nulls: dict[str, int] | None = None  # by column; None in receipts that did not count them


def year_states(receipt: Mapping[str, Any]) -> dict[int, YearState]:
    return {int(year): YearState(**state) for year, state in receipt.get("years", {}).items()}

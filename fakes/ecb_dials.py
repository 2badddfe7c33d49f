"""The dials of the local exchange rates."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict


class EcbDials(BaseModel):
    """How the rates differ from their usual selves; made anew by a reset."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # How a range without observations is answered: 404, 200 without a body, 200 with a header.
    nothing_found: Literal["404", "empty", "header"] = "404"
    # What stands in the place of the rates of a day: "" or "NaN", or anything.
    instead: dict[date, str] = {}
    # Working days on which nothing was published.
    unpublished: set[date] = set()

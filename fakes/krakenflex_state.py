"""What the local KrakenFlex lets in, how often it fails, and what was posted to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt


class KrakenflexDials(BaseModel):
    """How it differs from its usual self; made anew by a reset."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    keys: set[str] = {"local-key"}
    # Every so many calls, of any kind, one is answered with 500.
    fails_every: PositiveInt | None = None
    # Whether there are also the sites that show an oddity each.
    odd_sites: bool = False


@dataclass
class Krakenflex:
    """What was posted stands by site, in the order in which it came."""

    dials: KrakenflexDials = field(default_factory=KrakenflexDials)
    accepted: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[str, list[Any]] = field(default_factory=dict)
    calls: int = 0
    reads: int = 0  # of all outages
    read_day: int | None = None  # the day whose outages were read last

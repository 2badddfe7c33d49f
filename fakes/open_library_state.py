"""How strict the local Open Library is with its readers, and how steady its pages are."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pydantic import BaseModel, ConfigDict

A_SECOND, A_SECOND_WITH_CONTACT = 1, 3
CONTACT = re.compile(r"\S@\S|https?://")


class OpenLibraryDials(BaseModel):
    """How it differs from its usual self; made anew by a reset."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # Whether asking too fast is refused.
    limited: bool = False
    # Whether books of as many editions change places from page to page.
    shuffles: bool = True


@dataclass
class OpenLibrary:
    """Set `clock` to be able to wait without waiting."""

    dials: OpenLibraryDials = field(default_factory=OpenLibraryDials)
    clock: Callable[[], float] = monotonic
    pages: int = 0
    answered_at: deque[float] = field(default_factory=deque)

    def is_too_fast(self, agent: str) -> bool:
        """Whether this is one too many for the second that ends now; it counts if it is not."""
        now = self.clock()
        while self.answered_at and self.answered_at[0] <= now - 1:
            self.answered_at.popleft()
        allowed = A_SECOND_WITH_CONTACT if CONTACT.search(agent) else A_SECOND
        if len(self.answered_at) >= allowed:
            return True
        self.answered_at.append(now)
        return False

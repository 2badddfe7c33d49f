"""`python -m local.lake_day PUBLISHER`: the day of the local APIs' source that the lake has.

A program of its own: it finds the lake as every command does, in its environment.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fakes.recalls_table import FIRST_REFRESH
from include.errors import PermanentError
from include.first.keys import Keys
from include.first.lake import Lake, LakeError


def day_of(receipt: Mapping[str, Any], publisher: str) -> int:
    """The day that the newest read saw; 1 for a lake that is empty, or another publisher's."""
    if receipt.get("source", {}).get("publisher") != publisher:
        return 1
    refreshed = datetime.fromisoformat(receipt["source_last_modified"])
    return max(1, (refreshed - FIRST_REFRESH).days + 1)


def main() -> None:
    try:
        head = Lake.from_environment().head(Keys("vehicle_recalls").table)
    except (PermanentError, LakeError) as error:
        sys.exit(str(error))
    print(day_of(head.receipt, sys.argv[1]))


if __name__ == "__main__":
    main()

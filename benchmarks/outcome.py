"""What every contender must come to: the same number of rows, and the same three aggregations."""

import hashlib
import json
from collections.abc import Iterable

# name: the columns it counts recalls by
AGGREGATIONS = {
    "recalls_per_manufacturer_per_year": ["manufacturer", "year"],
    "recalls_per_component_per_year": ["component", "year"],
    "recalls_per_type_per_manufacturer": ["recall_type", "manufacturer"],
}


def fingerprint(groups: Iterable[tuple[object, object, int]]) -> str:
    """The same for the same groups and counts, in whatever order; null is a group of its own."""
    lines = sorted(json.dumps([_name(a), _name(b), int(n)]) for a, b, n in groups)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _name(value: object) -> str | None:
    # pandas has a missing text as NaN, which differs from itself.
    return None if value is None or value != value else str(value)  # noqa: PLR0124 (see above)

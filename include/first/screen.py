"""What every report shows alike: values that can be seen, and the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.first.quality import PASSED


def printable(value: object) -> str:
    """The source has control characters, nulls and empty texts; each can be seen."""
    if value is None:
        return "(none)"
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return str(value).lower()  # as the ledger spells it
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))


def checks_told(checks: Sequence[Mapping[str, str] | str]) -> list[str]:
    """How many passed; what somebody accepted, and what warns, in full."""
    if not checks:
        return []
    # Receipts of the first runs have a sentence for each check, all of which passed.
    others = [c for c in checks if not isinstance(c, str) and c["outcome"] != PASSED]
    return [
        f"- checks: {len(checks) - len(others):,} of {len(checks):,} passed",
        *(
            f"  - {check['outcome']}: {printable(check['name'])}: {printable(check['found'])}"
            + (f"; {printable(check['reason'])}" if check["reason"] else "")
            for check in others
        ),
    ]

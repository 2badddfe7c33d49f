"""Values and checks as people read them."""

from collections.abc import Mapping, Sequence

from include.data.checks import PASSED


def printable(value: object) -> str:
    """Publishers send control characters, nulls and empty texts; each can be seen."""
    if value is None:
        return "(none)"
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return str(value).lower()  # as the ledger spells it
    return escaped(str(value))


def escaped(text: str) -> str:
    """Control characters spelled out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def check_lines(checks: Sequence[Mapping[str, str]]) -> list[str]:
    """How many passed; waived checks and warnings in full."""
    if not checks:
        return []
    others = [check for check in checks if check["outcome"] != PASSED]
    return [
        f"- checks: {len(checks) - len(others):,} of {len(checks):,} passed",
        *(
            f"  - {check['outcome']}: {printable(check['name'])}: {printable(check['found'])}"
            + (f"; {printable(check['reason'])}" if check["reason"] else "")
            for check in others
        ),
    ]

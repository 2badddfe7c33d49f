"""Checks before anything is published: all are evaluated, all failures are told at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from include.errors import Hopeless


class Check(NamedTuple):
    """One statement about the data, and what to do when it does not hold."""

    name: str
    passed: bool
    found: str
    cure: str = ""


class AuditFailed(Hopeless):
    """At least one check failed; nothing was published."""


def require(checks: Iterable[Check]) -> list[Check]:
    """All checks, when they passed; otherwise one error that names every failure."""
    checks = list(checks)
    failures = [f"{c.name}: {c.found}; {c.cure}" for c in checks if not c.passed]
    if failures:
        raise AuditFailed(
            f"{len(failures)} of {len(checks)} checks failed, nothing was published. "
            + " | ".join(failures)
        )
    return checks

"""Checks before anything is published: all are evaluated, all failures are told at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from include.errors import PermanentError

log = logging.getLogger(__name__)
PASSED, ACCEPTED, WARNING, FAILED = "passed", "accepted", "warning", "failed"


class Check(NamedTuple):
    """One statement about the data, and what to do when it does not hold."""

    name: str  # people type it to accept what was found
    passed: bool
    found: str
    cure: str = ""
    warns: bool = False  # it is told, and stops nothing
    can_be_accepted: bool = False  # sources do change: by a person who says why
    reason: str = ""  # theirs

    @property
    def outcome(self) -> str:
        if self.passed:
            return PASSED
        if self.reason:
            return ACCEPTED
        return WARNING if self.warns else FAILED

    def told(self) -> dict[str, str]:
        """As the receipt keeps it."""
        return {
            "name": self.name,
            "found": self.found,
            "outcome": self.outcome,
            "reason": self.reason,
        }


class AuditFailed(PermanentError):
    """At least one check failed; nothing was published."""


class CannotAccept(PermanentError):
    """What somebody asked to accept is no check, stands for what must hold, or has no reason."""


def require(checks: Iterable[Check], accept: Mapping[str, str] = {}) -> list[Check]:
    """All checks, when they passed or are accepted; otherwise one error with every failure.

    `accept` has a reason for each check that may fail this time, by name.
    """
    checks = list(checks)
    _refuse_unfounded(checks, accept)
    judged = [
        check if check.passed else check._replace(reason=accept.get(check.name, "").strip())
        for check in checks
    ]
    for check in judged:
        if check.outcome in {ACCEPTED, WARNING}:
            because = f" ({check.reason})" if check.reason else ""
            log.warning("%s: %s: %s%s", check.outcome, check.name, check.found, because)
    failures = [check for check in judged if check.outcome == FAILED]
    if failures:
        told = " | ".join(f"{check.name}: {check.found}; {check.cure}" for check in failures)
        names = ", ".join(f"`{check.name}`" for check in failures if check.can_be_accepted)
        raise AuditFailed(
            f"{len(failures)} of {len(judged)} checks failed, nothing was published. {told}"
            + (f". If it is right as it is, `accept` takes a reason for {names}" if names else "")
        )
    return judged


def _refuse_unfounded(checks: Iterable[Check], accept: Mapping[str, str]) -> None:
    known = {check.name: check.can_be_accepted for check in checks}
    problems = [
        f"`{name}` is no check"
        if name not in known
        else f"`{name}` must always hold"
        if not known[name]
        else f"`{name}` has no reason"
        for name, reason in accept.items()
        if not known.get(name) or not reason.strip()
    ]
    if problems:
        can_be = ", ".join(f"`{name}`" for name, can in known.items() if can)
        raise CannotAccept(
            f"{'; '.join(problems)}; nothing was published. "
            f"`accept` takes a reason for each of these: {can_be}"
        )

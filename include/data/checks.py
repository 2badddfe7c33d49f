"""Checks before anything is published: all are evaluated, all failures are reported at once."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from include.errors import PermanentError

log = logging.getLogger(__name__)
PASSED, WAIVED, WARNING, FAILED = "passed", "waived", "warning", "failed"
MAX_EXAMPLES = 5


class Check(NamedTuple):
    """One statement about the data, and what to do when it does not hold."""

    name: str  # people type it to waive the check
    passed: bool
    found: str
    hint: str = ""
    warns: bool = False  # it is reported, and stops nothing
    can_waive: bool = False  # a person may, with a reason: sources do change
    reason: str = ""  # of the waiver

    @property
    def outcome(self) -> str:
        if self.passed:
            return PASSED
        if self.reason:
            return WAIVED
        return WARNING if self.warns else FAILED

    def as_dict(self) -> dict[str, str]:
        """As the receipt keeps it."""
        return {
            "name": self.name,
            "found": self.found,
            "outcome": self.outcome,
            "reason": self.reason,
        }


class ChecksFailed(PermanentError):
    """At least one check failed; nothing was published."""


class CannotWaive(PermanentError):
    """A waiver names no check, a check that must always hold, or gives no reason."""


def require(checks: Iterable[Check], waive: Mapping[str, str] | None = None) -> list[Check]:
    """All checks, when they passed or are waived; otherwise one error with every failure.

    `waive` gives a reason for each check that may fail this time, by name.
    """
    checks = list(checks)
    waive = waive or {}
    _refuse_bad_waivers(checks, waive)
    judged = [
        check if check.passed else check._replace(reason=waive.get(check.name, "").strip())
        for check in checks
    ]
    for check in judged:
        if check.outcome in {WAIVED, WARNING}:
            reason = f" ({check.reason})" if check.reason else ""
            log.warning("%s: %s: %s%s", check.outcome, check.name, check.found, reason)
    failures = [check for check in judged if check.outcome == FAILED]
    if failures:
        raise ChecksFailed(_failure_message(failures, len(judged)))
    return judged


def _failure_message(failures: list[Check], total: int) -> str:
    sentences = " | ".join(f"{check.name}: {check.found}; {check.hint}" for check in failures)
    names = _quoted(check.name for check in failures if check.can_waive)
    return f"{len(failures)} of {total} checks failed, nothing was published. {sentences}" + (
        f". If the data is right as it is, run again with `waive` and a reason for {names}"
        if names
        else ""
    )


def _refuse_bad_waivers(checks: Iterable[Check], waive: Mapping[str, str]) -> None:
    known = [check.name for check in checks if check.can_waive]
    bad = [name for name, reason in waive.items() if name not in known or not reason.strip()]
    if bad:
        raise CannotWaive(
            f"{_quoted(bad)} is not a check, must always hold, or has no reason; nothing was "
            f"published. `waive` takes a reason for each of these: {_quoted(known)}"
        )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def examples(found: Iterable[str]) -> str:
    """A few of many phrases, and how many more there are."""
    found = list(found)
    more = f" and {len(found) - MAX_EXAMPLES:,} more" if len(found) > MAX_EXAMPLES else ""
    return ", ".join(found[:MAX_EXAMPLES]) + more

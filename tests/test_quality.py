"""Checks together: what stops a run, what is told, and what a person may accept."""

from __future__ import annotations

import logging
import re

import pytest

from include.errors import PermanentError
from include.first.quality import AuditFailed, CannotAccept, Check, require

SOUND = Check("sound", passed=True, found="all of it")
TORN = Check("torn", passed=False, found="1 = 2", cure="run again")
FEW = Check("few", passed=False, found="3 of 9", cure="look at it", can_be_accepted=True)
ODD = Check("odd", passed=False, found="new: x", cure="add it", warns=True, can_be_accepted=True)


def outcomes(checks: list[Check]) -> dict[str, tuple[str, str]]:
    return {check.name: (check.outcome, check.reason) for check in checks}


def test_what_passes_comes_back_as_it_is():
    """Without a failure all checks come back, told as passed."""
    (check,) = require([SOUND])
    assert check.told() == {
        "name": "sound",
        "found": "all of it",
        "outcome": "passed",
        "reason": "",
    }


def test_all_failures_are_one_error():
    """Each failure is told with what was found and its cure, in one line; nobody tries again."""
    with pytest.raises(AuditFailed) as error:
        require(check for check in (SOUND, TORN, ODD, FEW))
    assert isinstance(error.value, PermanentError)
    assert str(error.value) == (
        "2 of 4 checks failed, nothing was published. torn: 1 = 2; run again | "
        "few: 3 of 9; look at it. If it is right as it is, `accept` takes a reason for `few`"
    )


def test_what_cannot_be_accepted_is_not_offered():
    """The error speaks of accepting only where that helps."""
    with pytest.raises(AuditFailed, match=re.escape("torn: 1 = 2; run again") + "$"):
        require([TORN])


def test_a_warning_stops_nothing(caplog: pytest.LogCaptureFixture):
    """It is in the log, and its outcome says so."""
    with caplog.at_level(logging.WARNING):
        checks = require([SOUND, ODD])
    assert outcomes(checks) == {"sound": ("passed", ""), "odd": ("warning", "")}
    assert [record.getMessage() for record in caplog.records] == ["warning: odd: new: x"]


def test_a_reason_lets_a_failed_check_pass(caplog: pytest.LogCaptureFixture):
    """The reason stays with the check, and is in the log."""
    with caplog.at_level(logging.WARNING):
        checks = require([FEW, ODD], {"few": " they are gone ", "odd": "we know"})
    assert outcomes(checks) == {
        "few": ("accepted", "they are gone"),
        "odd": ("accepted", "we know"),
    }
    assert checks[0].told()["reason"] == "they are gone"
    assert caplog.records[0].getMessage() == "accepted: few: 3 of 9 (they are gone)"


def test_a_reason_for_what_passes_is_not_needed():
    """A check that passes is told as passed, without the reason that nobody needed."""
    passed = FEW._replace(passed=True)
    assert outcomes(require([passed], {"few": "they are gone"})) == {"few": ("passed", "")}


def test_a_reason_for_one_leaves_the_others_failing():
    """What is not accepted stops the run, and only that is told."""
    with pytest.raises(AuditFailed, match=r"^1 of 2 checks failed.* torn: ") as error:
        require([FEW, TORN], {"few": "they are gone"})
    assert "few" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "reason", "problem"),
    [
        ("fewer", "they are gone", "`fewer` is no check"),
        ("torn", "they are gone", "`torn` must always hold"),
        ("sound", "they are gone", "`sound` must always hold"),
        ("few", " ", "`few` has no reason"),
    ],
)
def test_what_cannot_be_accepted_is_refused(name: str, reason: str, problem: str):
    """One line says why, and what does take a reason; it comes before any failure."""
    with pytest.raises(CannotAccept) as error:
        require([SOUND, TORN, FEW, ODD], {name: reason, "odd": "we know"})
    assert isinstance(error.value, PermanentError)
    assert str(error.value) == (
        f"{problem}; nothing was published. `accept` takes a reason for each of these: `few`, `odd`"
    )

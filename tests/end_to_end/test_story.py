"""The story of `story.py` leaves the recorded facts, step by step."""

import json
from typing import Any

import pytest

from tests.end_to_end import house, invariants
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.story import FACTS, STEPS, playing

LAST_OF_THE_FIRST_CONTRACT = "an old read once more"
RECORDED: dict[str, Any] = json.loads(FACTS.read_text())


@pytest.mark.slow
def test_story_matches_recorded_facts(s3_url: str) -> None:
    """Year files, aggregations, ledger, quarantine and counts have the rows of the recording."""
    differences = []
    with playing(s3_url) as (bucket, steps):
        for step, found in steps:
            recorded = RECORDED[step.name]
            assert found["source"] == recorded["source"], f"{step.name}: the fakes' rows changed"
            differences += [
                f"{step.name}: {fact} is {found.get(fact)}, recorded {recorded.get(fact)}"
                for fact in sorted({*found, *recorded})
                if found.get(fact) != recorded.get(fact)
            ]
            if step.name == LAST_OF_THE_FIRST_CONTRACT:
                everything_adds_up(bucket)
        invariants.holds(bucket)
    assert not differences, "\n".join(differences)


def everything_adds_up(bucket: Bucket) -> None:
    """By plain Python and by the product's own proof."""
    invariants.holds(bucket)
    verified = house.command(bucket, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_recording_has_every_step_and_every_kind_of_change() -> None:
    assert list(RECORDED) == [step.name for step in STEPS]
    events = {event for facts in RECORDED.values() for event in facts["ledger"]["recalls"]}
    assert events == set(house.EVENTS)
    counts = [facts["counts"] for facts in RECORDED.values() if "counts" in facts]
    assert all(any(count[name] for count in counts) for name in house.COUNTS)
    assert any("absent" in facts["years"].values() for facts in RECORDED.values())

"""Each step of the scenario leaves the recorded facts."""

import json
from typing import Any

import pytest

from tests.end_to_end import invariants, product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.scenario import FACTS, STEPS, running_scenario

LAST_OF_FIRST_CONTRACT = "a replay of an old read"
RECORDED: dict[str, Any] = json.loads(FACTS.read_text())


@pytest.mark.slow
def test_scenario_matches_recorded_facts(s3_url: str) -> None:
    differences = []
    with running_scenario(s3_url) as (bucket, steps):
        for step, found in steps:
            recorded = RECORDED[step.name]
            assert found["source"] == recorded["source"], f"{step.name}: the fake rows changed"
            differences += [
                f"{step.name}: {fact} is {found.get(fact)}, recorded {recorded.get(fact)}"
                for fact in sorted({*found, *recorded})
                if found.get(fact) != recorded.get(fact)
            ]
            if step.name == LAST_OF_FIRST_CONTRACT:
                check_and_verify(bucket)
        invariants.check_bucket(bucket)
    assert not differences, "\n".join(differences)


def check_and_verify(bucket: Bucket) -> None:
    invariants.check_bucket(bucket)
    verified = product.run_command(bucket, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_recording_has_every_step_and_every_kind_of_change() -> None:
    assert list(RECORDED) == [step.name for step in STEPS]
    events = {event for facts in RECORDED.values() for event in facts["ledger"]["recalls"]}
    assert events == set(product.EVENTS)
    counts = [facts["counts"] for facts in RECORDED.values() if "counts" in facts]
    assert all(any(count[name] for count in counts) for name in product.COUNTS)
    assert any("absent" in facts["years"].values() for facts in RECORDED.values())

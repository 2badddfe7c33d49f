"""Real processes that publish at the same time, some of them killed: nothing lost, nothing doubled.

The source stands at three days at once, so that some of them read what is old.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fakes.app import create_app
from fakes.serve import serving
from include.first.lake import Lake
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.state import year_states
from tests.faulty_s3 import faulty_s3
from tests.vehicle_recalls.days import is_sound
from tests.vehicle_recalls.evidence import KEYS, facts, facts_at_source
from tests.vehicle_recalls.publisher_process import Publisher

ROWS, SEED = 24, 3
PUBLISHERS, KILLED = 8, 4
CHANGES = 60  # of two runs, about; a process may be killed at any of them
DAYS = (1, 2, 3)


@pytest.fixture(scope="module")
def days() -> Iterator[list[str]]:
    """The addresses of the source as it stands on each day."""
    with ExitStack() as stack:
        apps = [create_app(rows=ROWS, seed=SEED, day=day) for day in DAYS]
        yield [stack.enter_context(serving(app)) for app in apps]


def _killed_at(stack: ExitStack, s3_url: str, lake: Lake, jobs: Any, nth: int) -> Publisher:
    """A publisher that dies at its nth change, when S3 has done it or just before."""
    proxy = stack.enter_context(faulty_s3(s3_url))
    publisher = stack.enter_context(Publisher(proxy.url, lake.bucket, jobs))
    if nth % 2:
        proxy.after(publisher.kill, nth=nth)
    else:
        proxy.before(publisher.kill, nth=nth)
        proxy.fail(nth=nth, status=None)
    return publisher


def _some_jobs(chance: random.Random, days: list[str], years: list[int]) -> Any:
    """Two runs of any day: one of all years, one of all or of a few neighbours."""
    at = chance.randrange(len(years) - 4)
    some = chance.choice([[], years[at : at + 1], years[at : at + 4]])
    jobs = [(chance.choice(days), []), (chance.choice(days), some)]
    chance.shuffle(jobs)
    return jobs


def _told(publishers: list[Publisher]) -> list[tuple[int, list[dict[str, Any]], str]]:
    """Let them loose together, and wait for them all."""
    for publisher in publishers:
        publisher.wait_until_ready()
    for publisher in publishers:
        publisher.begin()
    return [publisher.end() for publisher in publishers]


def _nothing_went_back(lake: Lake) -> None:
    """From version to version each year comes from the same read or a later one."""
    known: dict[int, list[str]] = {}
    for version in range(lake.head(KEYS.table).version + 1):
        for year, state in year_states(lake.receipt(KEYS.table, version)).items():
            read_at = [state.last_modified, state.answered_at]
            assert known.get(year, ["", ""]) <= read_at, (version, year)
            known[year] = read_at


def _is_the_newest_day(lake: Lake, days: list[str]) -> None:
    run(RecallsApi(days[-1]), lake)
    assert facts(lake) == facts_at_source(days[-1])
    is_sound(lake)
    assert run(RecallsApi(days[-1]), lake)["version"] is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_publishers_race_and_die_and_nothing_is_lost_or_doubled(
    s3_url: str, lake: Lake, days: list[str], seed: int
) -> None:
    """Eight processes, four of them killed at any of their calls, then one straight run.

    Who is not killed ends well. What is committed stays, and no older read undoes a newer one;
    the ledger tells of each version once and replays to the head.
    """
    chance = random.Random(seed)
    years = sorted(facts_at_source(days[-1]))
    if seed > 1:  # the first time they race into an empty bucket
        run(RecallsApi(days[0]), lake)
    with ExitStack() as stack:
        publishers = []
        for number in range(PUBLISHERS):
            jobs = _some_jobs(chance, days, years)
            if number < KILLED:
                nth = chance.randint(1, CHANGES // (1 + number))
                publishers.append(_killed_at(stack, s3_url, lake, jobs, nth))
            else:
                publishers.append(stack.enter_context(Publisher(s3_url, lake.bucket, jobs)))
        ends = _told(publishers)
    for returncode, _, complaints in ends[:KILLED]:
        assert returncode in {0, -signal.SIGKILL}, complaints
    assert -signal.SIGKILL in [returncode for returncode, _, _ in ends]
    for returncode, told, complaints in ends[KILLED:]:
        assert (returncode, len(told)) == (0, 2), complaints
    versions = [told["version"] for _, some, _ in ends for told in some if told["version"]]
    assert len(set(versions)) == len(versions)
    _nothing_went_back(lake)
    _is_the_newest_day(lake, days)
    _nothing_went_back(lake)


def test_two_schedulers_and_a_backfill_all_end_green(
    s3_url: str, lake: Lake, days: list[str]
) -> None:
    """Two daily runs of one moment and a by-year backfill of four at a time: none fails."""
    run(RecallsApi(days[0]), lake)
    years = sorted(facts_at_source(days[-1]))
    daily = [[(days[-1], [])], [(days[-1], [])]]
    backfill = [[(days[-1], [year]) for year in years[at::4]] for at in range(4)]
    with ExitStack() as stack:
        ends = _told(
            [
                stack.enter_context(Publisher(s3_url, lake.bucket, jobs))
                for jobs in [*daily, *backfill]
            ]
        )
    for returncode, told, complaints in ends:
        assert (returncode, complaints) == (0, "")
        assert told
    assert facts(lake) == facts_at_source(days[-1])
    _is_the_newest_day(lake, days)

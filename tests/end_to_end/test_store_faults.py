"""A run that dies or whose store fails at any call: one day or the other, and the next run mends.

The store is LocalStack behind a proxy that cuts connections, so that any client meets the same.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import (
    WAIVE,
    Seen,
    facts_of_second_day,
    first_day,
    is_first_or_second_day,
    second_day,
    seen,
)
from tests.end_to_end.invariants import holds, table_facts
from tests.end_to_end.racer import Racer
from tests.faulty_s3 import Call, FaultyS3, faulty_s3
from tests.recalls_source import RecallsSource, recalls_source

SAMPLES = 5  # of the calls of a run, in the short form of a test
TABLE_LOG, LEDGER_LOG = f"{house.TABLE}/_delta_log/", f"{house.LEDGER}/_delta_log/"


@dataclass(frozen=True)
class Setting:
    """A bucket after the first day, a source at the second, and an undisturbed second run."""

    template: Bucket
    source: RecallsSource
    proxy: FaultyS3
    calls: list[Call]
    clean: Seen

    @property
    def changes(self) -> int:
        return sum(call.changes for call in self.calls)


@pytest.fixture(scope="module")
def setting(s3_url: str, new_bucket: NewBucket) -> Iterator[Setting]:
    template, clean = new_bucket(), new_bucket()
    with recalls_source(first_day()) as source, faulty_s3(s3_url) as proxy:
        house.run(source.url, template)
        source.publish(second_day())
        clean.copy_from(template)
        house.run(source.url, replace(clean, url=proxy.url), waive=WAIVE)
        calls = list(proxy.calls)
        holds(clean)
        found = seen(clean)
        assert found.facts == facts_of_second_day()
        assert {row["event"] for row in found.ledger} == {"published", "edited", "retracted"}
        yield Setting(template, source, proxy, calls, found)


@pytest.fixture
def first(setting: Setting, new_bucket: NewBucket) -> Iterator[Bucket]:
    """A bucket of its own after the first day."""
    made = new_bucket()
    made.copy_from(setting.template)
    setting.proxy.clear()
    yield made
    setting.proxy.clear()


def behind(setting: Setting, bucket: Bucket) -> Bucket:
    return replace(bucket, url=setting.proxy.url)


def mends(setting: Setting, bucket: Bucket) -> None:
    """An undisturbed run leaves what it leaves when nothing ever happened."""
    setting.proxy.clear()
    house.run(setting.source.url, bucket, waive=WAIVE)
    assert seen(bucket) == setting.clean
    holds(bucket)


def attempt(setting: Setting, bucket: Bucket) -> BaseException | None:
    """A run through the proxy; how it failed, if it did: in one line."""
    try:
        house.run(setting.source.url, behind(setting, bucket), waive=WAIVE)
    except Exception as raised:  # noqa: BLE001  # any of the product's
        error = raised
    else:
        return None
    assert str(error)
    assert "\n" not in str(error)
    return error


def evenly(count: int, samples: int = SAMPLES) -> list[int]:
    """Numbers from 1 to count, the first and the last among them."""
    if count <= samples:
        return list(range(1, count + 1))
    return sorted({1 + round(n * (count - 1) / (samples - 1)) for n in range(samples)})


def dies_at(setting: Setting, new_bucket: NewBucket, nths: list[int]) -> None:
    """From the nth change on S3 hears nothing of the run, as if it had died."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        setting.proxy.refuse_from(nth)
        assert attempt(setting, bucket) is not None, nth
        done = setting.proxy.changes[: nth - 1]
        current = is_first_or_second_day(bucket)
        assert (current == facts_of_second_day()) == any(TABLE_LOG in call.path for call in done)
        mends(setting, bucket)


def test_run_that_dies_at_some_calls_leaves_one_day_or_the_other(
    setting: Setting, new_bucket: NewBucket
) -> None:
    commit = next(
        nth
        for nth, call in enumerate((c for c in setting.calls if c.changes), 1)
        if TABLE_LOG in call.path
    )
    dies_at(setting, new_bucket, [commit, commit + 1, setting.changes])


@pytest.mark.slow
def test_run_that_dies_at_any_call_leaves_one_day_or_the_other(
    setting: Setting, new_bucket: NewBucket
) -> None:
    dies_at(setting, new_bucket, evenly(setting.changes, setting.changes))


def loses_answers(setting: Setting, new_bucket: NewBucket, nths: list[int]) -> None:
    """S3 does the nth change and its answer is lost, for good: tried again it is lost again."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        lost: list[str] = []

        def is_lost(call: Call, nth: int = nth, lost: list[str] = lost) -> bool:
            if call.changes and len(setting.proxy.changes) == nth and not lost:
                lost.append(str(call))
            return str(call) in lost

        setting.proxy.drop_reply(is_lost, times=99)
        attempt(setting, bucket)
        is_first_or_second_day(bucket)
        mends(setting, bucket)


def test_lost_answers_of_some_calls_double_nothing(setting: Setting, new_bucket: NewBucket) -> None:
    loses_answers(setting, new_bucket, evenly(setting.changes, 2))


@pytest.mark.slow
def test_lost_answers_of_any_call_double_nothing(setting: Setting, new_bucket: NewBucket) -> None:
    loses_answers(setting, new_bucket, evenly(setting.changes, setting.changes))


def test_lost_answer_of_a_commit_is_found_in_the_log(setting: Setting, first: Bucket) -> None:
    """The run itself succeeds: it finds its read in the log that it could not hear from."""
    setting.proxy.drop_reply(lambda call: call.method == "PUT" and TABLE_LOG in call.path, times=99)
    assert attempt(setting, first) is None
    assert seen(first) == setting.clean


def test_lost_answer_of_the_ledgers_commit_is_mended_by_the_next_run(
    setting: Setting, first: Bucket
) -> None:
    setting.proxy.drop_reply(
        lambda call: call.method == "PUT" and LEDGER_LOG in call.path, times=99
    )
    attempt(setting, first)
    mends(setting, first)


def test_lost_answer_of_a_commit_with_another_run_in_between_is_still_a_commit(
    setting: Setting, first: Bucket
) -> None:
    """The commit is done, its answer is lost, and a whole run of a later day builds on it."""

    def the_day_after() -> None:
        with recalls_source(
            first_day(), refreshed=setting.source.refreshed.replace(hour=23, minute=59)
        ) as later:
            house.run(later.url, first, waive=WAIVE)

    def entry(call: Call) -> bool:
        return call.method == "PUT" and TABLE_LOG in call.path

    setting.proxy.after(the_day_after, entry)
    setting.proxy.drop_reply(entry)
    assert attempt(setting, first) is None
    assert len(house.versions(first)) == 3
    assert table_facts(first) == table_facts(setting.template)
    holds(first)


def answers_badly(setting: Setting, new_bucket: NewBucket, nths: list[int], status: int) -> None:
    """Any one call, a read too, is refused once: the run rides it out."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        setting.proxy.fail(lambda _: True, nth=nth, times=1, status=status)
        error = attempt(setting, bucket)
        assert error is None, f"call {nth}: {error}"
        assert seen(bucket) == setting.clean
        holds(bucket)


def test_bad_answer_of_some_calls_is_ridden_out(setting: Setting, new_bucket: NewBucket) -> None:
    answers_badly(setting, new_bucket, evenly(len(setting.calls), 2), 503)


@pytest.mark.slow
def test_bad_answer_of_any_call_is_ridden_out(setting: Setting, new_bucket: NewBucket) -> None:
    answers_badly(setting, new_bucket, evenly(len(setting.calls), 60), 500)


@pytest.mark.parametrize(
    ("place", "status"),
    [(house.RAW, 507), (TABLE_LOG, 403), (house.AGGREGATES, 500)],
)
def test_store_that_refuses_is_one_line_and_the_next_run_goes_through(
    setting: Setting, first: Bucket, place: str, status: int
) -> None:
    setting.proxy.fail(lambda call: call.method == "PUT" and place in call.path, status=status)
    error = attempt(setting, first)
    assert error is not None
    assert first.name in str(error)
    assert isinstance(error, house.PermanentError) == (status == 403)
    mends(setting, first)


def is_killed(setting: Setting, new_bucket: NewBucket, nths: list[int], *, done: bool) -> None:
    """SIGKILL while the nth change is on its way: before S3 does it, or done and not heard of."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        with Racer(behind(setting, bucket), setting.source.url) as racer:
            racer.wait_until_ready()
            if done:
                setting.proxy.after(racer.kill, nth=nth)
            else:
                setting.proxy.before(racer.kill, nth=nth)
                setting.proxy.refuse_from(nth)
            racer.begin()
            assert racer.end()[0] == -signal.SIGKILL
        is_first_or_second_day(bucket)
        mends(setting, bucket)


def test_process_killed_at_its_commit_leaves_one_day_or_the_other(
    setting: Setting, new_bucket: NewBucket
) -> None:
    changes = [call for call in setting.calls if call.changes]
    nth = next(nth for nth, call in enumerate(changes, 1) if TABLE_LOG in call.path)
    is_killed(setting, new_bucket, [nth], done=True)


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True])
def test_process_killed_at_any_call_leaves_one_day_or_the_other(
    setting: Setting, new_bucket: NewBucket, done: bool
) -> None:
    is_killed(setting, new_bucket, evenly(setting.changes, 16), done=done)


@pytest.mark.parametrize("nth", [1, 2])
def test_first_run_that_dies_at_a_commit_leaves_nothing_or_a_day(
    setting: Setting, bucket: Bucket, nth: int
) -> None:
    """Around the creation of the table and its first commit."""
    setting.proxy.clear()
    setting.proxy.refuse_from(nth, lambda call: call.method == "PUT" and TABLE_LOG in call.path)
    attempt(setting, bucket)
    setting.proxy.clear()
    house.run(setting.source.url, bucket, waive=WAIVE)
    assert len(house.versions(bucket)) == 1
    holds(bucket)

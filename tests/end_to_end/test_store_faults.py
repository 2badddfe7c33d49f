"""A run with a fault at any S3 call leaves the old or new version; the next run repairs it."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.conftest import NewBucket
from tests.end_to_end.days import (
    WAIVE,
    Snapshot,
    check_first_or_second_day,
    facts_of_second_day,
    first_day,
    second_day,
    snapshot,
)
from tests.end_to_end.invariants import check_bucket, table_facts
from tests.end_to_end.run_process import RunProcess
from tests.faulty_s3 import Call, FaultyS3, faulty_s3
from tests.recalls_source import RecallsSource, recalls_source

SAMPLES = 5  # calls in a short test
TABLE_LOG, LEDGER_LOG = f"{product.TABLE}/_delta_log/", f"{product.LEDGER}/_delta_log/"


@dataclass(frozen=True)
class Setting:
    """A bucket after the first day, a source on the second, and an undisturbed second run."""

    template: Bucket
    source: RecallsSource
    proxy: FaultyS3
    calls: list[Call]
    clean: Snapshot

    @property
    def changes(self) -> int:
        return sum(call.changes for call in self.calls)


@pytest.fixture(scope="module")
def setting(s3_url: str, new_bucket: NewBucket) -> Iterator[Setting]:
    template, clean = new_bucket(), new_bucket()
    with recalls_source(first_day()) as source, faulty_s3(s3_url) as proxy:
        product.run(source.url, template)
        source.publish(second_day())
        clean.copy_from(template)
        product.run(source.url, replace(clean, url=proxy.url), waive=WAIVE)
        calls = list(proxy.calls)
        check_bucket(clean)
        found = snapshot(clean)
        assert found.facts == facts_of_second_day()
        assert {row["event"] for row in found.ledger} == {"published", "edited", "retracted"}
        yield Setting(template, source, proxy, calls, found)


@pytest.fixture
def first(setting: Setting, new_bucket: NewBucket) -> Iterator[Bucket]:
    """A new bucket after the first day."""
    copy = new_bucket()
    copy.copy_from(setting.template)
    setting.proxy.clear()
    yield copy
    setting.proxy.clear()


def through_proxy(setting: Setting, bucket: Bucket) -> Bucket:
    return replace(bucket, url=setting.proxy.url)


def check_repair(setting: Setting, bucket: Bucket) -> None:
    """Check that the next run gives the result of an undisturbed run."""
    setting.proxy.clear()
    product.run(setting.source.url, bucket, waive=WAIVE)
    assert snapshot(bucket) == setting.clean
    check_bucket(bucket)


def try_run(setting: Setting, bucket: Bucket) -> BaseException | None:
    """Run through the proxy; return the error, if any, which must be one line."""
    try:
        product.run(setting.source.url, through_proxy(setting, bucket), waive=WAIVE)
    except Exception as raised:  # noqa: BLE001  # any error of the product
        error = raised
    else:
        return None
    assert str(error)
    assert "\n" not in str(error)
    return error


def spread(count: int, samples: int = SAMPLES) -> list[int]:
    """Evenly spaced numbers from 1 to count, both included."""
    if count <= samples:
        return list(range(1, count + 1))
    return sorted({1 + round(n * (count - 1) / (samples - 1)) for n in range(samples)})


def check_crashes(setting: Setting, new_bucket: NewBucket, nths: list[int]) -> None:
    """Simulate a crash: S3 refuses every call from the nth change on."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        setting.proxy.refuse_from(nth)
        assert try_run(setting, bucket) is not None, nth
        done = setting.proxy.changes[: nth - 1]
        current = check_first_or_second_day(bucket)
        assert (current == facts_of_second_day()) == any(TABLE_LOG in call.path for call in done)
        check_repair(setting, bucket)


def test_run_crashed_at_some_calls_leaves_old_or_new_version(
    setting: Setting, new_bucket: NewBucket
) -> None:
    commit = next(
        nth
        for nth, call in enumerate((c for c in setting.calls if c.changes), 1)
        if TABLE_LOG in call.path
    )
    check_crashes(setting, new_bucket, [commit, commit + 1, setting.changes])


@pytest.mark.slow
def test_run_crashed_at_any_call_leaves_old_or_new_version(
    setting: Setting, new_bucket: NewBucket
) -> None:
    check_crashes(setting, new_bucket, spread(setting.changes, setting.changes))


def check_lost_replies(setting: Setting, new_bucket: NewBucket, nths: list[int]) -> None:
    """S3 executes the nth change, but the replies to it and to its retries are lost."""
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
        try_run(setting, bucket)
        check_first_or_second_day(bucket)
        check_repair(setting, bucket)


def test_some_lost_replies_duplicate_nothing(setting: Setting, new_bucket: NewBucket) -> None:
    check_lost_replies(setting, new_bucket, spread(setting.changes, 2))


@pytest.mark.slow
def test_any_lost_reply_duplicates_nothing(setting: Setting, new_bucket: NewBucket) -> None:
    check_lost_replies(setting, new_bucket, spread(setting.changes, setting.changes))


def test_commit_with_lost_reply_is_found_in_the_log(setting: Setting, first: Bucket) -> None:
    """The run succeeds, because it finds its read id in the log."""
    setting.proxy.drop_reply(lambda call: call.method == "PUT" and TABLE_LOG in call.path, times=99)
    assert try_run(setting, first) is None
    assert snapshot(first) == setting.clean


def test_ledger_commit_with_lost_reply_is_repaired_by_the_next_run(
    setting: Setting, first: Bucket
) -> None:
    setting.proxy.drop_reply(
        lambda call: call.method == "PUT" and LEDGER_LOG in call.path, times=99
    )
    try_run(setting, first)
    check_repair(setting, first)


def test_commit_with_lost_reply_is_found_after_another_commit(
    setting: Setting, first: Bucket
) -> None:
    """A run of a later day commits before the first run looks for its commit."""

    def run_later_day() -> None:
        with recalls_source(
            first_day(), refreshed=setting.source.refreshed.replace(hour=23, minute=59)
        ) as later:
            product.run(later.url, first, waive=WAIVE)

    def is_commit(call: Call) -> bool:
        return call.method == "PUT" and TABLE_LOG in call.path

    setting.proxy.after(run_later_day, is_commit)
    setting.proxy.drop_reply(is_commit)
    assert try_run(setting, first) is None
    assert len(product.versions(first)) == 3
    assert table_facts(first) == table_facts(setting.template)
    check_bucket(first)


def check_bad_reply(setting: Setting, new_bucket: NewBucket, nths: list[int], status: int) -> None:
    """S3 refuses the nth call once, even a read, and the run succeeds."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        setting.proxy.fail(lambda _: True, nth=nth, times=1, status=status)
        error = try_run(setting, bucket)
        assert error is None, f"call {nth}: {error}"
        assert snapshot(bucket) == setting.clean
        check_bucket(bucket)


def test_bad_reply_to_some_calls_is_retried(setting: Setting, new_bucket: NewBucket) -> None:
    check_bad_reply(setting, new_bucket, spread(len(setting.calls), 2), 503)


@pytest.mark.slow
def test_bad_reply_to_any_call_is_retried(setting: Setting, new_bucket: NewBucket) -> None:
    check_bad_reply(setting, new_bucket, spread(len(setting.calls), 60), 500)


@pytest.mark.parametrize(
    ("place", "status"),
    [(product.RAW, 507), (TABLE_LOG, 403), (product.AGGREGATES, 500)],
)
def test_refused_write_is_one_line_and_the_next_run_succeeds(
    setting: Setting, first: Bucket, place: str, status: int
) -> None:
    setting.proxy.fail(lambda call: call.method == "PUT" and place in call.path, status=status)
    error = try_run(setting, first)
    assert error is not None
    assert first.name in str(error)
    assert isinstance(error, product.PermanentError) == (status == 403)
    check_repair(setting, first)


def check_kills(setting: Setting, new_bucket: NewBucket, nths: list[int], *, done: bool) -> None:
    """Kill the process at its nth change, before or after S3 executes it."""
    for nth in nths:
        bucket = new_bucket()
        bucket.copy_from(setting.template)
        setting.proxy.clear()
        with RunProcess(through_proxy(setting, bucket), setting.source.url) as process:
            process.wait_until_ready()
            if done:
                setting.proxy.after(process.kill, nth=nth)
            else:
                setting.proxy.before(process.kill, nth=nth)
                setting.proxy.refuse_from(nth)
            process.start_run()
            assert process.end()[0] == -signal.SIGKILL
        check_first_or_second_day(bucket)
        check_repair(setting, bucket)


def test_run_killed_at_commit_leaves_old_or_new_version(
    setting: Setting, new_bucket: NewBucket
) -> None:
    changes = [call for call in setting.calls if call.changes]
    nth = next(nth for nth, call in enumerate(changes, 1) if TABLE_LOG in call.path)
    check_kills(setting, new_bucket, [nth], done=True)


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True])
def test_run_killed_at_any_call_leaves_old_or_new_version(
    setting: Setting, new_bucket: NewBucket, done: bool
) -> None:
    check_kills(setting, new_bucket, spread(setting.changes, 16), done=done)


@pytest.mark.parametrize("nth", [1, 2])
def test_first_run_crashed_at_a_commit_is_repaired(
    setting: Setting, bucket: Bucket, nth: int
) -> None:
    """The commits create the table and publish its first version."""
    setting.proxy.clear()
    setting.proxy.refuse_from(nth, lambda call: call.method == "PUT" and TABLE_LOG in call.path)
    try_run(setting, bucket)
    setting.proxy.clear()
    product.run(setting.source.url, bucket, waive=WAIVE)
    assert len(product.versions(bucket)) == 1
    check_bucket(bucket)

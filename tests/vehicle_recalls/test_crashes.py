"""A run that dies, or whose store fails: yesterday or today, and the next run mends the rest."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from fakes.control import Control
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.project import project_years
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from tests.faulty_s3 import Call, FaultyS3
from tests.vehicle_recalls.days import (
    LEDGER_LOG,
    TABLE_LOG,
    History,
    fill,
    is_between,
    is_the_day,
    open_lake,
    turn_to,
    years_are_the_heads,
)
from tests.vehicle_recalls.evidence import KEYS, one_clear_line
from tests.vehicle_recalls.publisher_process import Publisher

SECOND = "00000000000000000002.json"


def _kind(call: Call) -> str:
    """PUT raw, PUT table, PUT table log, COPY year: what a call does, without names."""
    rest = call.path.split(KEYS.folder, 1)[1]
    place = rest.split("/")[0] if "/" in rest else "year"
    return f"{call.method} {place}" + (" log" if "_delta_log" in rest else "")


def test_the_second_run_has_calls_of_every_kind(history: History) -> None:
    """What the next test tries is all that a run ever does to the bucket."""
    assert list(dict.fromkeys(map(_kind, history.second_run))) == [
        *("PUT raw", "PUT staging", "PUT table", "PUT table log"),
        *("COPY year", "DELETE year", "PUT aggregates"),
        *("PUT ledger", "PUT ledger log", "PUT reports"),
    ]


def test_a_run_that_dies_at_any_call_leaves_one_day_or_the_other(
    small_source: RecallsApi,
    proxy: FaultyS3,
    history: History,
    control: Control,  # noqa: ARG001  # the source stands at the second day
    another: Callable[[], Lake],
) -> None:
    """Before each change of an undisturbed run, in turn, S3 stops to hear of it: the whole way.

    Readers see the table of a whole day, and in plain files nothing but files of the two days.
    The year files of what was committed can be made at once, and the next clean run ends in the
    same bytes, ledger and report as a run that nothing disturbed.
    """
    for nth in range(1, len(history.second_run) + 1):
        lake = fill(another(), history)
        proxy.clear()
        proxy.refuse_from(nth)
        with pytest.raises(LakeError) as error:
            run(small_source, open_lake(proxy.url, lake.bucket))
        one_clear_line(error.value, "could not ", f"s3://{lake.bucket}/")
        done = proxy.changes[: nth - 1]
        committed = any(TABLE_LOG in call.path for call in done)
        is_between(lake, history[1], history[2], committed=committed)
        project_years(lake)
        years_are_the_heads(lake)
        run(small_source, lake)
        is_the_day(lake, history[2], versions=2)


@pytest.mark.parametrize(
    ("match", "committed"),
    [
        (f"PUT {TABLE_LOG}00000000000000000000.json", False),
        (f"PUT {TABLE_LOG}00000000000000000001.json", False),
        ("COPY", True),
        (f"PUT {LEDGER_LOG}00000000000000000000.json", True),
        (f"PUT {LEDGER_LOG}00000000000000000001.json", True),
        (f"PUT {KEYS.reports_folder}", True),
    ],
)
def test_a_first_run_that_dies_leaves_nothing_or_a_day(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    history: History,
    control: Control,
    lake: Lake,
    match: str,
    committed: bool,
) -> None:
    """Around the creation of table and ledger and their first commits: nothing, or all of a day."""
    turn_to(control, 1)
    proxy.refuse_from(1, match.replace(" ", f" /{lake.bucket}/"))
    with pytest.raises(LakeError):
        run(small_source, shaky)
    assert bool(lake.head(KEYS.table).receipt) == committed
    run(small_source, lake)
    is_the_day(lake, history[1], versions=1)


@pytest.mark.parametrize(
    ("match", "done", "committed"),
    [
        (f"PUT {KEYS.raw_folder}", True, False),
        (f"PUT {KEYS.table}/2", True, False),
        (f"PUT {TABLE_LOG}{SECOND}", False, False),
        (f"PUT {TABLE_LOG}{SECOND}", True, True),
        ("COPY", True, True),
        (f"PUT {KEYS.aggregates_folder}", True, True),
        (f"PUT {KEYS.ledger}/0", True, True),
        (f"PUT {LEDGER_LOG}{SECOND}", False, True),
        (f"PUT {LEDGER_LOG}{SECOND}", True, True),
        (f"PUT {KEYS.reports_folder}", False, True),
    ],
)
def test_a_process_that_is_killed_leaves_one_day_or_the_other(
    small_source: RecallsApi,
    small_source_url: str,
    proxy: FaultyS3,
    history: History,
    yesterday: Lake,
    match: str,
    done: bool,
    committed: bool,
) -> None:
    """SIGKILL in landing, among the candidates, around either commit and among the projections.

    The process dies while the call is on its way: before S3 does it, or done and not heard of.
    """
    match = match.replace(" ", f" /{yesterday.bucket}/")
    with Publisher(proxy.url, yesterday.bucket, [(small_source_url, [])]) as publisher:
        if done:
            proxy.after(publisher.kill, match)
        else:
            proxy.before(publisher.kill, match)
            proxy.fail(match, status=None)
        publisher.wait_until_ready()
        publisher.begin()
        assert publisher.end()[0] == -signal.SIGKILL
    is_between(yesterday, history[1], history[2], committed=committed)
    run(small_source, yesterday)
    is_the_day(yesterday, history[2], versions=2)


@pytest.mark.parametrize("log", [TABLE_LOG, LEDGER_LOG])
def test_an_answer_that_is_lost_every_time_is_found_in_the_log(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    history: History,
    log: str,
) -> None:
    """When the network gives no answer at all to the put, the log says that it was done."""
    proxy.drop_reply(f"PUT /{yesterday.bucket}/{log}{SECOND}", times=99)
    assert run(small_source, shaky)["version"] == 2
    is_the_day(yesterday, history[2], versions=2)


def test_a_full_disk_is_told_and_waited_out(
    small_source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, history: History
) -> None:
    """A refused write is one line that names the object; with room again a run goes through."""
    for place in ("raw/", "staging/", "table/2", "aggregates/", "ledger/0", "reports/"):
        where = f"{yesterday.bucket}/{KEYS.folder}{place}"
        proxy.fail(f"PUT /{where}", status=507)
        with pytest.raises(LakeError) as error:
            run(small_source, shaky)
        one_clear_line(error.value, "could not write", f"s3://{where}", "S3 answered", "; ")
        proxy.clear()
    run(small_source, shaky)
    is_the_day(yesterday, history[2], versions=2)


def test_a_store_that_fails_in_staging_is_told_and_waited_out(
    small_source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, history: History
) -> None:
    """A store that keeps answering 500 is tried a few times, then named; a moment is bridged."""
    where = f"{yesterday.bucket}/{KEYS.staging_folder}"
    proxy.fail(f"PUT /{where}", status=500)
    with pytest.raises(LakeError) as error:
        run(small_source, shaky)
    one_clear_line(error.value, "could not write", f"s3://{where}", "InternalError", "run again")
    proxy.clear()
    proxy.fail(f"PUT /{where}", status=500, times=1)
    run(small_source, shaky)
    is_the_day(yesterday, history[2], versions=2)


def test_a_bucket_that_vanishes_is_named(
    small_source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake
) -> None:
    """A bucket that somebody deletes under a run is told as such."""

    def vanish() -> None:
        yesterday.at_once(yesterday.delete, list(yesterday.keys("")))
        yesterday.s3.delete_bucket(Bucket=yesterday.bucket)

    proxy.before(vanish, "/staging/")
    with pytest.raises(LakeError) as error:
        run(small_source, shaky)
    one_clear_line(error.value, f"s3://{yesterday.bucket}/", "NoSuchBucket", "create the bucket")

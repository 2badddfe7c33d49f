"""Runs that die, answers that are lost, publishers that meet: yesterday or today, never a mixture.

A small source: ten recalls in ten years, of which a day edits, moves, retracts and adds some, so
that a run has a few calls of each kind.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient
from deltalake import DeltaTable

from include.lake import Lake, LakeError
from include.local_apis.app import create_app
from include.local_apis.control import Control
from include.local_apis.serve import serving
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_years
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import write_parquet
from tests.faulty_s3 import Call, FaultyS3, faulty_s3
from tests.vehicle_recalls.evidence import KEYS, one_clear_line

ROWS = 10
ROOT = Path(__file__).parents[2]
LOG = f"{KEYS.table}/_delta_log/"
DAY_2_LOG = f"{LOG}00000000000000000002.json"


@dataclass(frozen=True)
class Day:
    """What an undisturbed run leaves."""

    years: dict[str, str]  # sha256 of each year's file
    rows: dict[str, tuple[Any, ...]]  # as readers of the table see them
    aggregates: dict[str, bytes]


@dataclass(frozen=True)
class History:
    day_1: Day
    day_2: Day
    after_day_1: dict[str, tuple[bytes, dict[str, str]]]  # what lies in the bucket
    second_run: list[Call]  # the calls of day 2 that change something


def _open(url: str, bucket: str) -> Lake:
    return Lake.connect(
        bucket, endpoint_url=url, region="us-east-1", access_key="test", secret_key="test"
    )


def _rows(lake: Lake) -> dict[str, tuple[Any, ...]]:
    """The committed table through Delta Lake alone; a key is there once."""
    uri = f"s3://{lake.bucket}/{KEYS.table}"
    table = DeltaTable(uri, storage_options=lake.storage_options).to_pyarrow_table()
    rows = [tuple(row.values()) for row in table.to_pylist()]
    keys = table["nhtsa_id"].to_pylist()
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, rows, strict=True))


def _day(lake: Lake) -> Day:
    return Day(_years(lake), _rows(lake), _aggregates(lake))


def _years(lake: Lake) -> dict[str, str]:
    states = lake.head(KEYS.table).receipt["years"]
    return {year: state["sha256"] for year, state in states.items()}


def _aggregates(lake: Lake) -> dict[str, bytes]:
    return {key: lake.get(key) for key in lake.keys(f"{KEYS.folder}aggregates/")}


def _versions(lake: Lake) -> int:
    return sum(key.endswith(".json") for key in lake.keys(LOG))


def _year_files_are_the_heads(lake: Lake) -> None:
    files = {key: lake.get(key) for key in lake.keys(KEYS.folder, recursive=False)}
    states = lake.head(KEYS.table).receipt["years"].items()
    assert files == {
        KEYS.year(int(year)): lake.get(f"{KEYS.table}/{state['path']}") for year, state in states
    }
    read = [pq.read_table(io.BytesIO(body)) for body in files.values()]
    assert sum(table.num_rows for table in read) == len(_rows(lake))


def _is(lake: Lake, day: Day, versions: int) -> None:
    """Table, year files and aggregations are what an undisturbed run of that day leaves."""
    assert _day(lake) == day
    assert _versions(lake) == versions
    _year_files_are_the_heads(lake)


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[str, Control]]:
    app = create_app(rows=ROWS, seed=7)
    with serving(app) as url:
        yield url, app.state.control


@pytest.fixture(scope="module")
def source(api: tuple[str, Control]) -> RecallsApi:
    return RecallsApi(api[0])


@pytest.fixture(scope="module")
def history(api: tuple[str, Control], source: RecallsApi, s3_url: str, s3: BaseClient) -> History:
    """Two days that nothing disturbed, in a bucket of their own."""
    bucket = f"history-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    with faulty_s3(s3_url) as proxy:
        lake, control = _open(proxy.url, bucket), api[1]
        control.reset()
        run(source, lake)
        day_1 = _day(lake)
        keys = [key for key in lake.keys("") if "/raw/" not in key and "/staging/" not in key]
        after_day_1 = {key: (lake.get(key), lake.made_from(key) or {}) for key in keys}
        control.day = 2
        proxy.clear()
        run(source, lake)
        calls = proxy.changes
        return History(day_1, _day(lake), after_day_1, calls)


@pytest.fixture
def control(api: tuple[str, Control]) -> Iterator[Control]:
    """The dials of the source."""
    api[1].reset()
    yield api[1]
    api[1].reset()


def _fill(lake: Lake, history: History) -> Lake:
    lake.at_once(lambda item: lake.project(item[0], *item[1]), history.after_day_1.items())
    return lake


@pytest.fixture
def yesterday(lake: Lake, history: History, control: Control) -> Lake:
    """The lake after the first day; the source stands at the second."""
    control.day = 2
    return _fill(lake, history)


@pytest.fixture
def another(lake: Lake) -> Callable[[], Lake]:
    """Makes empty lakes in buckets of their own."""
    numbers = count()

    def make() -> Lake:
        other = Lake(lake.s3, f"{lake.bucket}-{next(numbers)}", lake.storage_options)
        lake.s3.create_bucket(Bucket=other.bucket)
        return other

    return make


@pytest.fixture
def proxy(s3_url: str) -> Iterator[FaultyS3]:
    with faulty_s3(s3_url) as proxy:
        yield proxy


@pytest.fixture
def shaky(proxy: FaultyS3, yesterday: Lake) -> Lake:
    """The same bucket as `yesterday`, behind the proxy."""
    return _open(proxy.url, yesterday.bucket)


def _kind(call: Call) -> str:
    """PUT raw, PUT table, PUT _delta_log, COPY 2019.parquet: what a call does, without names."""
    rest = call.path.split(KEYS.folder, 1)[1]
    place = "_delta_log" if "_delta_log" in rest else rest.split("/")[0]
    return f"{call.method} {place if '/' in rest else 'year'}"


def _chosen(calls: list[Call]) -> list[int]:
    """The first and the last of the calls of each kind that follow one another."""
    chosen: set[int] = set()
    for _, group in groupby(enumerate(calls, 1), lambda item: _kind(item[1])):
        numbers = [number for number, _ in group]
        chosen |= {numbers[0], numbers[-1]}
    return sorted(chosen)


def test_a_run_that_dies_at_any_call_leaves_one_day_or_the_other(
    source: RecallsApi,
    proxy: FaultyS3,
    history: History,
    control: Control,
    another: Callable[[], Lake],
) -> None:
    """From the nth change on S3 hears nothing more of the run: readers see a whole day.

    The year files of what was committed can be made at once, and the next clean run ends in the
    same bytes as a run that nothing disturbed. All kinds of calls are tried; of many alike in a
    row (candidates, year files, aggregations) the first and the last.
    """
    control.day = 2
    calls = history.second_run
    assert {_kind(calls[nth - 1]) for nth in _chosen(calls)} == {
        *("PUT raw", "PUT staging", "PUT table", "PUT _delta_log", "COPY year", "DELETE year"),
        *("PUT aggregates", "PUT reports"),
    }
    for nth in _chosen(calls):
        lake = _fill(another(), history)
        proxy.clear()
        proxy.refuse_from(nth)
        with pytest.raises(LakeError) as error:
            run(source, _open(proxy.url, lake.bucket))
        one_clear_line(error.value, "could not ", f"s3://{lake.bucket}/")
        committed = any("_delta_log" in call.path for call in calls[: nth - 1])
        seen = history.day_2 if committed else history.day_1
        assert (_years(lake), _rows(lake)) == (seen.years, seen.rows), calls[nth - 1]
        project_years(lake)
        _year_files_are_the_heads(lake)
        run(source, lake)
        _is(lake, history.day_2, versions=3)


@pytest.mark.parametrize(
    ("match", "committed"),
    [
        (f"PUT {LOG}00000000000000000000.json", False),
        (f"PUT {LOG}00000000000000000001.json", False),
        ("COPY", True),
    ],
)
def test_a_first_run_that_dies_leaves_nothing_or_a_day(
    source: RecallsApi,
    proxy: FaultyS3,
    history: History,
    control: Control,
    lake: Lake,
    match: str,
    committed: bool,
) -> None:
    """Around the creation of the table and the first commit: nothing to see, or all of day 1."""
    control.day = 1
    proxy.refuse_from(1, match.replace(" ", f" /{lake.bucket}/"))
    with pytest.raises(LakeError):
        run(source, _open(proxy.url, lake.bucket))
    assert bool(lake.head(KEYS.table).receipt) == committed
    run(source, lake)
    _is(lake, history.day_1, versions=2)


RUN = """
import sys
from include.lake import Lake
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
api, s3, bucket = sys.argv[1:]
keys = {"region": "us-east-1", "access_key": "test", "secret_key": "test"}
run(RecallsApi(api), Lake.connect(bucket, endpoint_url=s3, **keys))
"""


@pytest.mark.parametrize(
    ("match", "done", "committed"),
    [
        (f"PUT {KEYS.raw_folder}", True, False),
        (f"PUT {KEYS.table}/2", True, False),
        (f"PUT {DAY_2_LOG}", False, False),
        (f"PUT {DAY_2_LOG}", True, True),
        ("COPY", True, True),
    ],
)
def test_a_process_that_is_killed_leaves_one_day_or_the_other(
    source: RecallsApi,
    api: tuple[str, Control],
    proxy: FaultyS3,
    history: History,
    yesterday: Lake,
    match: str,
    done: bool,
    committed: bool,
) -> None:
    """SIGKILL in landing, among the candidates, around the commit and among the projections.

    The process dies while the call is on its way: before S3 does it, or done and not heard of.
    """
    match = match.replace(" ", f" /{yesterday.bucket}/")
    started = threading.Event()

    def kill() -> None:
        started.wait(60)
        process.kill()
        process.wait()

    if done:
        proxy.after(kill, match)
    else:
        proxy.before(kill, match)
        proxy.fail(match, status=None)
    command = [sys.executable, "-c", RUN, api[0], proxy.url, yesterday.bucket]
    with subprocess.Popen(command, cwd=ROOT) as process:
        started.set()
        assert process.wait(60) == -signal.SIGKILL
    seen = history.day_2 if committed else history.day_1
    assert (_years(yesterday), _rows(yesterday)) == (seen.years, seen.rows)
    run(source, yesterday)
    _is(yesterday, history.day_2, versions=3)


Publisher = Callable[[Lake], Published]


def _read(source: RecallsApi, lake: Lake, years: Sequence[int] = ()) -> Publisher:
    """A read up to the doorstep of publish; what is left is to publish it."""
    parts = take_census(source, lake, years, "test")
    written = [write_parquet(lake, partition(lake, land(source, lake, part))) for part in parts]
    return lambda mine: publish(mine, parts, written, dry_run=False)


def _race(s3_url: str, lake: Lake, *publishers: Publisher) -> list[int]:
    """Publishers with clients of their own, let loose together; the versions they committed."""
    together = threading.Barrier(len(publishers))

    def go(publisher: Publisher) -> int | None:
        mine = _open(s3_url, lake.bucket)
        together.wait()
        return publisher(mine)["version"]

    with ThreadPoolExecutor(len(publishers)) as pool:
        told = list(pool.map(go, publishers))
    return sorted(version for version in told if version is not None)


def test_publishers_of_the_same_day_commit_it_once(
    source: RecallsApi, s3_url: str, yesterday: Lake, history: History
) -> None:
    """Three full reads of one day race: one commits, the others find nothing left to do."""
    readers = [_read(source, yesterday) for _ in range(3)]
    assert _race(s3_url, yesterday, *readers) == [2]
    run(source, yesterday)
    _is(yesterday, history.day_2, versions=3)


def test_first_publishers_make_one_table(
    source: RecallsApi, s3_url: str, lake: Lake, history: History, control: Control
) -> None:
    """Three first reads race into an empty bucket: one table, one commit, nothing doubled."""
    control.day = 1
    assert len(_race(s3_url, lake, *(_read(source, lake) for _ in range(3)))) == 1
    run(source, lake)
    _is(lake, history.day_1, versions=2)


def test_publishers_of_different_years_all_get_in(
    source: RecallsApi, s3_url: str, yesterday: Lake, history: History
) -> None:
    """Reads of one year each and of everything race: as many versions as commits, no key twice."""
    edited = [
        y for y in history.day_1.years if history.day_2.years.get(y) != history.day_1.years[y]
    ]
    readers = [_read(source, yesterday, [int(year)]) for year in edited[-3:]]
    commits = _race(s3_url, yesterday, *readers, _read(source, yesterday))
    assert commits == list(range(2, 2 + len(commits)))
    assert _versions(yesterday) == 2 + len(commits)
    run(source, yesterday)
    assert _rows(yesterday) == history.day_2.rows
    _year_files_are_the_heads(yesterday)


@pytest.mark.parametrize("first", ["older", "newer"])
def test_an_older_read_loses_to_a_newer_one_whoever_is_first(
    source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    control: Control,
    another: Callable[[], Lake],
    first: str,
) -> None:
    """Reads of day 2 and of day 3 from day 1 on: one commits while the other is about to.

    What the older one could undo the next run redoes; after a newer one it undoes nothing.
    """
    older = _read(source, yesterday)
    control.day = 3
    newer = _read(source, yesterday)
    ahead, behind = (older, newer) if first == "older" else (newer, older)
    proxy.before(lambda: ahead(yesterday), f"PUT /{yesterday.bucket}/{DAY_2_LOG}")
    behind(shaky)
    alone = another()
    run(source, alone)
    if first == "newer":
        assert _facts(yesterday) == _facts(alone)
    run(source, yesterday)
    assert _facts(yesterday) == _facts(alone)


def _facts(lake: Lake) -> dict[str, tuple[Any, ...]]:
    """The rows without what the source renews daily: the three columns in front."""
    return {key: row[3:] for key, row in _rows(lake).items()}


def test_a_lost_answer_with_another_commit_in_between_is_still_a_win(
    source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, control: Control
) -> None:
    """The commit is done, its answer is lost, another builds on it: each is there once."""
    log_entry = f"PUT /{yesterday.bucket}/{DAY_2_LOG}"
    mine = _read(source, yesterday)
    control.day = 3
    told: list[Published] = []
    proxy.after(lambda: told.append(_read(source, yesterday)(yesterday)), log_entry)
    proxy.drop_reply(log_entry)
    assert mine(shaky)["version"] == 2
    assert [one["version"] for one in told] == [3]
    assert _versions(yesterday) == 4
    before = _rows(yesterday)
    assert run(source, yesterday)["version"] is None
    assert _rows(yesterday) == before
    _year_files_are_the_heads(yesterday)


def test_an_answer_that_is_lost_every_time_is_found_in_the_log(
    source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, history: History
) -> None:
    """When the network gives no answer at all to the put, the log says that it was done."""
    proxy.drop_reply(f"PUT /{yesterday.bucket}/{DAY_2_LOG}", times=99)
    run(source, shaky)
    _is(yesterday, history.day_2, versions=3)


def test_a_full_disk_is_told_and_waited_out(
    source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, history: History
) -> None:
    """A refused write is one line that names the object; with room again a run goes through."""
    for place in ("raw/", "staging/", "table/2", "aggregates/", "reports/"):
        where = f"{yesterday.bucket}/{KEYS.folder}{place}"
        proxy.fail(f"PUT /{where}", status=507)
        with pytest.raises(LakeError) as error:
            run(source, shaky)
        one_clear_line(error.value, "could not write", f"s3://{where}", "S3 answered", "; ")
        proxy.clear()
    run(source, shaky)
    _is(yesterday, history.day_2, versions=3)


def test_a_store_that_fails_in_staging_is_told_and_waited_out(
    source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake, history: History
) -> None:
    """A store that keeps answering 500 is tried a few times, then named; a moment is bridged."""
    where = f"{yesterday.bucket}/{KEYS.staging_folder}"
    proxy.fail(f"PUT /{where}", status=500)
    with pytest.raises(LakeError) as error:
        run(source, shaky)
    one_clear_line(error.value, "could not write", f"s3://{where}", "InternalError", "run again")
    proxy.clear()
    proxy.fail(f"PUT /{where}", status=500, times=1)
    run(source, shaky)
    _is(yesterday, history.day_2, versions=3)


def test_a_bucket_that_vanishes_is_named(
    source: RecallsApi, proxy: FaultyS3, shaky: Lake, yesterday: Lake
) -> None:
    """A bucket that somebody deletes under a run is told as such."""

    def vanish() -> None:
        yesterday.at_once(yesterday.delete, list(yesterday.keys("")))
        yesterday.s3.delete_bucket(Bucket=yesterday.bucket)

    proxy.before(vanish, "/staging/")
    with pytest.raises(LakeError) as error:
        run(source, shaky)
    one_clear_line(error.value, f"s3://{yesterday.bucket}/", "NoSuchBucket", "create the bucket")

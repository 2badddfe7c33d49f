"""The ledger's writer on a bad day: killed, cut off, raced; each version is told exactly once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest
from botocore.client import BaseClient

from include.first.lake import Lake, LakeError
from include.vehicle_recalls.ledger import bring_to_head, ledger_state
from tests.faulty_s3 import Call, FaultyS3
from tests.vehicle_recalls.evidence import KEYS, Row, a_row, listing, new_lake, one_clear_line
from tests.vehicle_recalls.ledger_evidence import (
    LOG,
    a_day,
    commits,
    ledger_rows,
    remove,
    restore,
    row_in,
    snapshot,
)

ROOT = Path(__file__).parents[2]
VERSIONS = [1, 2, 3]
Objects = dict[str, bytes]
Fault = Callable[[FaultyS3, int], None]


@pytest.fixture(scope="module")
def behind(s3: BaseClient, s3_url: str) -> Objects:
    """A table of three versions whose ledger does not exist yet."""
    lake = new_lake(s3, s3_url)
    a_day(lake, 1, a_row(1), row_in(2020, 2))
    a_day(lake, 2, a_row(1, subject=None), a_row(3))
    a_day(lake, 3, a_row(1, subject=""), row_in(2020, 2))
    remove(lake, KEYS.raw_folder)
    return snapshot(lake)


@pytest.fixture(scope="module")
def straight(s3: BaseClient, s3_url: str, behind: Objects) -> Lake:
    """A lake of its own whose ledger was written while nothing went wrong."""
    lake = new_lake(s3, s3_url)
    restore(lake, behind)
    assert bring_to_head(lake) == VERSIONS
    return lake


@pytest.fixture(scope="module")
def undisturbed(straight: Lake) -> list[Row]:
    """The ledger's rows when nothing goes wrong."""
    rows = ledger_rows(straight)
    assert {row["event"] for row in rows} == {"published", "edited", "retracted", "republished"}
    return rows


@pytest.fixture(scope="module")
def told_all(straight: Lake) -> Objects:
    """The ledger's objects when nothing goes wrong."""
    return snapshot(straight, f"{KEYS.ledger}/")


@pytest.fixture
def late(lake: Lake, behind: Objects) -> Lake:
    restore(lake, behind)
    return lake


def _is_told_once(lake: Lake, undisturbed: list[Row]) -> None:
    assert (commits(lake), ledger_state(lake)) == (VERSIONS, (3, 3))
    assert ledger_rows(lake) == undisturbed


def _record_the_baseline(lake: Lake) -> None:
    """The ledger as it was when the table had its baseline only."""
    later = {key: lake.get(key) for key in lake.keys(f"{KEYS.table}/_delta_log/")}
    later = {key: body for key, body in later.items() if int(key[-25:-5]) > 1}
    for key in later:
        lake.delete(key)
    assert bring_to_head(lake) == [1]
    restore(lake, later)


def _entry(lake: Lake, number: int) -> str:
    return f"PUT /{lake.bucket}/{LOG}{number:020}.json"


def any_call(_: Call) -> bool:
    return True


def dies(proxy: FaultyS3, nth: int) -> None:
    proxy.refuse_from(nth, any_call)


def is_refused_once(proxy: FaultyS3, nth: int) -> None:
    proxy.fail(any_call, nth=nth, times=1, status=403)


def loses_its_answer(proxy: FaultyS3, nth: int) -> None:
    proxy.drop_reply(any_call, nth=nth)


def _chosen(calls: list[Call]) -> list[int]:
    """Every call that changes something, and of reads of one folder in a row first and last."""
    folders = ("staging", "ledger", "table")
    chosen = set()
    for _, group in groupby(
        enumerate(calls, 1),
        lambda at: (at[1].method, next(name for name in folders if name in str(at[1]))),
    ):
        numbers = [number for number, _ in group]
        chosen |= {numbers[0], numbers[-1]}
    return sorted(chosen)


@pytest.mark.parametrize("fault", [dies, is_refused_once, loses_its_answer])
def test_a_writer_that_fails_at_any_call_neither_doubles_nor_skips(
    proxy: FaultyS3,
    shaky: Lake,
    late: Lake,
    told_all: Objects,
    undisturbed: list[Row],
    fault: Fault,
) -> None:
    """Before, at and after the commit, reads too: what is there is right, and a run ends it."""
    third = [key for key in told_all if f"{3:020}" in key]  # its file, and its entry of the log
    before = {key: body for key, body in told_all.items() if key not in third}
    restore(late, before)
    assert bring_to_head(shaky) == [3]
    calls = list(proxy.calls)
    outcomes = set()
    for nth in _chosen(calls):
        late.at_once(late.delete, third)
        proxy.clear()
        fault(proxy, nth)
        outcomes.add(_try(shaky))
        proxy.clear()
        told = commits(late)
        assert told in ([1, 2], VERSIONS), calls[nth - 1]
        assert ledger_rows(late) == [row for row in undisturbed if row["version"] in told]
        bring_to_head(late)
        _is_told_once(late, undisturbed)
    possible = {dies: {"failed"}, is_refused_once: {"failed", "done"}, loses_its_answer: {"done"}}
    assert outcomes == possible[fault]


def _try(shaky: Lake) -> str:
    try:
        bring_to_head(shaky)
    except LakeError as error:
        one_clear_line(error, f"s3://{shaky.bucket}/")
        return "failed"
    return "done"


def test_a_writer_that_dies_at_any_write_leaves_whole_versions(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """From the creation of the ledger to its last entry: the versions so far, and no other rows."""
    bring_to_head(shaky)
    puts = [call.path.removeprefix(f"/{late.bucket}/") for call in proxy.changes]
    assert len(puts) == 6  # the creation, the baseline, and two files with their commits
    for nth, left in zip(range(1, 7), ([], [], [1], [1], [1, 2], [1, 2]), strict=True):
        remove(late, f"{KEYS.ledger}/")
        proxy.clear()
        proxy.refuse_from(nth)
        assert _try(shaky) == "failed"
        proxy.clear()
        assert commits(late) == left, puts[nth - 1]
        if nth > 1:
            assert ledger_rows(late) == [row for row in undisturbed if row["version"] in left]
    bring_to_head(late)
    _is_told_once(late, undisturbed)


def test_an_answer_that_is_lost_every_time_is_found_in_the_log(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """When the network answers no put of a log entry at all, the log says that it was done."""
    proxy.drop_reply(f"PUT /{late.bucket}/{LOG}", times=99)
    bring_to_head(shaky)
    _is_told_once(late, undisturbed)


@pytest.mark.parametrize("status", [403, 500, None])
def test_a_log_that_cannot_be_written_is_told_after_one_more_look(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row], status: int | None
) -> None:
    """Refused is refused: one line, the file waits under its name, and later it goes in."""
    _record_the_baseline(late)
    before = set(listing(late))
    proxy.fail(_entry(late, 2), status=status)
    with pytest.raises(LakeError) as error:
        bring_to_head(shaky)
    one_clear_line(error.value, f"could not commit to s3://{late.bucket}/{KEYS.ledger}")
    assert commits(late) == [1]
    (orphan,) = set(listing(late)) - before
    assert bring_to_head(late) == [2, 3]
    assert f"{KEYS.ledger}/{min(late.head(KEYS.ledger).files)}" == orphan
    _is_told_once(late, undisturbed)


# Others in between


@pytest.mark.parametrize("lost", [False, True], ids=["in time", "unheard"])
def test_another_writer_of_the_same_version_gets_in_first(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row], lost: bool
) -> None:
    """It tells all there is; the one behind finds nothing left, or hears nothing and finds that."""
    others: list[list[int]] = []
    proxy.before(lambda: others.append(bring_to_head(late)), _entry(late, 2))
    if lost:
        proxy.drop_reply(_entry(late, 2))
    told = bring_to_head(shaky)
    assert (told, others) == ([1], [[2, 3]])
    _is_told_once(late, undisturbed)


def test_a_lost_answer_with_the_next_version_in_between_doubles_nothing(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """The entry is put, its answer is lost, another tells the next version on top of it."""
    others: list[list[int]] = []
    proxy.after(lambda: others.append(bring_to_head(late)), _entry(late, 2))
    proxy.drop_reply(_entry(late, 2))
    bring_to_head(shaky)
    assert others == [[3]]
    _is_told_once(late, undisturbed)


def test_a_commit_that_tells_of_nothing_is_no_reason_to_fail(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """Somebody sets a property of the ledger in between: the version goes in behind it."""

    def set_a_property() -> None:
        handle = late.head(KEYS.ledger).handle
        assert handle is not None
        handle.alter.set_table_properties({"delta.x": "y"}, raise_if_not_exists=False)

    proxy.before(set_a_property, _entry(late, 2))
    assert bring_to_head(shaky) == VERSIONS
    _is_told_once(late, undisturbed)


def test_another_writer_makes_the_ledger_first(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """Created and filled by another while it was about to be: there is one ledger."""
    others: list[list[int]] = []
    proxy.before(lambda: others.append(bring_to_head(late)), _entry(late, 0))
    assert (bring_to_head(shaky), others) == ([], [VERSIONS])
    _is_told_once(late, undisturbed)


def test_a_version_that_comes_while_writing_is_told_too(
    proxy: FaultyS3, shaky: Lake, late: Lake, undisturbed: list[Row]
) -> None:
    """The table moves on under the writer: it ends at the new head, each version once."""
    new = [a_row(1, subject="New"), row_in(2020, 2)]
    proxy.before(lambda: a_day(late, 4, *new), _entry(late, 3))
    assert bring_to_head(shaky) == [1, 2, 3, 4]
    assert commits(late) == [1, 2, 3, 4]
    assert [row for row in ledger_rows(late) if row["version"] < 4] == undisturbed


def test_writers_in_threads_tell_each_version_once(
    s3_url: str, late: Lake, undisturbed: list[Row]
) -> None:
    """Four at once from nothing: every version is told by one of them, none by two."""
    together = threading.Barrier(4)

    def write(_: int) -> list[int]:
        mine = Lake.connect(
            late.bucket, endpoint_url=s3_url, region="us-east-1", access_key="t", secret_key="t"
        )
        together.wait()
        return bring_to_head(mine)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(write, range(4)))
    assert sorted(version for versions in told for version in versions) == VERSIONS
    _is_told_once(late, undisturbed)


WRITE = """
import sys
from include.first.lake import Lake
from include.vehicle_recalls.ledger import bring_to_head
s3, bucket = sys.argv[1:]
keys = {"region": "us-east-1", "access_key": "test", "secret_key": "test"}
bring_to_head(Lake.connect(bucket, endpoint_url=s3, **keys))
"""


def _writer(s3_url: str, bucket: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITE, s3_url, bucket], cwd=ROOT)


def test_writers_in_processes_tell_each_version_once(
    s3_url: str, late: Lake, undisturbed: list[Row]
) -> None:
    """Two real processes: both end well, whoever was first."""
    with _writer(s3_url, late.bucket) as one, _writer(s3_url, late.bucket) as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)
    _is_told_once(late, undisturbed)


@pytest.mark.parametrize(
    ("method", "number", "done", "left"),
    [
        ("HEAD", None, True, [1]),  # the file of version 2 is there, its commit is not begun
        ("PUT", 2, False, [1]),
        ("PUT", 2, True, [1, 2]),
    ],
)
def test_a_writer_that_is_killed_leaves_whole_versions(
    proxy: FaultyS3,
    late: Lake,
    undisturbed: list[Row],
    method: str,
    number: int | None,
    done: bool,
    left: list[int],
) -> None:
    """SIGKILL between the file and its commit, and around the put of the log entry."""
    match = f"HEAD /{late.bucket}/{KEYS.ledger}/" if number is None else _entry(late, number)
    assert match.startswith(method)
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
    with _writer(proxy.url, late.bucket) as process:
        started.set()
        assert process.wait(120) == -signal.SIGKILL
    assert commits(late) == left
    assert any(key.startswith(f"{KEYS.ledger}/{2:020}-") for key in late.keys(f"{KEYS.ledger}/"))
    assert bring_to_head(late) == [version for version in VERSIONS if version not in left]
    _is_told_once(late, undisturbed)

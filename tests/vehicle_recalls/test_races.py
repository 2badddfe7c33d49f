"""Publishers and projectors that meet: one commit wins, and what is slow or older mends itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.control import Control
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.extract import land, take_census
from include.vehicle_recalls.ledger import bring_to_head
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.project import project_aggregates, project_years
from include.vehicle_recalls.publish import Published, publish
from include.vehicle_recalls.report import project_reports
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from include.vehicle_recalls.write import write_parquet
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.days import (
    LEDGER_LOG,
    TABLE_LOG,
    History,
    facts,
    is_sound,
    is_the_day,
    open_lake,
    plain_files,
    rows,
    turn_to,
)
from tests.vehicle_recalls.evidence import KEYS

SECOND = "00000000000000000002.json"
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
        mine = open_lake(s3_url, lake.bucket)
        together.wait()
        return publisher(mine)["version"]

    with ThreadPoolExecutor(len(publishers)) as pool:
        told = list(pool.map(go, publishers))
    return sorted(version for version in told if version is not None)


@pytest.fixture
def a_day_later(
    small_source: RecallsApi, yesterday: Lake, control: Control
) -> Callable[[], Published]:
    """A whole run of the third day, by somebody else."""

    def other() -> Published:
        turn_to(control, 3)
        return run(small_source, yesterday)

    return other


def test_publishers_of_the_same_day_commit_it_once(
    small_source: RecallsApi, s3_url: str, yesterday: Lake, history: History
) -> None:
    """Three full reads of one day race: one commits, the others find nothing left to do."""
    readers = [_read(small_source, yesterday) for _ in range(3)]
    assert _race(s3_url, yesterday, *readers) == [2]
    run(small_source, yesterday)
    is_the_day(yesterday, history[2], versions=2)


def test_first_publishers_make_one_table(
    small_source: RecallsApi, s3_url: str, lake: Lake, history: History, control: Control
) -> None:
    """Three first reads race into an empty bucket: one table, one commit, nothing doubled."""
    turn_to(control, 1)
    assert _race(s3_url, lake, *(_read(small_source, lake) for _ in range(3))) == [1]
    run(small_source, lake)
    is_the_day(lake, history[1], versions=1)


def test_publishers_of_different_years_all_get_in(
    small_source: RecallsApi, s3_url: str, yesterday: Lake, history: History
) -> None:
    """Reads of one year each and of everything race: as many versions as commits, no key twice."""
    changed = [
        int(year)
        for year in yesterday.head(KEYS.table).receipt["years"]
        if history[1].plain[KEYS.year(year)] != history[2].plain.get(KEYS.year(year))
    ]
    readers = [_read(small_source, yesterday, [year]) for year in changed[-3:]]
    commits = _race(s3_url, yesterday, *readers, _read(small_source, yesterday))
    assert commits == list(range(2, 2 + len(commits)))
    assert yesterday.head(KEYS.table).version == 1 + len(commits)
    run(small_source, yesterday)
    assert facts(yesterday) == {key: row[3:] for key, row in history[2].rows.items()}
    is_sound(yesterday)


@pytest.mark.parametrize("first", ["older", "newer"])
def test_an_older_read_loses_to_a_newer_one_whoever_is_first(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    control: Control,
    history: History,
    first: str,
) -> None:
    """Reads of day 2 and of day 3 from day 1 on: one commits while the other is about to.

    What the older one could undo the next run redoes; after a newer one it undoes nothing.
    """
    older = _read(small_source, yesterday)
    turn_to(control, 3)
    newer = _read(small_source, yesterday)
    ahead, behind = (older, newer) if first == "older" else (newer, older)
    proxy.before(lambda: ahead(yesterday), f"PUT /{yesterday.bucket}/{TABLE_LOG}{SECOND}")
    behind(shaky)
    today = {key: row[3:] for key, row in history[3].rows.items()}
    if first == "newer":
        assert facts(yesterday) == today
    run(small_source, yesterday)
    assert facts(yesterday) == today
    is_sound(yesterday)


@pytest.mark.parametrize("log", [TABLE_LOG, LEDGER_LOG])
def test_a_lost_answer_with_another_run_in_between_is_still_a_win(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    history: History,
    a_day_later: Callable[[], Published],
    log: str,
) -> None:
    """The commit is done, its answer is lost, a whole run builds on it: each is there once."""
    entry = f"PUT /{yesterday.bucket}/{log}{SECOND}"
    told: list[Published] = []
    proxy.after(lambda: told.append(a_day_later()), entry)
    proxy.drop_reply(entry)
    assert run(small_source, shaky)["version"] == 2
    assert [one["version"] for one in told] == [3]
    is_the_day(yesterday, history[3], versions=3)


def test_a_ledger_writer_that_comes_second_records_nothing_twice(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    history: History,
    a_day_later: Callable[[], Published],
) -> None:
    """A whole run commits the next version and records both while this one is about to record."""
    proxy.before(a_day_later, f"PUT /{yesterday.bucket}/{LEDGER_LOG}{SECOND}")
    assert run(small_source, shaky)["version"] == 2
    is_the_day(yesterday, history[3], versions=3)


def _key(history: History, *days: int) -> str:
    """A year file that there is on just these days, and on each of them another."""
    found = {key for day in days for key in history[day].plain if KEYS.year_of(key)}
    return next(
        key
        for key in sorted(found)
        if len({history[day].plain[key][0] for day in days if key in history[day].plain})
        == sum(key in history[day].plain for day in (1, 2, 3))
        == len(days)
    )


def _is_stale(lake: Lake, key: str, history: History) -> bool:
    return plain_files(lake).get(key) != history[3].plain[key]


@pytest.mark.parametrize(
    ("kind", "project"),
    [
        ("COPY year", project_years),
        ("DELETE year", project_years),
        ("PUT aggregates", project_aggregates),
    ],
)
def test_what_a_slow_projector_does_before_it_dies_is_mended(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    history: History,
    a_day_later: Callable[[], Published],
    kind: str,
    project: Callable[[Lake], object],
) -> None:
    """A projector of the second day sleeps over the third, overwrites what is newer, and dies.

    It copies an older year file, deletes a year that is back, or writes an older aggregation.
    """
    key = {
        "COPY year": _key(history, 1, 2, 3),
        "DELETE year": _key(history, 1, 3),
        "PUT aggregates": KEYS.aggregate("recalls_per_component_per_year"),
    }[kind]
    _read(small_source, yesterday)(yesterday)
    method, _ = kind.split()
    call = f"{method} /{yesterday.bucket}/{key}"
    proxy.before(a_day_later, call)
    proxy.after(lambda: proxy.refuse_from(1), call)
    with pytest.raises(LakeError):
        project(shaky)
    assert rows(yesterday) == history[3].rows
    assert _is_stale(yesterday, key, history)
    run(small_source, yesterday)
    is_the_day(yesterday, history[3], versions=3)


def test_a_slow_projector_that_lives_mends_what_it_did(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    history: History,
    a_day_later: Callable[[], Published],
) -> None:
    """It looks at the head again after its work, and sees that it has moved."""
    _read(small_source, yesterday)(yesterday)
    proxy.before(a_day_later, "COPY")
    project_years(shaky)
    proxy.before(a_day_later, f"PUT /{yesterday.bucket}/{KEYS.aggregates_folder}")
    project_aggregates(shaky)
    is_the_day(yesterday, history[3], versions=3)


def test_a_report_that_knows_less_is_mended(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    control: Control,
    history: History,
    a_day_later: Callable[[], Published],
) -> None:
    """Who writes reports before the ledger has the news may overwrite the one that has it."""
    run(small_source, yesterday)
    turn_to(control, 3)
    _read(small_source, yesterday)(yesterday)
    key = KEYS.report(3)
    proxy.before(a_day_later, f"PUT /{yesterday.bucket}/{key}")
    proxy.after(lambda: proxy.refuse_from(1), f"PUT /{yesterday.bucket}/{key}")
    with pytest.raises(LakeError):
        project_reports(shaky)
    assert _is_stale(yesterday, key, history)
    run(small_source, yesterday)
    is_the_day(yesterday, history[3], versions=3)


def test_a_slow_report_that_knows_less_mends_itself(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    control: Control,
    history: History,
    a_day_later: Callable[[], Published],
) -> None:
    """Who lives looks again, and writes the report that has the news."""
    run(small_source, yesterday)
    turn_to(control, 3)
    _read(small_source, yesterday)(yesterday)
    proxy.before(a_day_later, f"PUT /{yesterday.bucket}/{KEYS.report(3)}")
    project_reports(shaky)
    is_the_day(yesterday, history[3], versions=3)


def test_a_report_shows_no_aggregations_of_another_version(
    small_source: RecallsApi, yesterday: Lake, control: Control, history: History
) -> None:
    """Who aggregated before the newest commit may write its report: it is mended once they fit."""
    run(small_source, yesterday)
    turn_to(control, 3)
    _read(small_source, yesterday)(yesterday)
    bring_to_head(yesterday)
    project_reports(yesterday)
    stale = f"which sum to {len(history[2].rows)} recalls"
    assert stale not in yesterday.get(KEYS.report(3)).decode()
    run(small_source, yesterday)
    is_the_day(yesterday, history[3], versions=3)


def test_reports_that_nobody_wrote_are_all_written(
    small_source: RecallsApi,
    proxy: FaultyS3,
    shaky: Lake,
    yesterday: Lake,
    control: Control,
    history: History,
) -> None:
    """One run dies after its commit, the next between the two reports: the third mends."""
    _read(small_source, yesterday)(yesterday)
    turn_to(control, 3)
    proxy.refuse_from(2, f"PUT /{yesterday.bucket}/{KEYS.reports_folder}")
    with pytest.raises(LakeError):
        run(small_source, shaky)
    run(small_source, yesterday)
    is_the_day(yesterday, history[3], versions=3)

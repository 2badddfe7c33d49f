"""`prune`: what nobody can ask for any more goes, and nothing else."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.client import BaseClient

import include.first.lake
from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.vehicle_recalls.commands import prune
from include.vehicle_recalls.commands.as_of import known_at
from include.vehicle_recalls.commands.asking import moment
from include.vehicle_recalls.commands.verify import verify
from include.vehicle_recalls.commands.versions import versions_of
from include.vehicle_recalls.ledger import bring_to_head, ledger_state
from include.vehicle_recalls.state import year_states
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.evidence import KEYS, listing, new_lake, one_clear_line
from tests.vehicle_recalls.three_days import copy, finish, forged, in_year, publish_day

OTHERS = [in_year(2018, 1)]


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def _commit(
    lake: Lake,
    days: float,
    subject: str,
    *,
    committed_days_ago: float | None = None,
    finished: bool = True,
) -> None:
    """A version of so many days ago: its read, its commit, and its raw pages."""
    committed = time.time() - 86_400 * (days if committed_days_ago is None else committed_days_ago)
    rows = [*OTHERS, in_year(2019, 2, subject=subject), in_year(2019, 3, nhtsa_id=None)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(include.first.lake, "time", SimpleNamespace(time=lambda: committed))
        assert publish_day(lake, f"{_ago(days):%Y-%m-%dT%H:%M:%SZ}", rows, begun=_ago(days))
        if finished:
            finish(lake)


@pytest.fixture(scope="module")
def _old(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    for number, days in enumerate([800, 700, 600, 500, 401.5, 300], 1):
        _commit(lake, days, f"Edit {number}")
    return lake


@pytest.fixture
def old(_old: Lake, lake: Lake) -> Lake:
    """Six versions: the baseline, three that are old, one at the window's edge, and the head."""
    return copy(_old, lake)


def _prune(lake: Lake, days: int = 400, *, dry_run: bool = False) -> list[str]:
    said: list[str] = []
    asked = argparse.Namespace(keep_days=days, dry_run=dry_run)
    assert prune.command(lake, asked, said.append) == 0
    return said


def _whole(lake: Lake) -> list[int]:
    """Versions of which every file is there."""
    there = set(lake.keys(f"{KEYS.table}/"))
    return [
        version.number
        for version in versions_of(lake, lake.head(KEYS.table))
        if all(
            f"{KEYS.table}/{state.path}" in there for state in year_states(version.receipt).values()
        )
    ]


def _reads(lake: Lake, folder: str) -> list[int]:
    """The versions whose read still has something in this folder."""
    tokens = {KEYS.token_of(key) for key in lake.keys(folder)}
    versions = versions_of(lake, lake.head(KEYS.table))
    return [version.number for version in versions if version.receipt["token"] in tokens]


def test_what_is_out_of_use_for_long_goes(old: Lake) -> None:
    """Kept are the baseline, what was current in the window, and what the head was made from."""
    assert _whole(old) == [1, 2, 3, 4, 5, 6]
    reports = list(old.keys(KEYS.reports_folder))
    ledger = set(old.keys(f"{KEYS.ledger}/"))
    said = _prune(old)
    assert _whole(old) == [1, 5, 6]
    assert _reads(old, KEYS.raw_folder) == [6]
    assert _reads(old, KEYS.quarantine_folder) == [6]
    assert list(old.keys(KEYS.reports_folder)) == reports
    assert set(old.keys(f"{KEYS.ledger}/")) == ledger
    kinds = [line.split()[:2] for line in said[:-1]]
    assert kinds == [["table", "3"], ["raw", "10"], ["quarantine", "5"]]
    assert said[-1].startswith("freed ")


def test_what_stays_is_sound(old: Lake) -> None:
    """After it everything that is published holds, and pruned raw is told apart."""
    _prune(old)
    said: list[str] = []
    assert not verify(old, said.append), said
    assert any("2018: raw is pruned: cannot be derived again" in line for line in said)
    assert any("1 of 2 years, of 2 versions" in line for line in said)
    assert said[-1].startswith("sound: ")


def test_a_dry_run_says_the_same_and_frees_nothing(old: Lake) -> None:
    """Files and bytes of each kind are those that then go."""
    before = listing(old)
    sizes = {key: old.size(key) for key in before}
    would = _prune(old, dry_run=True)
    assert listing(old) == before
    did = _prune(old)
    assert would[:-1] == did[:-1]
    assert would[-1].replace("would free", "freed") == did[-1]
    gone = sum(sizes[key] for key in set(before) - set(listing(old)))
    assert did[-1].startswith(f"freed {gone:,} bytes in 18 files")


def test_a_second_prune_has_nothing_to_do(old: Lake) -> None:
    """It says so, and leaves no trace in the log either."""
    _prune(old)
    before = listing(old)
    assert _prune(old)[-1] == "nothing is old enough to go"
    assert listing(old) == before


def test_more_days_keep_more(old: Lake) -> None:
    """The window can be longer than what the table promises."""
    _prune(old, 650)
    assert _whole(old) == [1, 2, 3, 4, 5, 6]
    _prune(old, 550)
    assert _whole(old) == [1, 3, 4, 5, 6]


def test_the_day_of_grace_is_kept_on_top(lake: Lake) -> None:
    """What went out of use 400 and a half days ago is still there; a day later it is not."""
    for days in (900, 800, 400.5, 300, 200):
        _commit(lake, days, f"Edit {days}")
    _prune(lake)
    assert _whole(lake) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("days", [0, -1, 399, 10**9])
def test_less_than_the_table_promises_is_refused(old: Lake, days: int) -> None:
    """The sentence says why, and nothing goes."""
    before = listing(old)
    with pytest.raises(PermanentError) as error:
        _prune(old, days)
    one_clear_line(error.value, f"{days} days are")
    if days < 400:
        one_clear_line(error.value, "promises its readers", "keep 400 or more")
    assert listing(old) == before


def test_a_version_observed_in_the_window_is_kept_whatever_the_commit_says(lake: Lake) -> None:
    """Two clocks disagree: what `as-of` can be asked for stays, though Delta would let it go."""
    for number, days in enumerate([390, 380, 370, 360], 1):
        _commit(lake, days, f"Edit {number}", committed_days_ago=500)
    _prune(lake)
    assert _whole(lake) == [1, 2, 3, 4]


def test_a_version_committed_in_the_window_is_kept_whatever_its_read_says(lake: Lake) -> None:
    """The other way round: Delta holds its promise in the time of the commits."""
    for number, days in enumerate([800, 700, 600, 500], 1):
        _commit(lake, days, f"Edit {number}", committed_days_ago=100)
    _prune(lake)
    assert _whole(lake) == [1, 2, 3, 4]


def test_what_as_of_may_be_asked_for_can_be_had(old: Lake) -> None:
    """Every day of the window has a version, and that version is whole."""
    _prune(old)
    versions = versions_of(old, old.head(KEYS.table))
    asked = {known_at(versions, moment(f"{_ago(days):%Y-%m-%d}")).number for days in range(400)}
    assert asked == {5, 6}
    assert asked <= set(_whole(old))


def test_the_ledger_is_brought_to_the_head_first(lake: Lake) -> None:
    """Versions that it lacks are recorded while their files are there; a dry run says so."""
    for days in (800, 700, 600, 500):
        _commit(lake, days, f"Edit {days}", finished=False)
    assert "behind the table" in _prune(lake, dry_run=True)[0]
    assert ledger_state(lake) == (None, 4)
    assert _prune(lake)[0] == "ledger: recorded 4 versions first, up to 4"
    assert ledger_state(lake) == (4, 4)
    assert _whole(lake) == [1, 3, 4]


def test_without_a_whole_ledger_nothing_goes(old: Lake) -> None:
    """A version that can no longer be told stops it: what is left may be what tells."""
    _commit(old, 100, "Edit 7")
    for key in list(old.keys(f"{KEYS.ledger}/_delta_log/")):
        old.delete(key)
    old.delete(f"{KEYS.table}/{year_states(old.receipt(KEYS.table, 3))[2019].path}")
    kept = {key for key in old.keys("") if not key.startswith(KEYS.ledger)}
    with pytest.raises(PermanentError, match="cannot tell what version 3 changed"):
        _prune(old)
    assert {key for key in old.keys("") if not key.startswith(KEYS.ledger)} == kept


def test_files_on_their_way_are_left_alone(old: Lake) -> None:
    """A candidate that is not committed yet, and a read that has just landed, stay."""
    fresh = [
        f"{KEYS.table}/{KEYS.candidate(2019, 'fresh', 'abc')}",
        KEYS.raw(f"{_ago(0):%Y%m%dT%H%M%S}-0000aaaa", "all", 0),
        KEYS.raw(f"{_ago(400.5):%Y%m%dT%H%M%S}-0000aaaa", "all", 0),
        f"{KEYS.raw_folder}1999-what-somebody-put-here.txt",
    ]
    stale = [
        KEYS.raw(f"{_ago(402):%Y%m%dT%H%M%S}-0000aaaa", "all", 0),
        KEYS.quarantine(f"{_ago(402):%Y%m%dT%H%M%S}-0000aaaa"),
    ]
    for key in fresh + stale:
        old.put(key, b"x")
    _prune(old)
    assert [key for key in fresh + stale if key in listing(old)] == fresh


def test_the_raw_of_a_replayed_read_stays(lake: Lake) -> None:
    """A head that a replay made came from an older read's pages, which are all there is of it."""
    for days in (800, 500):
        _commit(lake, days, f"Edit {days}")
    head = lake.head(KEYS.table)
    receipt = forged(head.receipt, token="a", replay_of=head.receipt["token"])
    lake.commit(KEYS.table, head, [], [], receipt)
    _prune(lake)
    assert _reads(lake, KEYS.raw_folder) == [2]


@pytest.mark.parametrize("killed_at", range(1, 18, 4))
def test_a_prune_that_was_killed_is_finished_by_the_next(
    old: Lake, proxy: FaultyS3, shaky: Lake, killed_at: int
) -> None:
    """Whatever it had freed: readers see the head throughout, and the second frees the rest."""
    proxy.refuse_from(killed_at)
    with pytest.raises(LakeError):
        _prune(shaky)
    proxy.clear()
    assert not verify(old, lambda _: None)
    _prune(old)
    assert _whole(old) == [1, 5, 6]
    assert _reads(old, KEYS.raw_folder) == [6]
    assert not verify(old, lambda _: None)


def test_a_publisher_that_commits_meanwhile_is_not_hurt(
    old: Lake, proxy: FaultyS3, shaky: Lake
) -> None:
    """The publisher is first at the log entry of the vacuum, which then comes second."""

    def publish() -> None:
        publish_day(old, f"{_ago(0):%Y-%m-%dT%H:%M:%SZ}", [*OTHERS, in_year(2019, 2)])

    log = f"{KEYS.table}/_delta_log/{7:020}.json"
    proxy.before(publish, lambda call: call.method == "PUT" and log in str(call))
    _prune(shaky)
    assert _whole(old) == [1, 5, 6, 7]
    finish(old)
    assert not verify(old, lambda _: None)
    assert bring_to_head(old) == []


def test_without_a_table_there_is_nothing_to_prune(lake: Lake) -> None:
    """One line names the table that is not there."""
    with pytest.raises(PermanentError, match="has no version yet"):
        _prune(lake)

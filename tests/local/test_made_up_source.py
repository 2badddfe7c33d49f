"""The local APIs' day follows the lake's, and never goes back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from fakes.control import Control
from fakes.made_up_plan import LAST
from fakes.recalls_table import FIRST_REFRESH
from include.first.lake import Lake
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from local.environment import connect_lake
from local.lake_day import day_of
from local.made_up_source import MadeUpSource
from local.processes import LocalError, clean_environment, free_port

PUBLISHER = "made-up:1"


@pytest.fixture
def source(tmp_path: Path, recalls_url: str, replica: Control) -> MadeUpSource:
    replica.day = 1
    return MadeUpSource(tmp_path, recalls_url)


def receipt(days: float, publisher: str = PUBLISHER) -> dict[str, object]:
    refreshed = FIRST_REFRESH + timedelta(days=days)
    return {
        "source": {"dataset": "6axg-epim", "publisher": publisher},
        "source_last_modified": f"{refreshed:%Y-%m-%dT%H:%M:%SZ}",
    }


@pytest.mark.parametrize(("days", "day"), [(0, 1), (1, 2), (29, 30), (-1, 1), (-400, 1)])
def test_the_day_of_a_lake(days: int, day: int):
    """Each day has its refresh; what is older than the first counts as the first."""
    assert day_of(receipt(days), PUBLISHER) == day


@pytest.mark.parametrize(
    "found", [{}, receipt(5, "official"), receipt(5, "made-up:2")], ids=["empty", "real", "seed"]
)
def test_another_lake_has_no_day(found: dict[str, object]):
    """A lake without a read, or with another publisher's, leaves the source at its beginning."""
    assert day_of(found, PUBLISHER) == 1


def test_the_day_only_goes_forward(source: MadeUpSource, replica: Control):
    """A target that asks for a day which another has gone past finds the later one."""
    assert source.go_on(3) == 3
    assert source.go_on(2) == 3
    assert replica.day == 3


def test_the_source_goes_on_from_the_lake(
    source: MadeUpSource, replica: Control, recalls_url: str, lake: Lake, s3_url: str
):
    """A source at its first day goes on to the day that the lake read last; an empty lake: one."""
    environment = connect_lake(clean_environment(), bucket=lake.bucket, localstack_url=s3_url)
    assert source.catch_up(environment) == 1

    replica.day = 4
    run(RecallsApi(recalls_url), lake)
    replica.day = 1
    assert source.catch_up(environment) == 4
    assert replica.day == 4


def test_an_unreadable_lake_is_told(source: MadeUpSource, s3_url: str):
    """A lake that is not there ends the target with one line that names it."""
    environment = connect_lake(clean_environment(), bucket="no-such-lake", localstack_url=s3_url)
    with pytest.raises(LocalError, match="no-such-lake") as told:
        source.catch_up(environment)
    assert "\n" not in str(told.value)


def test_the_history_ends(source: MadeUpSource):
    """Past its last day the error says how to begin again."""
    assert source.go_on(LAST) == LAST
    with pytest.raises(LocalError, match=f"no day {LAST + 1}; `make clean`"):
        source.go_on(LAST + 1)


def test_a_source_that_is_gone_is_told(tmp_path: Path):
    """Where nobody listens the error names the address."""
    port = free_port()
    with pytest.raises(LocalError, match=f"127.0.0.1:{port} do not answer"):
        MadeUpSource(tmp_path, f"http://127.0.0.1:{port}").go_on(1)

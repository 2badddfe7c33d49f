"""A lake after the first of three days, for tests of what may happen to the runs that follow."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from botocore.client import BaseClient

from fakes.app import create_app
from fakes.control import Control
from fakes.serve import serving
from include.first.lake import Lake
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from tests.faulty_s3 import faulty_s3
from tests.vehicle_recalls.days import (
    ROWS,
    SEED,
    History,
    fill,
    is_sound,
    objects,
    open_lake,
    seen,
    turn_to,
)


@pytest.fixture(scope="session")
def _small_source() -> Iterator[tuple[str, Control]]:
    app = create_app(rows=ROWS, seed=SEED)
    with serving(app) as url:
        yield url, app.state.control


@pytest.fixture(scope="session")
def small_source_url(_small_source: tuple[str, Control]) -> str:
    return _small_source[0]


@pytest.fixture(scope="session")
def small_source(small_source_url: str) -> RecallsApi:
    return RecallsApi(small_source_url)


@pytest.fixture(scope="session")
def history(
    _small_source: tuple[str, Control], small_source: RecallsApi, s3_url: str, s3: BaseClient
) -> History:
    bucket = f"history-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    days = []
    with faulty_s3(s3_url) as proxy:
        lake, control = open_lake(proxy.url, bucket), _small_source[1]
        for day in (1, 2, 3):
            turn_to(control, day)
            proxy.clear()
            run(small_source, lake)
            calls = proxy.changes
            days.append(seen(lake))
            if day == 1:
                first_lake = objects(lake)
            elif day == 2:
                second_run = calls
        is_sound(lake)
        control.reset()
    return History(days, first_lake, second_run)


@pytest.fixture
def control(_small_source: tuple[str, Control], history: History) -> Iterator[Control]:  # noqa: ARG001  # it turns the dials, too
    """The dials of the small source, at the second day."""
    turn_to(_small_source[1], 2)
    yield _small_source[1]
    _small_source[1].reset()


@pytest.fixture
def yesterday(lake: Lake, history: History, control: Control) -> Lake:  # noqa: ARG001  # the source stands at the second day
    """The lake after the first day; the source stands at the second."""
    return fill(lake, history)


@pytest.fixture
def another(lake: Lake) -> Callable[[], Lake]:
    """Makes empty lakes in buckets of their own."""
    numbers = count()

    def make() -> Lake:
        other = Lake(lake.s3, f"{lake.bucket}-{next(numbers)}", lake.storage_options)
        lake.s3.create_bucket(Bucket=other.bucket)
        return other

    return make

"""A copy that is killed, raced or pointed at the wrong bucket: whole versions, and never a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from botocore.client import BaseClient

from include.first.bucket import LakeError
from include.first.copying import is_written_once
from include.first.keys import Turn
from include.first.lake import Lake
from include.vehicle_recalls.commands.copy_lake import NoCopyOfIt, copy_lake
from include.vehicle_recalls.project import project_years
from tests.faulty_s3 import FaultyS3
from tests.vehicle_recalls.days import (
    TABLE_LOG,
    Day,
    is_the_day,
    ledger_rows,
    open_lake,
    plain_files,
    rows,
    seen,
)
from tests.vehicle_recalls.evidence import KEYS, listing, new_lake, one_clear_line
from tests.vehicle_recalls.three_days import DAY_1, DAY_2, DAY_3, DAYS, finish, publish_day

SECOND = "00000000000000000002.json"
Objects = dict[str, tuple[bytes, dict[str, str]]]


class Past(NamedTuple):
    """What lies in a lake after each of two days, and what readers find there."""

    objects: list[Objects]
    days: list[Day]


def a_day(lake: Lake, day: str) -> None:
    publish_day(lake, day, DAYS[day])
    finish(lake)


@pytest.fixture(scope="module")
def past(s3: BaseClient, s3_url: str) -> Past:
    lake, past = new_lake(s3, s3_url), Past([], [])
    for day in (DAY_1, DAY_2):
        a_day(lake, day)
        keys = [key for key in lake.keys("") if Turn.of(key) != Turn.NEVER]
        found = lake.at_once(lambda key: (lake.get(key), lake.made_from(key) or {}), keys)
        past.objects.append(dict(zip(keys, found, strict=True)))
        past.days.append(seen(lake))
    return past


@pytest.fixture
def copy(past: Past, another: Callable[[], Lake]) -> Lake:
    """A copy that was made after the first day."""
    return fill(another(), past.objects[0])


@pytest.fixture
def today(past: Past, lake: Lake, copy: Lake) -> Lake:
    """The lake after the second day, written later than the copy."""
    assert copy.bucket != lake.bucket
    return fill(lake, past.objects[1])


def fill(lake: Lake, objects: Objects) -> Lake:
    lake.at_once(lambda item: lake.project(item[0], *item[1]), objects.items())
    return lake


def _written_once(lake: Lake) -> int:
    """How many objects need no second look; S3 tells the time of the others to the second."""
    return sum(map(is_written_once, listing(lake)))


def test_only_what_is_new_is_copied(today: Lake, copy: Lake, past: Past) -> None:
    """The second copy takes what the day brought; the third one nothing."""
    new = copy_lake(today, copy)
    assert 0 < new.objects < len(listing(today))
    assert new.heads == {KEYS.table: 2, KEYS.ledger: 2}
    assert copy_lake(today, copy).there >= _written_once(today)
    project_years(copy)  # a year that has no rows any more
    is_the_day(copy, past.days[1], versions=2)


def test_a_copy_that_is_killed_at_any_object_has_whole_versions(
    today: Lake, copy: Lake, proxy: FaultyS3, past: Past
) -> None:
    """One object gets through, then the network is gone; and so on, until all are there.

    Each time readers find one of the two days in the copy, and the ledger is never ahead.
    """
    target, kills = open_lake(proxy.url, copy.bucket), 0
    lacking = listing(today).keys() - listing(copy).keys()
    while True:
        proxy.clear()
        proxy.refuse_from(2)
        try:
            copy_lake(today, target)
        except LakeError as error:
            one_clear_line(error, "could not copy to", f"s3://{copy.bucket}/", "AccessDenied")
        else:
            break
        kills += 1
        committed = f"{TABLE_LOG}{SECOND}" in listing(copy)
        assert rows(copy) == past.days[committed].rows
        assert ledger_rows(copy) in [day.ledger for day in past.days[: committed + 1]]
    assert kills >= len(lacking)
    project_years(copy)
    is_the_day(copy, past.days[1], versions=2)


@pytest.mark.parametrize(
    ("match", "nth"),
    [
        ("list-type=2", 2),
        ("list-type=2", 3),
        (f"COPY /{{}}/{KEYS.table}/2", 1),
    ],
)
def test_a_publisher_beside_a_copy_does_not_tear_it(
    today: Lake, copy: Lake, proxy: FaultyS3, past: Past, match: str, nth: int
) -> None:
    """The next day is published before a request of any kind: the copy has one day or another."""
    proxy.before(lambda: a_day(today, DAY_3), match.format(copy.bucket), nth=nth)
    copy_lake(open_lake(proxy.url, today.bucket), open_lake(proxy.url, copy.bucket))
    days = [*past.days, seen(today)]
    version = copy.head(KEYS.table).version
    assert version in {2, 3}
    assert rows(copy) == days[version - 1].rows
    assert ledger_rows(copy) in [day.ledger for day in days[:version]]
    for key, content in plain_files(copy).items():
        assert content in [day.plain.get(key) for day in days[:version]], key
    copy_lake(today, copy)
    project_years(copy)
    is_the_day(copy, days[2], versions=3)


def _go_another_way(_: Lake, copy: Lake) -> None:
    a_day(copy, DAY_2)  # as the lake has it, under another token


def _go_on_alone(lake: Lake, copy: Lake) -> None:
    copy_lake(lake, copy)
    lake.delete(f"{TABLE_LOG}{SECOND}")


def _damage(lake: Lake, copy: Lake) -> None:
    key = next(key for key in copy.keys(f"{KEYS.table}/2"))
    lake.project(key, b"damaged", {})


def _empty(lake: Lake, _: Lake) -> None:
    lake.at_once(lake.delete, list(lake.keys("")))


def _give_to_a_stranger(_: Lake, copy: Lake) -> None:
    for key in list(copy.keys("")):
        copy.delete(key)
    copy.put("report.docx", b"theirs")
    copy.put(KEYS.year(2019), b"theirs")


def _remove(_: Lake, copy: Lake) -> None:
    copy.at_once(copy.delete, list(copy.keys("")))
    copy.s3.delete_bucket(Bucket=copy.bucket)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_go_another_way, [SECOND, "is another than in", "a new bucket is needed"]),
        (_go_on_alone, [f"{SECOND} is not in s3://", "restore it from there"]),
        (_damage, ["table/2", "is another than in", "`verify` both"]),
        (_empty, ["has nothing committed in it; look at LAKE_BUCKET"]),
        (_give_to_a_stranger, ["report.docx is not in", "Name an empty bucket"]),
        (_remove, ["NoSuchBucket; create the bucket"]),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_what_is_no_earlier_state_is_refused(
    today: Lake, copy: Lake, change: Callable[[Lake, Lake], None], words: list[str]
) -> None:
    """In a line that names the object and says what to do; nothing is copied."""
    change(today, copy)
    before = {} if change is _remove else listing(copy)
    with pytest.raises((NoCopyOfIt, LakeError)) as error:
        copy_lake(today, copy)
    one_clear_line(error.value, *words)
    assert change is _remove or listing(copy) == before


def test_a_lake_is_no_copy_of_itself(today: Lake) -> None:
    """A slip of the bucket's name is told before S3 has to."""
    with pytest.raises(NoCopyOfIt, match="is the lake itself; name another bucket"):
        copy_lake(today, today)


def test_what_is_deleted_in_the_lake_stays_in_the_copy(today: Lake, copy: Lake) -> None:
    """By mistake or by `prune`: the copy is never made smaller."""
    copy_lake(today, copy)
    there = listing(copy).keys()
    files = [key for key in there if Turn.of(key) in {Turn.FILES, Turn.SIGNS}]
    assert files
    today.at_once(today.delete, files)
    copy_lake(today, copy)
    assert listing(copy).keys() == there

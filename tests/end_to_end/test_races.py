"""Processes that publish different reads at once, some killed: the newest read of a year wins."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.days import WAIVE, YEARS, facts_of_rows
from tests.end_to_end.invariants import Facts, holds, table_facts
from tests.end_to_end.racer import CAME_TOO_LATE, Racer
from tests.faulty_s3 import faulty_s3
from tests.recalls_source import RecallsSource, Row, recall_row, recalls_source

DAYS = range(1, 6)
DIRTY_DAYS = (3, 5)  # one row of each year is broken, and keeps the state it had


def rows_of(day: int) -> list[Row]:
    """Each day edits every year, so that a read of it has something to say of each."""
    rows = [recall_row(n, year, potentially_affected=str(day)) for year in YEARS for n in (1, 2, 3)]
    if day in DIRTY_DAYS:
        for row in rows[::3]:
            row["completion_rate"] = "130"
    return rows


@pytest.fixture(scope="module")
def sources() -> Iterator[dict[int, RecallsSource]]:
    """The same source on five days, side by side."""
    with ExitStack() as stack:
        made = {}
        for day in DAYS:
            source = stack.enter_context(recalls_source(rows_of(day)))
            source.refreshed += timedelta(days=day)
            made[day] = source
        yield made


Reads = list[tuple[int, tuple[int, ...]]]  # the day and the years (none: all) of each process


def days_of_years(bucket: Bucket) -> dict[int, set[int]]:
    """Which days the rows of each year are of, without those that a dirty day may keep."""
    found: dict[int, set[int]] = {year: set() for year in YEARS}
    for key, (year, row) in table_facts(bucket).items():
        if not key.endswith("1"):
            found[year].add(row["potentially_affected"])
    return found


def race(
    s3_url: str,
    bucket: Bucket,
    sources: dict[int, RecallsSource],
    reads: Reads,
    killed: dict[int, int],
) -> dict[int, list[int]]:
    """Let all go together; `killed` has the call at which a process dies. The days of each year
    that were read to the end, and 1 for the day that was there before.
    """
    done: dict[int, list[int]] = {year: [1] for year in YEARS}
    with ExitStack() as stack:
        racers = []
        for at, (day, years) in enumerate(reads):
            proxy = stack.enter_context(faulty_s3(s3_url))
            mine = Bucket.open(proxy.url, bucket.name)
            racer = stack.enter_context(Racer(mine, sources[day].url, years))
            racer.wait_until_ready()
            if at in killed:
                proxy.after(racer.kill, nth=killed[at])
            racers.append(racer)
        for racer in racers:
            racer.begin()
        for at, (racer, (day, years)) in enumerate(zip(racers, reads, strict=True)):
            code, complaints = racer.end()
            assert code in {0, CAME_TOO_LATE} or at in killed, complaints
            if code == 0:
                for year in years or YEARS:
                    done[year].append(day)
    return done


def is_as_its_newest_reads_have_it(
    bucket: Bucket, done: dict[int, list[int]], reads: Reads
) -> None:
    """Of a killed read nobody knows whether it committed; what it says it says of a whole year."""
    for year, days in days_of_years(bucket).items():
        assert len(days) == 1, f"{year} mixes reads: {days}"
        tried = {day for day, years in reads if year in (years or YEARS)}
        allowed = {day for day in tried | {1} if day >= max(done[year])}
        assert days <= allowed, f"{year} is of {days}, its newest read of {max(done[year])}"


def newest() -> Facts:
    """The last day; its broken rows keep a state of some day before."""
    return facts_of_rows([row for row in rows_of(5) if "130" not in row.values()])


def raced(
    s3_url: str,
    bucket: Bucket,
    sources: dict[int, RecallsSource],
    reads: Reads,
    killed: dict[int, int],
) -> None:
    house.run(sources[1].url, bucket, waive=WAIVE)
    done = race(s3_url, bucket, sources, reads, killed)
    is_as_its_newest_reads_have_it(bucket, done, reads)
    house.run(sources[5].url, bucket, waive=WAIVE)
    found = table_facts(bucket)
    assert {key: fact for key, fact in found.items() if not key.endswith("1")} == newest()
    assert found.keys() == facts_of_rows(rows_of(1)).keys()
    holds(bucket)


def test_full_and_partial_reads_race_with_one_killed(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource]
) -> None:
    """Three full reads, one of them dirty and one killed, and a partial one between them."""
    reads: Reads = [(2, ()), (3, ()), (4, (2018, 2020)), (5, ())]
    raced(s3_url, bucket, sources, reads, {3: 6})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_reads_race_with_some_killed(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource], seed: int
) -> None:
    chance = random.Random(seed)
    some = [(), (), (2018,), (2019, 2021), (2018, 2019, 2020)]
    reads = [(chance.choice(DAYS[1:]), chance.choice(some)) for _ in range(chance.randint(3, 5))]
    killed = {at: chance.randint(3, 30) for at in range(len(reads)) if chance.random() < 0.4}
    raced(s3_url, bucket, sources, reads, killed)


def test_first_reads_race_into_one_table(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource]
) -> None:
    """Three first reads of one day race into an empty bucket: one table, one version."""
    race(s3_url, bucket, sources, [(2, ())] * 3, {})
    assert len(house.versions(bucket)) == 1
    assert table_facts(bucket) == facts_of_rows(rows_of(2))
    holds(bucket)

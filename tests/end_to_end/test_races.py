"""The newest read of each year wins a race, even if some processes are killed."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.days import WAIVE, YEARS, facts_of_rows
from tests.end_to_end.invariants import Facts, check_bucket, table_facts
from tests.end_to_end.run_process import READ_TOO_LATE, RunProcess
from tests.faulty_s3 import faulty_s3
from tests.recalls_source import RecallsSource, Row, recall_row, recalls_source

DAYS = range(1, 6)
INVALID_DAYS = (3, 5)  # one row of each year is invalid and is carried over


def rows_of(day: int) -> list[Row]:
    """The rows of a day; each day edits every year."""
    rows = [recall_row(n, year, potentially_affected=str(day)) for year in YEARS for n in (1, 2, 3)]
    if day in INVALID_DAYS:
        for row in rows[::3]:
            row["completion_rate"] = "130"
    return rows


@pytest.fixture(scope="module")
def sources() -> Iterator[dict[int, RecallsSource]]:
    """A source for each day, all at the same time."""
    with ExitStack() as stack:
        by_day = {}
        for day in DAYS:
            source = stack.enter_context(recalls_source(rows_of(day)))
            source.refreshed += timedelta(days=day)
            by_day[day] = source
        yield by_day


Reads = list[tuple[int, tuple[int, ...]]]  # the day and the years (none: all) of each process


def days_by_year(bucket: Bucket) -> dict[int, set[int]]:
    """The days of the rows in each year, without rows that may be carried over."""
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
    """Run the reads in parallel, some killed at a call; return each year's finished days."""
    done: dict[int, list[int]] = {year: [1] for year in YEARS}  # day 1 was published before
    with ExitStack() as stack:
        processes = []
        for at, (day, years) in enumerate(reads):
            proxy = stack.enter_context(faulty_s3(s3_url))
            mine = Bucket.open(proxy.url, bucket.name)
            process = stack.enter_context(RunProcess(mine, sources[day].url, years))
            process.wait_until_ready()
            if at in killed:
                proxy.after(process.kill, nth=killed[at])
            processes.append(process)
        for process in processes:
            process.start_run()
        for at, (process, (day, years)) in enumerate(zip(processes, reads, strict=True)):
            code, errors = process.end()
            assert code in {0, READ_TOO_LATE} or at in killed, errors
            if code == 0:
                for year in years or YEARS:
                    done[year].append(day)
    return done


def check_newest_reads_won(bucket: Bucket, done: dict[int, list[int]], reads: Reads) -> None:
    """Check that each year is of one read, not older than its newest finished read."""
    for year, days in days_by_year(bucket).items():
        assert len(days) == 1, f"{year} mixes reads: {days}"
        tried = {day for day, years in reads if year in (years or YEARS)}
        allowed = {day for day in tried | {1} if day >= max(done[year])}
        assert days <= allowed, f"{year} is of {days}, not of {max(done[year])} or later"


def last_day() -> Facts:
    """The facts of the valid rows of the last day."""
    return facts_of_rows([row for row in rows_of(5) if "130" not in row.values()])


def check_race(
    s3_url: str,
    bucket: Bucket,
    sources: dict[int, RecallsSource],
    reads: Reads,
    killed: dict[int, int],
) -> None:
    product.run(sources[1].url, bucket, waive=WAIVE)
    done = race(s3_url, bucket, sources, reads, killed)
    check_newest_reads_won(bucket, done, reads)
    product.run(sources[5].url, bucket, waive=WAIVE)
    found = table_facts(bucket)
    assert {key: fact for key, fact in found.items() if not key.endswith("1")} == last_day()
    assert found.keys() == facts_of_rows(rows_of(1)).keys()
    check_bucket(bucket)


def test_racing_reads_with_one_killed_publish_the_newest(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource]
) -> None:
    """Three full reads, one with invalid rows and one killed, and a partial read."""
    reads: Reads = [(2, ()), (3, ()), (4, (2018, 2020)), (5, ())]
    check_race(s3_url, bucket, sources, reads, {3: 6})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_racing_reads_publish_the_newest(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource], seed: int
) -> None:
    rng = random.Random(seed)
    choices = [(), (), (2018,), (2019, 2021), (2018, 2019, 2020)]
    reads = [(rng.choice(DAYS[1:]), rng.choice(choices)) for _ in range(rng.randint(3, 5))]
    killed = {at: rng.randint(3, 30) for at in range(len(reads)) if rng.random() < 0.4}
    check_race(s3_url, bucket, sources, reads, killed)


def test_racing_first_reads_commit_one_version(
    s3_url: str, bucket: Bucket, sources: dict[int, RecallsSource]
) -> None:
    race(s3_url, bucket, sources, [(2, ())] * 3, {})
    assert len(product.versions(bucket)) == 1
    assert table_facts(bucket) == facts_of_rows(rows_of(2))
    check_bucket(bucket)

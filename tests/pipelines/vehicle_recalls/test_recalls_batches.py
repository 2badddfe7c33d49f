"""The batches of years in a read, and the year of a backfill."""

from itertools import pairwise

import pytest

from include.errors import PermanentError
from include.vehicle_recalls.batches import condition, plan_all, plan_some, single_year, years_text

ROWS = {1966: 10, 1967: 10, 2019: 30, 2020: 5}


def test_full_plan_leaves_no_gap_between_batches() -> None:
    batches = plan_all(ROWS, sorted(ROWS), max_rows=25)
    assert [batch["label"] for batch in batches] == ["1966-1967", "2019", "2020"]
    assert (batches[0]["first"], batches[-1]["last"], batches[-1]["undated"]) == (None, None, True)
    assert all(before["last"] + 1 == after["first"] for before, after in pairwise(batches))


def test_full_plan_of_few_rows_is_one_batch() -> None:
    (batch,) = plan_all(ROWS, sorted(ROWS), max_rows=1_000)
    assert condition(batch) is None


def test_plan_of_some_years_excludes_years_between_them() -> None:
    batches = plan_some(ROWS, [1966, 1967, 2019], max_rows=1_000)
    assert [(batch["first"], batch["last"]) for batch in batches] == [(1966, 1967), (2019, 2019)]
    assert "1966-01-01" in str(condition(batches[0]))
    assert "1968-01-01" in str(condition(batches[0]))


def test_years_text_joins_consecutive_years() -> None:
    assert years_text([2005, 2001, 2003, 2004]) == "2001, 2003-2005"


def test_single_year_comes_from_the_partition_or_the_form() -> None:
    assert single_year("2019", []) == 2019
    assert single_year(None, [2020, 2020]) == 2020


@pytest.mark.parametrize(
    ("key", "years"), [(None, []), (None, [2019, 2020]), ("1965", []), ("x", [])]
)
def test_single_year_refuses_anything_but_one_report_year(
    key: str | None, years: list[int]
) -> None:
    with pytest.raises(PermanentError, match="report year"):
        single_year(key, years)

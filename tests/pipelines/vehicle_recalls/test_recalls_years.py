"""Parses the report years that people type in a form."""

from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import PermanentError
from include.vehicle_recalls.years import FIRST_YEAR, parse_years

NEXT_YEAR = datetime.now(UTC).year + 1


@pytest.mark.parametrize(
    ("value", "years"),
    [
        (None, []),
        ("", []),
        (" ", []),
        ([], []),
        ([2020, 2019, 2020], [2019, 2020]),
        ("2019", [2019]),
        (" 2019 , 2021-2023,", [2019, 2021, 2022, 2023]),
        ("2021 - 2022, 2019", [2019, 2021, 2022]),
        (f"{FIRST_YEAR}, {NEXT_YEAR - 1}", [FIRST_YEAR, NEXT_YEAR - 1]),
    ],
    ids=str,
)
def test_parse_years_sorts_text_and_lists(value: Any, years: list[int]) -> None:
    assert parse_years(value) == years


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("2019, 20x1", "'20x1'"),
        ("2019 2020", "'2019 2020'"),
        ("2023-2021", "'2023-2021'"),
        ("2019-", "'2019-'"),
        ("-2019", "'-2019'"),
        ("[2019]", "'[2019]'"),
        ("19", "'19'"),
        ("2019; 2020", "'2019; 2020'"),
        ("\N{FULLWIDTH DIGIT TWO}019", "'\N{FULLWIDTH DIGIT TWO}019'"),
        (f"{FIRST_YEAR - 1}-2000", f"'{FIRST_YEAR - 1}-2000'"),
        (f"{NEXT_YEAR}", f"'{NEXT_YEAR}'"),
        ([FIRST_YEAR - 1], str([FIRST_YEAR - 1])),
        ([True], "[True]"),
        (["2019"], "['2019']"),
        (2019, "2019"),
    ],
    ids=str,
)
def test_parse_years_names_the_invalid_part_in_one_line(value: Any, part: str) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_years(value)
    assert str(caught.value) == (
        f"years: {part} is not a report year; write years from {FIRST_YEAR} to {NEXT_YEAR - 1} "
        "such as 2019, 2021-2023"
    )

"""Report years, as a person types them and as a program lists them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from include.errors import PermanentError

# NHTSA was founded in 1966; its oldest recall is of that year.
FIRST_YEAR = 1966
RANGE = re.compile(r"([0-9]{4})(?: *- *([0-9]{4}))?")


def parse_years(given: Any) -> list[int]:
    """`2019, 2021-2023`, or a list of numbers; nothing means all years, as an empty list."""
    if isinstance(given, str):
        return _parse_text(given)
    if given is None:
        return []
    listed = isinstance(given, Sequence) and all(type(year) is int for year in given)
    if not listed or not all(_is_report_year(year) for year in given):
        raise _refused(given)
    return sorted(set(given))


def _parse_text(text: str) -> list[int]:
    years: set[int] = set()
    for part in filter(None, map(str.strip, text.split(","))):
        found = RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if first > last or not (_is_report_year(first) and _is_report_year(last)):
            raise _refused(part)
        years |= set(range(first, last + 1))
    return sorted(years)


def _is_report_year(year: int) -> bool:
    return FIRST_YEAR <= year <= datetime.now(UTC).year


def _refused(given: Any) -> PermanentError:
    return PermanentError(
        f"years: {given!r} is not a report year; write years from {FIRST_YEAR} to "
        f"{datetime.now(UTC).year} such as 2019, 2021-2023"
    )

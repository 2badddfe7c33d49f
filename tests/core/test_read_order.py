"""`is_later` orders two reads."""

import pytest

from include.lake.reads import NEVER, is_later
from tests.core.places import moment


@pytest.mark.parametrize(
    ("known", "than", "later"),
    [
        (moment(1), moment(0), True),
        (moment(0), moment(1), False),
        (moment(1, modified=-9), moment(0), True),  # the source went back
        (moment(0, modified=9), moment(1), False),  # last modified in the future
        (moment(0, took_h=3, modified=2), moment(1, modified=1), True),  # overlapping reads
        (moment(0, took_h=3, modified=1), moment(1, modified=2), False),
        (moment(0, took_h=3, modified=1), moment(1, modified=1), True),  # the later answer decides
        (moment(0), moment(0), False),
        (NEVER, moment(0), False),
    ],
)
def test_is_later(known, than, later: bool) -> None:
    assert is_later(known, than) == later

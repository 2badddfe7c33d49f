from __future__ import annotations

import math
from datetime import UTC, date, datetime
from fractions import Fraction

import pyarrow as pa
import pytest

from include.first.contract import TIMESTAMP, Column, Contract, Limit


def column(kind: pa.DataType, **rules: object) -> Column:
    return Column("it", "it", kind, "A column.", ("text",), **rules)


def accept(kind: pa.DataType, texts: list[str | None], **rules: object):
    contract = Contract(
        "things", "1", "One row is a thing.", "it", ("it",), (column(kind, **rules),)
    )
    typed, reasons = contract.accept(pa.table({"it": pa.array(texts, pa.string())}))
    return typed["it"].to_pylist(), reasons


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (pa.date32(), "2026-06-24T00:00:00.000", date(2026, 6, 24)),
        (pa.date32(), "2024-02-29T00:00:00", date(2024, 2, 29)),
        (TIMESTAMP, "2026-06-28T09:30:43.000Z", datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)),
        (pa.int64(), "32000000", 32_000_000),
        (pa.float64(), "61.5", 61.5),
        (pa.float64(), "100", 100.0),
        (pa.bool_(), "Yes", True),
        (pa.bool_(), "No", False),
        (pa.string(), "Eaton?s  two spaces \x92", "Eaton?s  two spaces \x92"),
    ],
)
def test_sound_texts_become_values(kind, text, value):
    """What the API spells soundly becomes a typed value, strings verbatim."""
    assert accept(kind, [text, None]) == ([value, None], {})


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (pa.date32(), "2024-02-30T00:00:00.000", "not a day of the calendar"),
        (pa.date32(), "2024-02-03T12:00:00.000", "not a date at midnight"),
        (pa.date32(), "24/02/2024", "not a date at midnight"),
        (TIMESTAMP, "2026-06-28T25:30:43.000Z", "not an instant"),
        (pa.int64(), "12.5", "not a whole number"),
        (pa.int64(), "1_000", "not a whole number"),
        (pa.int64(), "\u0661\u0662", "not a whole number"),
        (pa.int64(), "9999999999999999999", "does not fit 64 bits"),
        (pa.float64(), "nan", "not a number"),
        (pa.float64(), "inf", "not a number"),
        (pa.float64(), "61.5%", "not a number"),
        (pa.float64(), "", "not a number"),
        (pa.bool_(), "yes", "not Yes or No"),
    ],
)
def test_unsound_texts_are_named(kind, text, reason):
    """A text that is not exactly of its type gives null and a reason that shows the text."""
    values, reasons = accept(kind, ["ok" if kind == pa.string() else None, text])
    assert values == [None, None]
    assert list(reasons) == [1]
    assert reason in reasons[1][0]
    assert reasons[1][0].startswith("it: ")


def test_limits_are_inclusive():
    """A value on a limit passes; one beyond it is named with the limit."""
    values, reasons = accept(pa.float64(), ["0", "100", "-0.01", "100.01"], minimum=0, maximum=100)
    assert values == [0.0, 100.0, None, None]
    assert reasons == {2: ["it: '-0.01' is under 0"], 3: ["it: '100.01' is over 100"]}


@pytest.mark.parametrize("kind", [pa.string(), pa.date32()])
def test_a_required_value_may_be_neither_null_nor_empty(kind):
    """Missing and empty are one reason, told once."""
    _, reasons = accept(kind, [None, ""], required=True)
    assert reasons == {0: ["it: is missing"], 1: ["it: is missing"]}


def test_every_row_with_the_same_broken_text_is_named():
    """Distinct texts are parsed once, yet each row that has one gets its reason."""
    _, reasons = accept(pa.int64(), ["x", "1", "x", None, "x"])
    assert sorted(reasons) == [0, 2, 4]


def test_no_rows_are_no_problem():
    """An empty page is typed like any other."""
    assert accept(pa.int64(), []) == ([], {})


@pytest.mark.parametrize("text", ["-0", "-0.0", "0"])
def test_there_is_one_zero(text):
    """A rate of minus nothing is nothing, and is written like it."""
    ((value,), _) = accept(pa.float64(), [text])
    assert math.copysign(1, value) == 1
    assert value == 0


@pytest.mark.parametrize(
    ("rows", "of", "within"),
    [(3, 0, True), (3, 10, True), (4, 10, False), (5, 100, True), (6, 100, False), (-9, 5, True)],
)
def test_a_limit_is_a_share_and_a_few_rows_at_any_rate(rows, of, within):
    """Exactly the share is within; so are three rows, however few there are."""
    limit = Limit(Fraction("0.05"), "A limit.")
    assert limit.allows(rows, of) == within
    assert limit.allows(Fraction(rows), of) == within
    assert str(limit) == "3 rows, or 5 % if that is more"


@pytest.mark.parametrize(
    ("rows", "of", "within"), [(3, 300, True), (4, 400, False), (4, 401, True)]
)
def test_a_limit_may_be_one_that_is_not_reached(rows, of, within):
    """Less than a percent is not a percent; few rows pass all the same."""
    limit = Limit(Fraction("0.01"), "A limit.", reached=False)
    assert limit.allows(rows, of) == within
    assert str(limit) == "3 rows, or less than 1 % if that is more"


def test_a_limit_is_exact_where_floats_are_not():
    """The share is a fraction: no row is lost or won by rounding."""
    limit = Limit(Fraction("0.005"), "A limit.")
    for thousands in range(1, 200):
        assert limit.allows(5 * thousands, 1_000 * thousands)
        assert not limit.allows(5 * thousands + 1, 1_000 * thousands)

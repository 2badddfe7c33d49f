"""Rates of the ECB: the last one on or before a day, every one of a range, exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fakes.control import Control
from include.first.rest import NotFound, UnexpectedBody
from include.shoe_prices.ecb import Ecb, NoRate, rates_in
from include.shoe_prices.price import choose, in_euros
from include.shoe_prices.read import Asked

HEAD = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
TODAY = "2026-11-20T17:00:00Z"
FRIDAY = date(2023, 2, 10)
Chosen = Callable[..., dict[date, Decimal]]


def line(day: object, value: str, currency: str = "USD") -> str:
    return f"EXR.D.{currency}.EUR.SP00.A,D,{currency},EUR,SP00,A,{day},{value}\r\n"


@pytest.fixture
def chosen(ecb: Ecb) -> Chosen:
    """What a run chooses of what it is answered."""

    def chosen(last: date, first: date | None = None) -> dict[date, Decimal]:
        answer = ecb.between(first, last) if first else ecb.up_to(last)
        asked: Any = {"first": first.isoformat() if first else None, "last": last.isoformat()}
        return choose(Asked(**asked), rates_in(answer.content), TODAY)

    return chosen


@pytest.mark.parametrize(
    ("asked", "day", "rate"),
    [
        (date(2023, 2, 9), date(2023, 2, 9), "1.0771"),
        (FRIDAY, FRIDAY, "1.069"),
        (date(2023, 2, 12), FRIDAY, "1.069"),  # a Sunday
    ],
    ids=str,
)
def test_the_last_rate_on_or_before_a_day(
    chosen: Chosen, asked: date, day: date, rate: str
) -> None:
    """As it was published, under its own date."""
    assert chosen(asked) == {day: Decimal(rate)}


def test_easter_is_the_longest_gap(chosen: Chosen) -> None:
    """On Easter Monday the rate is that of the Thursday before."""
    assert list(chosen(date(2023, 4, 10))) == [date(2023, 4, 6)]


def test_before_four_in_the_afternoon_the_rate_is_of_the_day_before(
    chosen: Chosen, world: Control
) -> None:
    """Today's rate is not there yet; nobody waits for it."""
    world.date = world.now.replace(hour=9)
    assert list(chosen(date(2026, 11, 20))) == [date(2026, 11, 19)]


@pytest.mark.parametrize("blank", ["", "NaN"])
def test_a_day_without_a_value_has_no_rate(chosen: Chosen, world: Control, blank: str) -> None:
    """The one before it counts."""
    world.ecb.instead = {FRIDAY: blank}
    assert chosen(FRIDAY) == {date(2023, 2, 9): Decimal("1.0771")}


def test_a_range_has_every_rate_in_it(chosen: Chosen) -> None:
    """Both ends count; weekends have none."""
    found = chosen(date(2023, 2, 13), date(2023, 2, 9))
    assert list(found) == [date(2023, 2, 9), FRIDAY, date(2023, 2, 13)]


@pytest.mark.parametrize("nothing", ["404", "empty", "header"])
@pytest.mark.parametrize(
    ("last", "first"), [(date(2023, 2, 12), date(2023, 2, 11)), (date(1999, 1, 3), None)], ids=str
)
def test_no_rate_at_all_is_an_error_that_says_when_there_are_some(
    chosen: Chosen, world: Control, nothing: str, last: date, first: date | None
) -> None:
    """However the ECB says that there is nothing."""
    world.ecb.nothing_found = nothing  # type: ignore[assignment]
    with pytest.raises(NoRate, match="working days from 1999-01-04"):
        chosen(last, first)


def test_a_day_to_come_is_refused(chosen: Chosen) -> None:
    """Else `latest` would stay at a day that nobody has seen."""
    with pytest.raises(NoRate, match="still to come"):
        chosen(date(2026, 11, 21))


def test_another_404_is_not_taken_for_an_empty_range(recalls_url: str, world: Control) -> None:
    """A wrong host must not read like a holiday."""
    assert world
    with pytest.raises(NotFound, match="ecb_api"):
        Ecb(f"{recalls_url}/elsewhere").up_to(FRIDAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + line(FRIDAY, "abc"), "is no rate"),
        (HEAD + line(FRIDAY, "0"), "is no rate"),
        (HEAD + line(FRIDAY, "-1.07"), "is no rate"),
        (HEAD + line(FRIDAY, "1.0690001"), "is no rate"),
        (HEAD + line("2023-13-01", "1.07"), "where a day should be"),
        (HEAD + line(FRIDAY, "1.07") + line(FRIDAY, "1.08"), "two rates"),
        ("a,b\r\n1,2\r\n", "without the columns"),
        ("\xff", "no text"),
    ],
    ids=["text", "zero", "negative", "too fine", "no day", "two", "other columns", "bytes"],
)
def test_what_is_no_rate_is_refused(text: str, said: str) -> None:
    """A rate is used for money: nothing is guessed."""
    with pytest.raises(UnexpectedBody, match=said):
        rates_in(text.encode("latin-1"))


def test_other_currencies_and_a_repeated_line_do_no_harm() -> None:
    """Only dollars count, and the same rate twice is one."""
    text = HEAD + line(FRIDAY, "1.07") * 2 + line(FRIDAY, "130.5", "JPY")
    assert rates_in(text.encode()) == {FRIDAY: Decimal("1.07")}


@pytest.mark.parametrize(
    ("usd", "rate", "eur"),
    [
        ("39", "1.0771", "36.21"),
        ("39", "1.069", "36.48"),
        ("1.01", "2", "0.50"),  # 0.505: half goes to the even cent
        ("1.03", "2", "0.52"),  # 0.515
        ("1", "8", "0.12"),  # 0.125
        ("3", "8", "0.38"),  # 0.375
        ("100000001", "80000000", "1.25"),  # a little over a tie is no tie
        ("0.01", "1.9999", "0.01"),
        ("0.01", "2", "0.00"),
    ],
    ids=str,
)
def test_euros_are_dollars_by_rate_half_to_even(usd: str, rate: str, eur: str) -> None:
    """Rounded once, from the exact quotient."""
    assert str(in_euros(Decimal(usd), Decimal(rate))) == eur

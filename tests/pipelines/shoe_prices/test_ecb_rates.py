"""ECB rates: the last one up to a day, or all of a range."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.http.errors import NotFound, UnexpectedBody
from include.shoe_prices.ecb import Days, Ecb, asked_days, choose_rates, rates_in

HEAD = "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
TODAY = date(2026, 11, 20)
FRIDAY = date(2023, 2, 10)
Choose = Callable[..., dict[date, Decimal]]


def line(day: object, value: str, currency: str = "USD") -> str:
    return f"EXR.D.{currency}.EUR.SP00.A,D,{currency},EUR,SP00,A,{day},{value}\r\n"


@pytest.fixture
def choose(ecb: Ecb) -> Choose:
    """Fetches and chooses rates, as a run does."""

    def choose(last: date, first: date | None = None) -> dict[date, Decimal]:
        days = Days(first, last)
        return choose_rates(days, rates_in(ecb.rates(days).content), TODAY)

    return choose


@pytest.mark.parametrize(
    ("asked", "day", "rate"),
    [
        (date(2023, 2, 9), date(2023, 2, 9), "1.0771"),
        (FRIDAY, FRIDAY, "1.069"),
        (date(2023, 2, 12), FRIDAY, "1.069"),  # a Sunday
        (date(2023, 4, 10), date(2023, 4, 6), None),  # Easter Monday
    ],
    ids=str,
)
def test_choose_rates_of_a_day_takes_the_last_rate_up_to_it(
    choose: Choose, asked: date, day: date, rate: str | None
) -> None:
    found = choose(asked)
    assert list(found) == [day]
    assert rate is None or found[day] == Decimal(rate)


def test_choose_rates_before_publication_takes_day_before(choose: Choose, world: Control) -> None:
    world.date = world.now.replace(hour=9)
    assert list(choose(date(2026, 11, 20))) == [date(2026, 11, 19)]


@pytest.mark.parametrize("blank", ["", "NaN"])
def test_choose_rates_skips_blank_value(choose: Choose, world: Control, blank: str) -> None:
    world.ecb.instead = {FRIDAY: blank}
    assert choose(FRIDAY) == {date(2023, 2, 9): Decimal("1.0771")}


def test_choose_rates_of_a_range_takes_every_rate(choose: Choose) -> None:
    found = choose(date(2023, 2, 13), date(2023, 2, 9))
    assert list(found) == [date(2023, 2, 9), FRIDAY, date(2023, 2, 13)]


@pytest.mark.parametrize("nothing", ["404", "empty", "header"])
@pytest.mark.parametrize(
    ("last", "first"), [(date(2023, 2, 12), date(2023, 2, 11)), (date(1999, 1, 3), None)], ids=str
)
def test_choose_rates_without_rates_names_the_days_with_rates(
    choose: Choose, world: Control, nothing: str, last: date, first: date | None
) -> None:
    world.ecb.nothing_found = nothing  # type: ignore[assignment]
    with pytest.raises(PermanentError, match="working days since 1999-01-04"):
        choose(last, first)


def test_choose_rates_refuses_future_day(choose: Choose) -> None:
    """Otherwise `latest` would stay at the future day."""
    with pytest.raises(PermanentError, match="in the future"):
        choose(date(2026, 11, 21))


def test_rates_404_of_a_wrong_path_is_an_error(recalls_url: str, world: Control) -> None:
    assert world
    with pytest.raises(NotFound, match="ecb_api"):
        Ecb(f"{recalls_url}/elsewhere").rates(Days(None, FRIDAY))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (HEAD + line(FRIDAY, "abc"), "is not a rate"),
        (HEAD + line(FRIDAY, "0"), "is not a rate"),
        (HEAD + line(FRIDAY, "-1.07"), "is not a rate"),
        (HEAD + line(FRIDAY, "1.0690001"), "is not a rate"),
        (HEAD + line("2023-13-01", "1.07"), "instead of a day"),
        (HEAD + line(FRIDAY, "1.07") + line(FRIDAY, "1.08"), "two rates"),
        ("a,b\r\n1,2\r\n", "without the columns"),
        ("\xff", "without the columns"),
    ],
    ids=["text", "zero", "negative", "decimals", "bad day", "two", "other columns", "bytes"],
)
def test_rates_in_refuses_invalid_answer(text: str, error: str) -> None:
    with pytest.raises(UnexpectedBody, match=error):
        rates_in(text.encode("latin-1"))


def test_rates_in_skips_other_currencies_and_repeated_lines() -> None:
    text = HEAD + line(FRIDAY, "1.07") * 2 + line(FRIDAY, "130.5", "JPY")
    assert rates_in(text.encode()) == {FRIDAY: Decimal("1.07")}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"start_date": "2023-02-09"}, "together for a range"),
        ({"end_date": "2023-02-09"}, "together for a range"),
        ({"start_date": "2023-02-10", "end_date": "2023-02-09"}, "swap them"),
        (
            {"rate_date": "2023-02-09", "start_date": "2023-02-09", "end_date": "2023-02-10"},
            "`rate_date` alone",
        ),
    ],
    ids=["no end", "no start", "backwards", "both"],
)
def test_asked_days_refuses_contradictory_params(asked: dict[str, str], sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        asked_days("2026-11-20", **asked)


def test_asked_days_defaults_to_the_day_of_the_run() -> None:
    assert asked_days("2026-11-20") == Days(None, TODAY)
    assert asked_days("2026-11-20", "2023-02-10") == Days(None, FRIDAY)
    assert asked_days("2026-11-20", None, "2023-02-09", "2023-02-10").first == date(2023, 2, 9)

"""The fake ECB API answers like the ECB's data portal."""

import csv
import io
import itertools
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import requests

from fakes.made_up_rates import CURRENCIES, rates

USD = "D.USD.EUR.SP00.A"
NOW = datetime(2026, 11, 18, 18, tzinfo=UTC)  # a Wednesday evening


@pytest.fixture
def ecb(recalls_url, replica):
    replica.date = NOW

    def ask(key=USD, flow="EXR", **params):
        asked = {"format": "csvdata", "detail": "dataonly"} | params
        return requests.get(f"{recalls_url}/service/data/{flow}/{key}", params=asked, timeout=30)

    return ask


@pytest.fixture
def rows(ecb):
    def ask(key=USD, **params):
        answer = ecb(key, **params)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))

    return ask


@pytest.fixture
def observations(rows):
    """Day and value of each observation."""
    return lambda **params: [(r["TIME_PERIOD"], r["OBS_VALUE"]) for r in rows(USD, **params)]


def test_known_rates_match_ecb_csv(ecb):
    answer = ecb(startPeriod="2023-02-09", endPeriod="2023-02-10")
    assert answer.content == (
        b"KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
        b"EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2023-02-09,1.0771\r\n"
        b"EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2023-02-10,1.069\r\n"
    )
    assert "csv" in answer.headers["Content-Type"]


@pytest.mark.parametrize("seed", [1, 7])
def test_made_up_rates_include_known_rates_without_jumps(seed):
    values = [Decimal(value) for value in rates(seed, "USD").values()]
    assert rates(seed, "USD")[date(2023, 2, 10)] == "1.069"
    assert max(abs(b / a - 1) for a, b in itertools.pairwise(values)) < Decimal("0.05")
    assert rates(seed, "GBP") != rates(seed + 1, "GBP")
    assert not [v for v in rates(seed, "JPY").values() if "." in v and v.endswith(("0", "."))]


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2024-03-28", "2024-04-03", ["2024-03-28", "2024-04-02", "2024-04-03"]),
        ("2024-04-30", "2024-05-02", ["2024-04-30", "2024-05-02"]),
        ("2025-12-24", "2025-12-30", ["2025-12-24", "2025-12-29", "2025-12-30"]),
    ],
    ids=["easter", "may", "christmas"],
)
def test_weekends_and_holidays_have_no_rates(observations, first, last, days):
    assert [day for day, _ in observations(startPeriod=first, endPeriod=last)] == days


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 11, 18, 14, 59, tzinfo=UTC), "2026-11-17"),
        (datetime(2026, 11, 18, 15, 0, tzinfo=UTC), "2026-11-18"),
        (datetime(2026, 7, 15, 13, 59, tzinfo=UTC), "2026-07-14"),
        (datetime(2026, 7, 15, 14, 0, tzinfo=UTC), "2026-07-15"),
    ],
)
def test_rate_of_the_day_appears_at_4_pm_frankfurt_time(observations, replica, now, last):
    replica.date = now
    assert observations(startPeriod="2026-07-01")[-1][0] == last


@pytest.mark.parametrize("day", ["2023-02-11", "2027-01-04"])
def test_empty_range_returns_404(ecb, day):
    answer = ecb(startPeriod=day, endPeriod=day)
    assert (answer.status_code, answer.json()["detail"]) == (404, "No results found.")


@pytest.mark.parametrize(("setting", "length"), [("empty", 0), ("header", 76)])
def test_empty_range_can_return_200(ecb, replica, setting, length):
    replica.ecb.nothing_found = setting
    answer = ecb(startPeriod="2023-02-11", endPeriod="2023-02-12")
    assert (answer.status_code, len(answer.content)) == (200, length)
    assert ecb("D.XXX.EUR.SP00.A").status_code == 404


def test_last_n_observations_end_at_end_period(observations):
    days = [day for day, _ in observations(endPeriod="2024-04-01", lastNObservations="2")]
    assert days == ["2024-03-27", "2024-03-28"]


def test_one_query_returns_several_currencies(rows):
    last = {row["CURRENCY"]: row for row in rows("D..EUR.SP00.A", lastNObservations="1")}
    assert last.keys() == CURRENCIES.keys()
    assert last["USD"]["TIME_PERIOD"] == "2026-11-18"
    assert last["HRK"]["TIME_PERIOD"] == "2022-12-30"
    assert [row["CURRENCY"] for row in rows("D.USD+JPY.EUR.SP00.A", lastNObservations="1")] == [
        "JPY",
        "USD",
    ]


@pytest.mark.parametrize(
    ("key", "flow", "params", "status"),
    [
        ("D.XXX.EUR.SP00.A", "EXR", {}, 404),
        ("M.USD.EUR.SP00.A", "EXR", {}, 404),
        (USD, "EXS", {}, 404),
        ("D.USD.EUR", "EXR", {}, 404),
        ("USD", "EXR", {}, 400),
        (USD, "EXR", {"startPeriod": "2023-02-30"}, 400),
        (USD, "EXR", {"lastNObservations": "many"}, 400),
        (USD, "EXR", {"format": "jsondata"}, 406),
    ],
)
def test_invalid_query_is_refused_with_a_sentence(ecb, key, flow, params, status):
    answer = ecb(key, flow, **params)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.json()["detail"].endswith(".")

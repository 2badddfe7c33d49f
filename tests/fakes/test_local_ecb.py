"""The local exchange rates answer as the ECB's data portal does."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from fakes.made_up_rates import CURRENCIES, easter, has_rates, rates

USD = "D.USD.EUR.SP00.A"
NOW = datetime(2026, 11, 18, 18, tzinfo=UTC)  # a Wednesday evening


@pytest.fixture
def ecb(recalls_url, replica):
    """Ask for a key of the exchange rates, as CSV with few columns unless told."""
    replica.date = NOW

    def ask(key=USD, flow="EXR", headers=None, **params):
        asked = {"format": "csvdata", "detail": "dataonly"} | params
        given = {name: value for name, value in asked.items() if value is not None}
        url = f"{recalls_url}/service/data/{flow}/{key}"
        return requests.get(url, params=given, headers=headers, timeout=30)

    return ask


@pytest.fixture
def rows(ecb):
    def ask(key=USD, **params):
        answer = ecb(key, **params)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))

    return ask


@pytest.fixture
def found(rows):
    """Day and value of each observation."""

    def ask(key=USD, **params):
        return [(row["TIME_PERIOD"], row["OBS_VALUE"]) for row in rows(key, **params)]

    return ask


def test_the_two_known_rates_as_the_ecb_writes_them(ecb):
    """Byte for byte: CRLF, the day that is asked for on both ends, no zero at a number's end."""
    answer = ecb(startPeriod="2023-02-09", endPeriod="2023-02-10")
    assert answer.status_code == 200
    assert answer.content == (
        b"KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\r\n"
        b"EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2023-02-09,1.0771\r\n"
        b"EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2023-02-10,1.069\r\n"
    )
    assert "csv" in answer.headers["Content-Type"]


def test_everything_is_thirty_two_columns(rows):
    """Unless only data is asked for; a title has a comma in it."""
    (row,) = rows(detail=None, startPeriod="2023-02-09", endPeriod="2023-02-09")
    assert len(row) == 32
    assert (row["OBS_VALUE"], row["OBS_STATUS"], row["UNIT"]) == ("1.0771", "A", "USD")
    assert row["TITLE_COMPL"] == "ECB reference exchange rate, US dollar/Euro, 2.15 pm (C.E.T.)"


@pytest.mark.parametrize("seed", [1, 7, 99])
def test_the_known_rates_hold_for_every_seed_without_a_jump(seed):
    """The walk goes through them; no day differs from the next by a twentieth."""
    values = [Decimal(value) for value in rates(seed, "USD").values()]
    assert rates(seed, "USD")[date(2023, 2, 10)] == "1.069"
    steps = [abs(b / a - 1) for a, b in itertools.pairwise(values)]
    assert max(steps) < Decimal("0.05")
    assert len(set(values)) > 500


def test_a_rate_does_not_depend_on_the_range(found):
    """A day has the same rate alone, in its year, and in all of history."""
    whole = dict(found())
    assert found(startPeriod="2024") == [pair for pair in whole.items() if pair[0] >= "2024"]
    day = "2017-05-17"
    assert found(startPeriod=day, endPeriod=day) == [(day, whole[day])]
    assert min(whole) == "1999-01-04"
    assert max(whole) == "2026-11-18"


def test_another_seed_has_other_rates(found, replica):
    """Made-up days differ, the published ones do not."""
    first = dict(found(startPeriod="2023-01", endPeriod="2023-03"))
    replica.seed += 1
    second = dict(found(startPeriod="2023-01", endPeriod="2023-03"))
    same = {day for day in first if first[day] == second[day]}
    assert {"2023-02-09", "2023-02-10"} <= same
    assert len(same) < len(first) / 2


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2024-03-27", "2024-04-03", ["2024-03-27", "2024-03-28", "2024-04-02", "2024-04-03"]),
        ("2024-04-30", "2024-05-02", ["2024-04-30", "2024-05-02"]),
        ("2025-12-24", "2026-01-02", ["12-24", "12-29", "12-30", "12-31", "2026-01-02"]),
        ("2023-02-10", "2023-02-13", ["2023-02-10", "2023-02-13"]),
        ("2024-12", "2024-12", None),
    ],
    ids=["easter", "may", "christmas", "weekend", "month"],
)
def test_there_are_no_rates_on_weekends_and_holidays(found, first, last, days):
    """Thursday to Tuesday at Easter, and so on; a month is all of its days."""
    seen = [day for day, _ in found(startPeriod=first, endPeriod=last)]
    if days is None:
        assert (len(seen), seen[0], seen[-1]) == (20, "2024-12-02", "2024-12-31")
    else:
        assert [day[-len(end) :] for day, end in zip(seen, days, strict=True)] == days


def test_easter_is_when_it_is():
    """Published Sundays of Easter, the earliest and the latest of this century among them."""
    known = {1999: (4, 4), 2000: (4, 23), 2008: (3, 23), 2024: (3, 31), 2038: (4, 25)}
    assert {year: (easter(year).month, easter(year).day) for year in known} == known
    assert not has_rates(date(2026, 4, 3))
    assert has_rates(date(2026, 4, 2))


@pytest.mark.parametrize(
    ("hour", "minute", "last"),
    [(14, 59, "2026-11-17"), (15, 0, "2026-11-18"), (23, 30, "2026-11-18")],
)
def test_todays_rate_comes_at_four_in_frankfurt(found, replica, hour, minute, last):
    """15:00 UTC in winter; nothing of tomorrow ever, although in Frankfurt it has begun."""
    replica.date = datetime(2026, 11, 18, hour, minute, tzinfo=UTC)
    assert found(startPeriod="2026-11-01")[-1][0] == last


def test_four_in_frankfurt_is_earlier_in_summer(found, replica):
    """14:00 UTC."""
    for hour, last in ((13, "2026-07-14"), (14, "2026-07-15")):
        replica.date = datetime(2026, 7, 15, hour, tzinfo=UTC)
        assert found(startPeriod="2026-07")[-1][0] == last


def test_a_range_without_observations_is_404(ecb):
    """In the portal's words, a weekend as well as the future."""
    path = f"/service/data/EXR/{USD}"
    for first in ("2023-02-11", "2027-01-04"):
        answer = ecb(startPeriod=first, endPeriod=first)
        assert answer.status_code == 404
        assert answer.json() == {
            "type": path,
            "title": "Not Found",
            "status": 404,
            "detail": "No results found.",
            "instance": path,
        }


@pytest.mark.parametrize(("dial", "length"), [("empty", 0), ("header", 76)])
def test_or_it_is_200_without_a_row(ecb, replica, dial, length):
    """As the portal did at other times: nothing at all, or only the header."""
    replica.ecb.nothing_found = dial
    answer = ecb(startPeriod="2023-02-11", endPeriod="2023-02-12")
    assert (answer.status_code, len(answer.content)) == (200, length)
    assert ecb("D.XXX.EUR.SP00.A").status_code == 404


def test_the_last_observations_on_or_before_a_day(found):
    """What one request answers instead of a walk back over a holiday."""
    assert found(endPeriod="2023-02-12", lastNObservations="1") == [("2023-02-10", "1.069")]
    days = [day for day, _ in found(endPeriod="2024-04-01", lastNObservations="2")]
    assert days == ["2024-03-27", "2024-03-28"]
    assert [day for day, _ in found(firstNObservations="1")] == ["1999-01-04"]
    assert len(found(startPeriod="2023-02-09", endPeriod="2023-02-10", lastNObservations=99)) == 2


def test_all_currencies_at_once(rows):
    """One row each; discontinued ones with the old day on which they ended."""
    last = {row["CURRENCY"]: row for row in rows("D..EUR.SP00.A", lastNObservations="1")}
    assert last.keys() == CURRENCIES.keys()
    assert last["USD"]["TIME_PERIOD"] == "2026-11-18"
    assert last["HRK"]["TIME_PERIOD"] == "2022-12-30"
    assert last["GRD"]["TIME_PERIOD"] == "2000-12-29"
    today = rows("D..EUR.SP00.A", startPeriod="2026-11-18")
    assert {"HRK", "GRD"}.isdisjoint(row["CURRENCY"] for row in today)
    assert [row["KEY"] for row in today] == sorted(row["KEY"] for row in today)


def test_several_currencies_of_one_key(rows):
    """A plus means or; a euro is not a currency of this series."""
    seen = rows("D.USD+JPY+EUR.EUR.SP00.A", lastNObservations="1")
    assert [row["CURRENCY"] for row in seen] == ["JPY", "USD"]


@pytest.mark.parametrize(
    ("key", "flow", "status"),
    [
        ("D.XXX.EUR.SP00.A", "EXR", 404),
        ("M.USD.EUR.SP00.A", "EXR", 404),
        ("D.USD.GBP.SP00.A", "EXR", 404),
        (USD, "EXS", 404),
        ("D.USD.EUR", "EXR", 400),
    ],
)
def test_an_unknown_series_is_refused(ecb, key, flow, status):
    """404, or 400 when it is no key at all."""
    answer = ecb(key, flow)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize("name", ["startPeriod", "endPeriod"])
@pytest.mark.parametrize("text", ["yesterday", "2023-02-30", "2023-13", "2023-2-9", "20230209", ""])
def test_a_bad_date_is_refused(ecb, name, text):
    """400 with the date in it, never everything."""
    answer = ecb(**{name: text})
    assert answer.status_code == 400
    assert text in answer.json()["detail"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"lastNObservations": "0"}, 400),
        ({"lastNObservations": "many"}, 400),
        ({"detail": "all"}, 400),
        ({"detail": "nodata"}, 501),
        ({"format": "jsondata"}, 406),
        ({"format": None}, 406),
    ],
    ids=str,
)
def test_what_it_does_not_speak_is_said_in_a_line(ecb, params, status):
    """400, 501 or 406 with a sentence."""
    answer = ecb(**params)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


def test_csv_may_be_asked_for_in_the_header(ecb):
    """As many scripts do, without a format."""
    answer = ecb(format=None, headers={"Accept": "text/csv"}, lastNObservations="1")
    assert answer.content.startswith(b"KEY,FREQ")


def test_a_rate_may_be_blank_or_not_published(found, replica):
    """The day is there without a number, or is not there."""
    replica.ecb.instead = {date(2023, 2, 9): "", date(2023, 2, 8): "NaN"}
    replica.ecb.unpublished = {date(2023, 2, 10)}
    seen = found(startPeriod="2023-02-08", endPeriod="2023-02-13")
    assert seen[:2] == [("2023-02-08", "NaN"), ("2023-02-09", "")]
    assert [day for day, _ in seen[2:]] == ["2023-02-13"]


def test_numbers_have_no_zeros_at_their_end(found):
    """Nor an exponent, nor more digits than the currency has; all are above nothing."""
    values = [value for _, value in found("D.JPY+IDR+USD.EUR.SP00.A")]
    assert not [v for v in values if "." in v and v.endswith(("0", "."))]
    assert not [v for v in values if "e" in v.lower() or Decimal(v) <= 0]
    assert any("." not in v for v in values)


def test_the_dials_over_http(recalls_url, replica, found):
    """What is named changes, what is not stays; a reset puts it back."""
    control = f"{recalls_url}/_control/ecb"
    requests.post(control, json={"nothing_found": "empty"}, timeout=30)
    change = {"instead": {"2023-02-09": ""}, "unpublished": ["2023-02-10"]}
    assert requests.post(control, json=change, timeout=30).status_code == 200
    assert replica.ecb.nothing_found == "empty"
    assert found(startPeriod="2023-02-09", endPeriod="2023-02-10") == [("2023-02-09", "")]
    assert requests.post(control, json={"rates": 1}, timeout=30).status_code == 422
    replica.reset()
    assert (replica.ecb.nothing_found, replica.ecb.instead) == ("404", {})


def test_without_a_set_date_it_is_the_real_one(found, replica):
    """The last rate is of the last days, whatever day it is."""
    replica.date = None
    last = date.fromisoformat(found(lastNObservations="1")[0][0])
    assert timedelta(0) <= datetime.now(UTC).date() - last <= timedelta(days=6)

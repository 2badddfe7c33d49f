"""Made-up recalls have the shape and the quirks of the real ones, as measured in APIS.md."""

from __future__ import annotations

import json
import re
from collections import Counter

import pyarrow as pa
import pytest

from fakes.made_up_recalls import recalls_of, rows_by_year
from fakes.made_up_words import same_name
from fakes.published import Published

COLUMNS = {
    "potentially_affected": 0.001,
    "defect_summary": 0.09,
    "consequence_summary": 0.17,
    "corrective_action": 0.09,
    "completion_rate": 0.66,
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str | None]]:
    published = Published(rows=30_000, seed=1, day=1)
    return pa.concat_tables(published.year(year) for year in published.counts()).to_pylist()


def test_years_have_the_real_sizes():
    """30,000 rows over 1966 to 2026, 58 to 1,100 a year; ten times as many scale each year."""
    counts = rows_by_year(30_000)
    assert list(counts) == list(range(1966, 2027))
    assert (sum(counts.values()), min(counts.values()), max(counts.values())) == (30_000, 58, 1100)
    assert rows_by_year(300_000) == {year: n * 10 for year, n in counts.items()}
    assert rows_by_year(0) == {}


def test_ids_are_unique_and_of_the_real_form(rows):
    """Two digits, a letter, six characters; ten are like 21V00A000."""
    ids = [row["nhtsa_id"] for row in rows]
    assert len(set(ids)) == 30_000
    usual = [i for i in ids if re.fullmatch(r"\d\d[VETCI]\d{3}000", i)]
    odd = [i for i in ids if re.fullmatch(r"\d\d[VETCI]00[A-Z]000", i)]
    assert (len(usual), len(odd)) == (29_990, 10)
    assert {i[2] for i in ids} == set("VETCI")


@pytest.mark.parametrize("year", [1966, 2021, 2024, 2026])
def test_ids_stay_unique_among_millions(year):
    """At 3,000,000 rows a year and its neighbours share no id, and ids keep nine characters."""
    near = [y for y in (year - 1, year, year + 1) if 1966 <= y <= 2026]
    ids = pa.concat_tables(recalls_of(3_000_000, 1, y) for y in near)["nhtsa_id"]
    assert len(ids.unique()) == len(ids)
    assert set(map(len, ids.to_pylist())) == {9}


def test_about_80_dates_are_of_another_year_than_the_id(rows):
    """So who partitions by the id puts rows in wrong years."""
    strays = sum(row["report_received_date"][2:4] != row["nhtsa_id"][:2] for row in rows)
    assert 60 <= strays <= 100


def test_dates_are_midnights_within_1966_to_2026(rows):
    """Always midnight, as text with milliseconds."""
    pattern = re.compile(r"(19|20)\d\d-\d\d-\d\dT00:00:00\.000")
    dates = [row["report_received_date"] for row in rows]
    assert all(pattern.fullmatch(date) for date in dates)
    assert (min(dates)[:4], max(dates)[:7]) == ("1966", "2026-06")


def test_manufacturers_are_3000_names_with_their_quirks(rows):
    """Cut at 40 characters, 19 groups spelled in two ways, 18 with a slash, a few very frequent."""
    names = Counter(row["manufacturer"] for row in rows)
    assert len(names) == 3_000
    assert max(map(len, names)) == 40
    groups = Counter(map(same_name, names))
    assert Counter(groups.values())[2] == 19
    assert sum("/" in name for name in names) == 18
    assert names.most_common(1)[0][1] > 300


def test_categories_are_the_real_ones(rows):
    """40 upper-case components and none, four types, flags of Yes and No."""
    components = {row["component"] for row in rows}
    assert None in components
    assert len(components) == 41
    assert all(name == name.upper() for name in components - {None})
    types = {"Vehicle", "Equipment", "Tire", "Child Seat"}
    assert {row["recall_type"] for row in rows} == types
    for flag in ("fire_risk_when_parked", "do_not_drive"):
        assert {row[flag] for row in rows} == {"Yes", "No"}


@pytest.mark.parametrize(("column", "share"), COLUMNS.items())
def test_nulls_are_as_frequent_as_measured(rows, column, share):
    """Within two points; other columns but the component are never null."""
    nulls = sum(row[column] is None for row in rows) / len(rows)
    assert abs(nulls - share) < 0.02
    assert nulls > 0


def test_the_other_columns_are_never_null(rows):
    """What APIS.md does not call nullable is there in every row."""
    nullable = {*COLUMNS, "component"}
    assert all(v is not None for row in rows for k, v in row.items() if k not in nullable)


def test_completion_rates_are_percentages_since_2009(rows):
    """Text of 0 to 100 with up to two decimals, none before 2009, missing on a fifth after."""
    since = [r["completion_rate"] for r in rows if r["report_received_date"] >= "2009"]
    assert all(r["completion_rate"] is None for r in rows if r["report_received_date"] < "2009")
    assert 0.17 < since.count(None) / len(since) < 0.23
    rates = [rate for rate in since if rate is not None]
    assert all(re.fullmatch(r"\d{1,3}(\.\d{1,2})?", rate) for rate in rates)
    assert {"0", "100"} <= set(rates)
    assert max(map(float, rates)) == 100


def test_units_go_up_to_32_million(rows):
    """Whole numbers; the largest is the largest ever."""
    units = [int(row["potentially_affected"]) for row in rows if row["potentially_affected"]]
    assert (min(units) >= 1, max(units)) == (True, 32_000_000)


def test_texts_have_the_odd_spellings(rows):
    """Double spaces, quotes, commas, HTML, lost quotes; Unicode and C1 controls since 2025."""
    before = " ".join(r["defect_summary"] or "" for r in rows if _year(r) < "2025")
    since = " ".join(r["defect_summary"] or "" for r in rows if _year(r) >= "2025")
    for odd in (".  ", '"', ", ", "<A HREF=HTTP://", "?s "):
        assert odd in before
    assert before.isascii()
    assert "\u0092" in since
    assert "\u2019" in since
    assert not re.search(r"[\n\r\t]", before + since)


def _year(row):
    return row["report_received_date"][:4]


def test_rows_are_as_long_as_the_real_ones(rows):
    """1.1 kB of JSON on average and 3.3 kB at most."""
    sizes = [
        len(json.dumps({k: v for k, v in r.items() if v is not None}, ensure_ascii=False).encode())
        for r in rows
    ]
    assert 1_000 < sum(sizes) / len(sizes) < 1_200
    assert 2_500 < max(sizes) <= 3_350


def test_a_year_needs_no_other_and_a_seed_is_a_source():
    """The same numbers make the same rows; another seed makes others."""
    assert recalls_of(30_000, 1, 2019) == recalls_of(30_000, 1, 2019)
    assert recalls_of(30_000, 1, 2019) != recalls_of(30_000, 2, 2019)

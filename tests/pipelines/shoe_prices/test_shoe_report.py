"""The report of a run: rate, changes, files and first rows."""

import pytest

from fakes.control import Control
from include.lake.store import Store
from include.shoe_prices.report import report
from tests.pipelines.shoe_prices.conftest import RunOn
from tests.pipelines.shoe_prices.lake import PRODUCTS, rows_of


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATERS_LOCAL_FOLDER", "s3_bucket")


def test_report_of_first_run_ends_with_the_first_rows(run_on: RunOn, store: Store) -> None:
    screen = report(store, run_on(20))
    assert screen.startswith("# Shoe prices: version 1, 14 prices\n\n**This data is MADE UP.**\n")
    assert "- rate: 1.0749 US dollars for one euro on 2026-11-20\n" in screen
    assert "- products of Shoes: 14 listed = 0 repeated + 0 quarantined + 14 valid\n" in screen
    assert "- shop: the first read" in screen
    for name in ("2026-11-20.parquet", "2026-11-20.csv", "latest.parquet", "latest.csv"):
        where = f"s3_bucket/shoe_prices/{name} (s3://{store.bucket}/shoe_prices/{name})"
        assert f"- file: {where}\n" in screen
    table = screen.partition("The first prices:\n\n")[2].splitlines()
    assert table[0].split() == ["title", "price_usd", "price_eur", "rate_date"]
    first = rows_of(store)[0]
    assert table[1].split()[-3:] == [
        str(first["price_usd"]),
        str(first["price_eur"]),
        "2026-11-20",
    ]
    assert first["title"][:20] in table[1]
    assert "... and 4 more" in table[11]


def test_report_of_a_range_names_every_written_file(run_on: RunOn, store: Store) -> None:
    run_on(20, rate_date="2023-02-10")
    screen = report(store, run_on(20, start_date="2023-02-09", end_date="2023-02-13"))
    assert "- rates: 3 days from 2023-02-09 to 2023-02-13\n" in screen
    files = [line.split("/")[-1][:-1] for line in screen.splitlines() if "- file:" in line]
    names = ("2023-02-09", "2023-02-13", "latest")
    written = [f"{name}.{kind}" for name in names for kind in ("parquet", "csv")]
    assert files == written


def test_report_of_dry_run_shows_what_would_change(
    run_on: RunOn, store: Store, world: Control
) -> None:
    screen = report(store, run_on(20, dry_run=True))
    assert screen.startswith("# Shoe prices: dry run, 14 prices; nothing was committed\n")
    assert "- rows: 14 read; would be 14 published, 0 edited" in screen
    assert "- would write: s3_bucket/shoe_prices/2026-11-20.parquet" in screen
    assert "- file:" not in screen
    run_on(20)
    world.day = 2
    screen = report(store, run_on(20, dry_run=True))
    assert "- shop: 1 published, 3 edited, 1 retracted since the read before\n" in screen


def test_report_states_that_nothing_changed(run_on: RunOn, store: Store) -> None:
    run_on(20)
    screen = report(store, run_on(21))
    assert screen.startswith("# Shoe prices: unchanged, 14 prices; nothing was committed\n")
    assert "on 2026-11-20, the last one up to 2026-11-21\n" in screen
    assert "- shop: no change since the read before\n" in screen


def test_report_lists_price_changes(run_on: RunOn, store: Store, world: Control) -> None:
    run_on(20)
    old = {row["id"]: row["price_usd"] for row in rows_of(store)}
    world.day = 2
    screen = report(store, run_on(23))
    new = {row["id"]: row["price_usd"] for row in rows_of(store)}
    changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    assert changed
    for key in changed:
        by = new[key] - old[key]
        assert f"- product {key}: {old[key]} -> {new[key]} US dollars ({by:+})" in screen
    assert "`make lake ARGS='changes --dataset shoe_products --version 2'`" in screen


def test_report_names_quarantined_products(run_on: RunOn, store: Store, world: Control) -> None:
    run_on(20)
    world.shop.price = "missing"
    receipts = run_on(23)
    screen = report(store, receipts)
    assert PRODUCTS.quarantine(receipts["products"]["read_id"]) in screen
    assert ": price_usd: is missing\n" in screen
    assert "14 listed = 0 repeated + 1 quarantined + 13 valid\n" in screen


def test_report_states_that_the_table_has_a_later_read(run_on: RunOn, store: Store) -> None:
    run_on(20)
    screen = report(store, run_on(19))
    assert screen.startswith("# Shoe prices: the table has a later read; nothing was committed\n")

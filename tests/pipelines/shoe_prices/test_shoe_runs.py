"""Full runs: published files, repeated runs, ranges and refusals."""

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow.parquet as pq
import pytest

from fakes.control import Control
from include.lake.reads import SourceMismatch
from include.lake.store import Store
from include.shoe_prices.contract import SHOE_PRICES, SHOE_PRODUCTS
from include.shoe_prices.transform import in_euros
from tests.pipelines.lake_checks import failed_checks
from tests.pipelines.shoe_prices.conftest import EditProducts, RunOn
from tests.pipelines.shoe_prices.lake import (
    FRIDAY,
    PRICES,
    delta_rows,
    plain,
    published,
    rows_of,
)


def test_run_publishes_the_day_and_latest(run_on: RunOn, store: Store, world: Control) -> None:
    receipts = run_on(20)
    assert [receipts[table]["version"] for table in ("products", "prices")] == [1, 1]
    rows = rows_of(store, f"{FRIDAY}.parquet")
    shop = {p["id"]: p for p in world.shop.products(7, 1) if p["category"]["name"] == "Shoes"}
    assert [row["id"] for row in rows] == sorted(shop)
    for row in rows:
        product = shop[row["id"]]
        assert row["price_usd"] == Decimal(product["price"])
        assert row["price_eur"] == in_euros(row["price_usd"], row["rate"])
        assert row["rate_date"] == date(2026, 11, 20)
        assert row["price_id"] == f"{FRIDAY}/{row['id']}"
        assert (row["title"], row["slug"]) == (product["title"], product.get("slug"))
        assert row["category_name"] == "Shoes"
    body = plain(store, f"{FRIDAY}.parquet")
    assert pq.read_schema(io.BytesIO(body)).equals(SHOE_PRICES.schema)
    assert plain(store, "latest.parquet") == body
    assert plain(store, "latest.csv") == plain(store, f"{FRIDAY}.csv")
    assert failed_checks(store, SHOE_PRODUCTS, SHOE_PRICES) == []


def test_csv_has_the_rows_of_the_parquet_for_any_text(
    run_on: RunOn, store: Store, edit_products: EditProducts
) -> None:
    odd = ("a\rb", 'a "b",\r\n', "nul \x00", "\u2028\x85;\t")
    edit_products(lambda products: [p | {"title": odd[p["id"] % len(odd)]} for p in products])
    run_on(20)
    body = plain(store, "latest.csv")
    by_python = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    by_pandas = pd.read_csv(io.BytesIO(body), dtype=str, keep_default_na=False).to_dict("records")
    assert by_python == by_pandas
    assert {row["title"] for row in by_python} == set(odd)
    expected = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        | {"rate": "1.0749", "created_at": f"{row['created_at']:%Y-%m-%dT%H:%M:%S.%fZ}"}
        | {"updated_at": f"{row['updated_at']:%Y-%m-%dT%H:%M:%S.%fZ}"}
        for row in rows_of(store)
    ]
    assert by_python == expected


def test_second_run_changes_nothing(run_on: RunOn, store: Store, world: Control) -> None:
    """The shop changes the order of products; every published byte is the same."""
    run_on(20)
    before = published(store)
    world.shop.shuffles_between_pages = True
    receipts = run_on(20)
    assert {receipt["outcome"] for receipt in receipts.values()} == {"unchanged"}
    assert published(store) == before


def test_dry_run_commits_nothing(run_on: RunOn, store: Store, world: Control) -> None:
    receipts = run_on(20, dry_run=True)
    assert {receipt["outcome"] for receipt in receipts.values()} == {"dry run"}
    assert published(store) == {}
    run_on(20)
    before, world.day = published(store), 2
    receipts = run_on(20, dry_run=True)
    assert receipts["products"]["counts"]["edited"] == receipts["prices"]["counts"]["edited"] > 0
    assert published(store) == before


def test_run_for_an_older_day_keeps_latest(run_on: RunOn, store: Store) -> None:
    """`latest` is the newest day of the table, not the last one written."""
    run_on(20)
    latest = plain(store, "latest.parquet"), plain(store, "latest.csv")
    receipts = run_on(20, rate_date="2023-02-12")
    assert receipts["products"]["outcome"] == "unchanged"
    assert receipts["prices"]["changed"] == ["2023-02-10"]  # the Friday before that Sunday
    assert (plain(store, "latest.parquet"), plain(store, "latest.csv")) == latest
    assert {row["rate"] for row in rows_of(store, "2023-02-10.parquet")} == {Decimal("1.069")}


def test_run_for_a_range_writes_only_changed_days(
    run_on: RunOn, store: Store, world: Control
) -> None:
    run_on(20, rate_date="2023-02-10")
    world.shop.repeats_over_pages = True
    prices = run_on(20, start_date="2023-02-09", end_date="2023-02-13")["prices"]
    assert prices["days"] == ["2023-02-09", "2023-02-10", "2023-02-13"]
    assert prices["changed"] == ["2023-02-09", "2023-02-13"]
    for day in prices["days"]:
        assert len({row["id"] for row in rows_of(store, f"{day}.parquet")}) == 14
    assert len(delta_rows(store, PRICES.table)) == 3 * 14
    again = run_on(20, start_date="2023-02-09", end_date="2023-02-13")
    assert again["prices"]["version"] is None


def test_run_with_real_shop_and_made_up_rates_is_refused(
    run_on: RunOn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "include.http.response.Response.publisher",
        property(lambda self: "official" if "products" in self.where else "made-up:7"),
    )
    with pytest.raises(SourceMismatch, match="Correct the connections"):
        run_on(20)
    assert store.list("") == {}


def test_run_lands_the_answers_without_secrets(run_on: RunOn, store: Store) -> None:
    run_on(20)
    pages = [gzip.decompress(store.get(key)) for key in store.list("") if key.endswith(".gz")]
    (products,) = (body for body in pages if body.startswith(b"["))
    (rates,) = (body for body in pages if body.startswith(b"KEY,"))
    assert len(json.loads(products)) == 14
    assert rates.endswith(b"\r\n")
    everything = b"".join([*(store.get(key) for key in store.list("")), *pages])
    for secret in (b"secretword7", b"access_token", b"refresh_token", b"eyJ"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("newest", "outcome"), [("2026-11-13", "passed"), ("2026-11-12", "warning")]
)
def test_run_with_an_old_rate_warns(
    run_on: RunOn, store: Store, world: Control, newest: str, outcome: str
) -> None:
    """Prices are still published when the ECB stops publishing rates."""
    world.ecb.unpublished = {date(2026, 11, day) for day in range(int(newest[-2:]) + 1, 21)}
    receipts = run_on(20)
    (check,) = (c for c in receipts["prices"]["checks"] if c["name"] == "the rate is recent")
    assert check["outcome"] == outcome
    assert check["found"].startswith(f"of {newest}, ")
    assert len(rows_of(store, f"{newest}.parquet")) == 14

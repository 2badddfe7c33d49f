"""Whole runs: what is published, what a second run does, and what the ledger tells."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from fakes.control import Control
from include.errors import PermanentError
from include.first.lake import Lake, LakeError
from include.first.ledger import EDITED, PUBLISHED, REPUBLISHED, RETRACTED, replay
from include.first.ledger_writer import LedgerTorn
from include.first.quality import AuditFailed, CannotAccept
from include.shoe_prices.contract import CONTRACT, PRODUCTS
from include.shoe_prices.ecb import NoRate
from include.shoe_prices.ledger import bring_to_head, products_of, read_ledger
from include.shoe_prices.price import NoProducts, in_euros
from include.shoe_prices.project import KEYS, project
from include.shoe_prices.publish import Published
from include.shoe_prices.read import OtherColumns, OtherSource, begin
from include.shoe_prices.report import render

RunOn = Callable[..., Published]
FRIDAY, MONDAY = "2026-11-20", "2026-11-23"


def rows_at(lake: Lake, key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(lake.get(key))).to_pylist()
    return rows


def listing(lake: Lake) -> dict[str, bytes]:
    """Everything in the bucket but what only one run needs."""
    keys = [k for k in lake.keys(KEYS.folder) if "/raw/" not in k and "/staging/" not in k]
    return {key: lake.get(key) for key in keys}


def told(lake: Lake) -> list[tuple[Any, ...]]:
    names = ("version", "event", "id", "field", "old", "new")
    rows = [row for part in read_ledger(lake) for row in part.to_pylist()]
    return [tuple(row[name] for name in names) for row in rows]


def test_a_run_publishes_the_day_and_the_latest(run_on: RunOn, lake: Lake, world: Control) -> None:
    """All columns, in order and typed; every shoe once, and euros that are dollars by rate."""
    run = run_on(20)
    assert (run["version"], run["state"]) == (1, "changed")
    rows = rows_at(lake, KEYS.day(FRIDAY, "parquet"))
    shop = {p["id"]: p for p in world.shop.products(7, 1) if p["category"]["name"] == "Shoes"}
    assert [row["id"] for row in rows] == sorted(shop)
    for row in rows:
        product = shop[row["id"]]
        assert row["price_usd"] == Decimal(product["price"])
        assert row["price_eur"] == in_euros(row["price_usd"], row["rate"])
        assert row["rate_date"] == date(2026, 11, 20)
        assert (row["title"], row["slug"]) == (product["title"], product.get("slug"))
        assert row["category_name"] == "Shoes"
    body = lake.get(KEYS.day(FRIDAY, "parquet"))
    assert pq.read_schema(io.BytesIO(body)).equals(CONTRACT.schema)
    assert lake.get(KEYS.latest("parquet")) == body
    assert lake.get(KEYS.latest("csv")) == lake.get(KEYS.day(FRIDAY, "csv"))


def test_pandas_reads_both_files_alike(run_on: RunOn, lake: Lake) -> None:
    """The CSV is UTF-8, keeps quotes, commas and lines, and spells each decimal as it is."""
    run_on(20)
    parquet = pd.read_parquet(io.BytesIO(lake.get(KEYS.latest("parquet"))))
    csv = pd.read_csv(io.BytesIO(lake.get(KEYS.latest("csv"))), dtype=str, keep_default_na=False)
    assert list(csv) == list(parquet) == CONTRACT.schema.names
    for name in ("title", "description", "images", "category_slug"):
        assert csv[name].tolist() == parquet[name].tolist()
    for name in ("price_usd", "price_eur"):
        assert csv[name].tolist() == [str(value) for value in parquet[name]]
    assert {Decimal(rate) for rate in csv["rate"]} == set(parquet["rate"])
    assert not {rate for rate in csv["rate"] if rate.endswith("0")}
    assert set(csv["rate_date"]) == {FRIDAY}
    assert csv["id"].tolist() == [str(number) for number in parquet["id"]]


def test_the_table_is_readable_as_delta(run_on: RunOn, lake: Lake) -> None:
    """Partitioned by the day of the rate; the days together are the files together."""
    run_on(20, start_date="2023-02-09", end_date="2023-02-13")
    table = DeltaTable(f"s3://{lake.bucket}/{KEYS.table}", storage_options=lake.storage_options)
    assert table.metadata().partition_columns == ["rate_date"]
    found = table.to_pyarrow_table().to_pylist()
    keys = {(row["rate_date"], row["id"]) for row in found}
    assert len(keys) == len(found) == 3 * 14


def test_a_second_run_changes_nothing(run_on: RunOn, lake: Lake, world: Control) -> None:
    """The order at the shop differs each time; not a byte of what is published does."""
    run_on(20)
    before = listing(lake)
    world.shop.dials.shuffles_between_pages = True
    run = run_on(20)
    assert (run["version"], run["state"]) == (None, "unchanged")
    assert listing(lake) == before
    assert "unchanged, nothing was committed" in render(lake, run)


def test_a_dry_run_leaves_no_trace(run_on: RunOn, lake: Lake, world: Control) -> None:
    """It tells what would change, before the first version and after it."""
    run = run_on(20, dry_run=True)
    assert (run["version"], run["state"], listing(lake)) == (None, "changed", {})
    run_on(20)
    before, world.day = listing(lake), 2
    run = run_on(20, dry_run=True)
    assert (run["version"], run["state"], listing(lake)) == (None, "changed", before)
    assert "- table: changed, dry run, nothing was committed" in render(lake, run)


def test_half_a_category_does_not_vanish_unseen(
    run_on: RunOn, lake: Lake, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than half of it gone stops the run, until somebody says why."""
    run_on(20)
    before, products = listing(lake), world.shop.products

    def emptied(*asked: Any) -> Any:
        shoes = [p["id"] for p in products(*asked) if p["category"]["name"] == "Shoes"]
        return [p for p in products(*asked) if p["id"] not in shoes[:left_out]]

    left_out = 8
    monkeypatch.setattr(world.shop, "products", emptied)
    with pytest.raises(AuditFailed, match=r"products that stayed: 8 of 14 are gone .*`accept`"):
        run_on(20)
    assert listing(lake) == before
    run = run_on(20, accept={"products that stayed": "the season is over"})
    assert (run["version"], run["counts"]["sound"]) == (2, 6)
    screen = render(lake, run)
    assert "- checks: 3 of 4 passed\n  - accepted: products that stayed: 8 of 14 " in screen
    assert "the season is over" in screen
    with pytest.raises(CannotAccept, match="`products that stay` is no check"):
        run_on(20, accept={"products that stay": "why not"})


def test_a_category_that_is_made_anew_is_the_same(
    run_on: RunOn, lake: Lake, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another number its products are held against those before, and do not stay for ever."""
    run_on(20)
    shop = world.shop
    products, categories = shop.products(7, 1), shop.categories()

    def anew(category: Any) -> Any:
        return category | {"id": 44} if category["name"] == "Shoes" else category

    def reset(*_: Any) -> Any:
        found = [p | {"category": anew(p["category"])} for p in products]
        shoes = [p["id"] for p in found if p["category"]["id"] == 44]
        new = [p | {"id": 9000 + p["id"]} for p in found if p["id"] in shoes[:3]]
        return [p for p in found if p["id"] not in shoes] + new

    monkeypatch.setattr(shop, "categories", lambda: [anew(c) for c in categories])
    monkeypatch.setattr(shop, "products", reset)
    with pytest.raises(AuditFailed, match="14 of 14 are gone"):
        run_on(20)
    run = run_on(20, accept={"products that stayed": "the shop was reset"})
    assert not run["first_read"]
    assert [row["id"] > 9000 for row in rows_at(lake, KEYS.latest("parquet"))] == [True] * 3
    assert {event for _, event, *_ in told(lake)} == {RETRACTED}
    assert "14 retracted" in render(lake, run)


def test_half_a_category_may_go(
    run_on: RunOn, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly half is no sign of anything in a shop that anybody writes to."""
    run_on(20)
    products = world.shop.products

    def halved(*asked: Any) -> Any:
        shoes = [p["id"] for p in products(*asked) if p["category"]["name"] == "Shoes"]
        return [p for p in products(*asked) if p["id"] not in shoes[:7]]

    monkeypatch.setattr(world.shop, "products", halved)
    assert run_on(20)["counts"]["sound"] == 7


def test_another_bucket_gets_the_same_bytes(run_on: RunOn, lake: Lake, s3: Any) -> None:
    """What is published depends on the sources alone, not on the run that read them."""
    run_on(20)
    first = {k: v for k, v in listing(lake).items() if k.endswith((".parquet", ".csv"))}
    plain = {k: v for k, v in first.items() if "/table/" not in k and "/ledger/" not in k}
    for key in list(lake.keys("")):
        s3.delete_object(Bucket=lake.bucket, Key=key)
    run_on(20)
    assert {key: lake.get(key) for key in plain} == plain


def test_a_changed_price_rewrites_the_day_by_key(run_on: RunOn, lake: Lake, world: Control) -> None:
    """The same day again with other prices: the same keys once, with the new prices."""
    run_on(20)
    before = {row["id"]: row for row in rows_at(lake, KEYS.latest("parquet"))}
    world.day = 2
    run = run_on(20)
    assert run["version"] == 2
    after = {row["id"]: row for row in rows_at(lake, KEYS.day(FRIDAY, "parquet"))}
    assert len(after) == len(rows_at(lake, KEYS.day(FRIDAY, "parquet"))) == 14
    moved = [
        k for k in after.keys() & before.keys() if after[k]["price_usd"] != before[k]["price_usd"]
    ]
    assert len(moved) == 2


def test_the_ledger_tells_what_the_shop_changed_and_not_what_the_rate_did(
    run_on: RunOn, lake: Lake, world: Control
) -> None:
    """Day 2 of the shop: prices, a name, a product that came and one that went."""
    run_on(20)
    run_on(23)  # another rate, the same shop
    assert told(lake) == []
    old = {p["id"]: p for p in world.shop.products(7, 1) if p["category"]["id"] == 4}
    world.day = 2
    new = {p["id"]: p for p in world.shop.products(7, 2) if p["category"]["id"] == 4}
    run = run_on(24)
    rows = told(lake)
    prices = {(r[2], r[4], r[5]) for r in rows if r[1] == EDITED and r[3] == "price_usd"}
    assert prices == {
        (key, f"{old[key]['price']}.00", f"{new[key]['price']}.00")
        for key in old.keys() & new.keys()
        if old[key]["price"] != new[key]["price"]
    }
    assert {r[2] for r in rows if r[1] == PUBLISHED} == new.keys() - old.keys()
    assert {r[2] for r in rows if r[1] == RETRACTED} == old.keys() - new.keys()
    assert {r[3] for r in rows if r[1] == EDITED} <= {"price_usd", "title", "slug"}
    assert {r[0] for r in rows} == {3}
    screen = render(lake, run)
    assert all(f"product {k}: {a} -> {b} US dollars" in screen for k, a, b in prices)


def test_the_ledger_replays_to_what_the_shop_sells(
    run_on: RunOn, lake: Lake, world: Control
) -> None:
    """Over days of edits, put onto the first read, it gives the last; a return is told as one."""
    for day, november in zip((1, 2, 3, 1, 4), (16, 17, 18, 19, 20), strict=True):
        world.day = day
        run_on(november)
    start, end = (products_of(lake, lake.receipt(KEYS.table, v)) for v in (1, 5))
    events = pa.concat_tables(read_ledger(lake))
    columns = PRODUCTS.business_columns
    again = replay(PRODUCTS, start.select(columns), events).sort_by("id")
    assert again.to_pylist() == end.select(columns).to_pylist()
    assert REPUBLISHED in events["event"].to_pylist()


def test_an_older_day_that_is_read_later_leaves_latest_where_it_is(
    run_on: RunOn, lake: Lake
) -> None:
    """`latest` is the newest day of the table, not the last that was written."""
    run_on(20)
    latest = lake.get(KEYS.latest("parquet")), lake.get(KEYS.latest("csv"))
    run = run_on(20, rate_date="2023-02-12")
    assert run["version"] == 2
    assert run["rates"]["last"] == "2023-02-10"  # the Friday before that Sunday
    assert (lake.get(KEYS.latest("parquet")), lake.get(KEYS.latest("csv"))) == latest
    (rate,) = {row["rate"] for row in rows_at(lake, KEYS.day("2023-02-10", "parquet"))}
    assert rate == Decimal("1.069")
    assert "the last one up to 2023-02-12" in render(lake, run)


def test_a_range_has_one_row_a_product_and_rate(run_on: RunOn, lake: Lake, world: Control) -> None:
    """Also when the shop repeats products over its pages, and when days are there already."""
    run_on(20, rate_date="2023-02-10")
    world.shop.dials.repeats_over_pages = True
    run = run_on(20, start_date="2023-02-09", end_date="2023-02-13")
    assert (run["counts"]["days"], run["counts"]["days_changed"]) == (3, 2)
    for day in ("2023-02-09", "2023-02-10", "2023-02-13"):
        ids = [row["id"] for row in rows_at(lake, KEYS.day(day, "parquet"))]
        assert len(ids) == len(set(ids)) == 14
    assert run_on(20, start_date="2023-02-09", end_date="2023-02-13")["version"] is None


@pytest.mark.parametrize("price", ["missing", "null", "zero", "negative", "text", "fractional"])
def test_a_product_that_breaks_the_contract_is_named_and_stays_as_it_was(
    run_on: RunOn, lake: Lake, world: Control, price: Any
) -> None:
    """It is in the quarantine with its reason; the ledger does not call it gone."""
    run_on(20)
    before = {row["id"]: row["price_usd"] for row in rows_at(lake, KEYS.latest("parquet"))}
    world.shop.dials.price = price
    run = run_on(23)
    assert (run["counts"]["set_aside"], run["counts"]["kept"]) == (1, 1)
    (aside,) = rows_at(lake, KEYS.quarantine(run["token"]))
    assert "price_usd: " in aside["reasons"]
    after = {row["id"]: row["price_usd"] for row in rows_at(lake, KEYS.latest("parquet"))}
    assert after == before
    assert told(lake) == []
    assert f"set aside: product {aside['id']}: price_usd" in render(lake, run)


def test_a_product_that_was_never_sound_is_not_published(
    run_on: RunOn, lake: Lake, world: Control
) -> None:
    """There is no earlier state to keep."""
    world.shop.dials.price = "missing"
    run = run_on(20)
    assert (run["counts"]["set_aside"], run["counts"]["kept"]) == (1, 0)
    assert len(rows_at(lake, KEYS.latest("parquet"))) == 13


def test_another_category_lives_beside_the_shoes(run_on: RunOn, lake: Lake) -> None:
    """A run replaces the rows of its own category only, and its first read is no news."""
    run_on(20)
    shoes = rows_at(lake, KEYS.latest("parquet"))
    run = run_on(20, category="clothes")
    both = rows_at(lake, KEYS.latest("parquet"))
    assert [row for row in both if row["category_id"] == 4] == shoes
    assert len(both) == len(shoes) + 13
    assert [row["id"] for row in both] == sorted(row["id"] for row in both)
    assert told(lake) == []
    assert "the first read of Clothes" in render(lake, run)
    assert run_on(20)["version"] is None


def test_a_shop_that_sells_nothing_publishes_nothing(
    run_on: RunOn, lake: Lake, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty category is more likely a fault than the end of all shoes."""
    run_on(20)
    before = listing(lake)
    monkeypatch.setattr(world.shop, "products", lambda *_: [])
    with pytest.raises(NoProducts, match="no sound one"):
        run_on(23)
    assert listing(lake) == before


def test_made_up_and_real_data_never_meet(
    run_on: RunOn, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in one run nor in one bucket; nothing is landed of the other."""
    run_on(20)
    before = set(lake.keys(""))
    monkeypatch.setattr("include.first.exchange.Answer.publisher", "official")
    with pytest.raises(OtherSource, match="another bucket"):
        run_on(23)
    assert set(lake.keys("")) == before


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"start_date": "2023-02-09"}, "belong together"),
        ({"end_date": "2023-02-09"}, "belong together"),
        ({"start_date": "2023-02-10", "end_date": "2023-02-09"}, "exchange them"),
        ({"rate_date": "2023-02-30"}, "no day"),
        (
            {"rate_date": "2023-02-09", "start_date": "2023-02-09", "end_date": "2023-02-10"},
            "leave",
        ),
    ],
    ids=["no end", "no start", "backwards", "no day", "both"],
)
def test_days_that_make_no_sense_are_refused(lake: Lake, days: dict[str, str], said: str) -> None:
    """Before anything is read or written."""
    asked = {"rate_date": None, "start_date": None, "end_date": None} | days
    with pytest.raises(PermanentError, match=said):
        begin(lake, "Shoes", FRIDAY, **asked, run_id="test")
    assert list(lake.keys("")) == []


def test_a_range_without_a_rate_publishes_nothing(run_on: RunOn, lake: Lake) -> None:
    """A weekend has none, and says so."""
    with pytest.raises(NoRate, match="from 2023-02-11 to 2023-02-12"):
        run_on(20, start_date="2023-02-11", end_date="2023-02-12")
    assert lake.head(KEYS.table).version == -1


def test_what_a_crash_left_is_mended_by_the_next_run(
    run_on: RunOn, lake: Lake, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after the commit: files and ledger are the old ones, until the next run."""
    run_on(20)
    world.day = 2
    with monkeypatch.context() as killed:
        killed.setattr("include.shoe_prices.run.project", _die)
        with pytest.raises(KeyboardInterrupt):
            run_on(23)
    assert lake.head(KEYS.table).version == 2
    assert not [key for key in lake.keys(KEYS.folder) if MONDAY in key and "/table/" not in key]
    run = run_on(23)
    assert run["version"] is None
    assert rows_at(lake, KEYS.latest("parquet"))[0]["rate_date"] == date(2026, 11, 23)
    assert {row[0] for row in told(lake)} == {2}


def _die(_: Lake) -> None:
    raise KeyboardInterrupt


def test_a_commit_whose_answer_was_lost_is_found_again(
    run_on: RunOn, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says that it was ours: it is not done twice."""
    original = Lake.commit

    def lost(*given: Any, **named: Any) -> int:
        original(*given, **named)
        raise LakeError("no answer")

    monkeypatch.setattr(Lake, "commit", lost)
    monkeypatch.setattr("include.shoe_prices.run.bring_to_head", lambda _: [])
    assert run_on(20)["version"] == 1
    assert lake.head(KEYS.table).version == 1


def test_a_read_that_is_older_than_the_head_changes_nothing(
    run_on: RunOn, lake: Lake, world: Control
) -> None:
    """A slow run must not put yesterday's prices over today's."""
    world.day = 2
    run_on(20)
    before = listing(lake)
    world.day = 1
    run = run_on(19)
    assert (run["version"], run["state"]) == (None, "known from a later read")
    assert listing(lake) == before


def test_projections_that_somebody_changed_are_mended(run_on: RunOn, lake: Lake) -> None:
    """Whatever lies under a plain name must say that it is of the head's file."""
    run_on(20)
    before = listing(lake)
    lake.delete(KEYS.day(FRIDAY, "csv"))
    lake.project(KEYS.latest("parquet"), b"x", {"sha256": "x"})
    assert project(lake) == sorted([KEYS.day(FRIDAY, "csv"), KEYS.latest("parquet")])
    assert listing(lake) == before


def test_a_table_with_other_columns_is_refused(lake: Lake) -> None:
    """Before anything is read."""
    lake.create(KEYS.table, PRODUCTS.schema, partition_by="category_id")
    with pytest.raises(OtherColumns, match="rate_date"):
        begin(lake, "Shoes", FRIDAY, None, None, None, "test")


def test_a_ledger_that_lost_its_table_is_refused(run_on: RunOn, lake: Lake) -> None:
    """As with the recalls, by the same code."""
    run_on(20)
    for key in list(lake.keys(f"{KEYS.table}/")):
        lake.delete(key)
    with pytest.raises(LedgerTorn, match="restore both"):
        begin(lake, "Shoes", FRIDAY, None, None, None, "test")


def test_a_ledger_never_skips_what_it_cannot_read(
    run_on: RunOn, lake: Lake, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The products of the version before are gone: it stops with a clear line."""
    run_on(20)
    world.day = 2
    with monkeypatch.context() as later:
        later.setattr("include.shoe_prices.run.bring_to_head", lambda _: [])
        run_on(23)
    lake.delete(KEYS.products(lake.receipt(KEYS.table, 1)["products"]))
    with pytest.raises(LedgerTorn, match="skips nothing"):
        bring_to_head(lake)


def test_raw_is_what_the_apis_said(run_on: RunOn, lake: Lake) -> None:
    """Byte for byte, under the token of the run; and nothing in the bucket is a secret."""
    run = run_on(20)
    raw = {key: gzip.decompress(lake.get(key)) for key in lake.keys(KEYS.raw_folder)}
    assert all(key.startswith(f"{KEYS.raw_folder}{run['token']}/") for key in raw)
    (products,) = (body for body in raw.values() if body.startswith(b"["))
    (rates,) = (body for body in raw.values() if body.startswith(b"KEY,"))
    assert len(json.loads(products)) == 14
    assert rates.endswith(b"\r\n")
    everything = b"".join(lake.get(key) for key in lake.keys("")) + products + rates
    for secret in (b"secretword7", b"access_token", b"refresh_token", b"eyJ"):
        assert secret not in everything


def test_the_audit_would_stop_a_wrong_price(
    run_on: RunOn, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is checked against the rate once more, not trusted."""
    monkeypatch.setattr(
        "include.shoe_prices.price.in_euros", lambda usd, rate: in_euros(usd * rate, Decimal(1))
    )
    with pytest.raises(PermanentError, match="euros times rate"):
        run_on(20)
    assert lake.head(KEYS.table).version == -1

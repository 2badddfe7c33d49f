"""Prices in euros: products times rates, in decimals from end to end."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypedDict

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import PermanentError
from include.first.keys import PriceKeys
from include.first.lake import Lake
from include.first.parquet import to_parquet
from include.shoe_prices.accept import accept
from include.shoe_prices.contract import CONTRACT, PRODUCTS
from include.shoe_prices.ecb import FIRST_DAY, NoRate, rates_in
from include.shoe_prices.read import Asked, Landed, OtherSource, source_of, take

log = logging.getLogger(__name__)
KEYS = PriceKeys(CONTRACT.name)
CENT = Decimal("0.01")
TOLD = 100  # reasons; all are in the quarantine, which tasks do not hand on


class Staged(TypedDict):
    """The sound products of a read, and the rates that they are to be priced at."""

    asked: Asked
    products_key: str
    set_aside_ids: list[int]
    set_aside: list[str]
    category: str
    category_id: int
    rates_key: str
    source: dict[str, str]
    observed_at: str
    counts: dict[str, int]


class NoProducts(PermanentError):
    """There is nothing to publish, which is more likely a fault of the shop than the truth."""


def stage(lake: Lake, asked: Asked, products: Landed, rates: Landed) -> Staged:
    """Hold the products against the contract, choose the rates."""
    if products["publisher"] != rates["publisher"]:
        raise OtherSource(
            f"the shop's products are {products['publisher']} and the ECB's rates "
            f"{rates['publisher']}; nothing was published. Correct the connections"
        )
    accepted = accept(take(lake, page) for page in products["pages"])
    reasons = [f"{row['id']}: {row['reasons']}" for row in accepted.set_aside.to_pylist()]
    for reason in reasons:
        log.warning("set aside: product %s", reason)
    if accepted.set_aside.num_rows:
        made_from = {"token": asked["token"]}
        lake.project(KEYS.quarantine(asked["token"]), to_parquet(accepted.set_aside), made_from)
    if not accepted.rows.num_rows:
        raise NoProducts(
            f"the category {products['category']} has {accepted.listed} products and no sound one; "
            "nothing was published. Look at the shop, or at the quarantine"
        )
    if accepted.repeated:
        log.info("%d products came more than once; the newest copy counts", accepted.repeated)
    chosen = choose(asked, rates_in(take(lake, rates["pages"][0])), rates["answered_at"])
    products_key = KEYS.sound_products(asked["token"])
    lake.project(products_key, to_parquet(accepted.rows), {"token": asked["token"]})
    rates_key = KEYS.staging(asked["token"], "rates.json")
    spelled = {day.isoformat(): str(rate) for day, rate in chosen.items()}
    lake.project(rates_key, json.dumps(spelled).encode(), {"token": asked["token"]})
    return Staged(
        asked=asked,
        products_key=products_key,
        set_aside_ids=accepted.set_aside_ids,
        set_aside=reasons[:TOLD],
        category=products["category"],
        category_id=products["category_id"],
        rates_key=rates_key,
        source=source_of(products["publisher"]),
        observed_at=products["answered_at"],
        counts={
            "listed": accepted.listed,
            "repeated": accepted.repeated,
            "set_aside": accepted.set_aside.num_rows,
            "sound": accepted.rows.num_rows,
        },
    )


def choose(asked: Asked, rates: Mapping[date, Decimal], today: str) -> dict[date, Decimal]:
    """All rates of a range; of one day the last that was published on or before it."""
    last = date.fromisoformat(asked["last"])
    first = date.fromisoformat(asked["first"] or FIRST_DAY.isoformat())
    found = {day: rate for day, rate in rates.items() if first <= day <= last}
    if asked["last"] > today[:10]:
        raise NoRate(
            f"{last} is still to come (the ECB has {today[:10]}); ask for a day up to today"
        )
    if not found:
        when = f"from {first} to {last}" if asked["first"] else f"on or before {last}"
        raise NoRate(
            f"the ECB published no rate {when}; nothing was published. It publishes on working "
            f"days from {FIRST_DAY} on, at about 16:00 in Frankfurt: ask for other days"
        )
    if asked["first"]:
        return found
    day = max(found)
    if day != last:
        log.info("there is no rate of %s; the last one before it is of %s", last, day)
    return {day: found[day]}


def in_euros(price_usd: Decimal, rate: Decimal) -> Decimal:
    """28 digits are more than any tie of cents needs, so this rounds once and only once."""
    return (price_usd / rate).quantize(CENT, ROUND_HALF_EVEN)


def priced(products: pa.Table, day: str, rate: Decimal) -> pa.Table:
    """The published columns of these products at the rate of a day."""
    euros = [in_euros(price, rate) for price in products["price_usd"].to_pylist()]
    columns = {name: products[name] for name in PRODUCTS.schema.names} | {
        "price_eur": euros,
        "rate": [rate] * len(euros),
        "rate_date": [date.fromisoformat(day)] * len(euros),
    }
    return pa.table(
        [
            pa.array(columns[field.name], field.type)
            if isinstance(columns[field.name], list)
            else columns[field.name].cast(field.type)
            for field in CONTRACT.schema
        ],
        schema=CONTRACT.schema,
    )


def to_csv(parquet: bytes) -> bytes:
    """The same rows for a spreadsheet: UTF-8, decimals as text, a rate as the ECB spells it."""
    rows: pd.DataFrame = pq.read_table(io.BytesIO(parquet), use_threads=False).to_pandas()
    rows["rate"] = [f"{rate.normalize():f}" for rate in rows["rate"]]
    for name in ("created_at", "updated_at"):
        rows[name] = rows[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text: str = rows.to_csv(index=False, lineterminator="\n")
    return text.encode()

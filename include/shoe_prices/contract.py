"""What a published row of shoe prices is, and what of it the shop says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pyarrow as pa

from include.first.contract import MONEY, TIMESTAMP, Column, Contract, Limit

TEXT, NUMBER = ("text",), ("number", "text")
# The ECB gives four or five digits after the point; six leave room, and more are refused.
RATE = pa.decimal128(18, 6)
RATE_DIGITS = 6
# In US dollars and in cents of a euro. The shop itself takes only prices above nothing.
LEAST_PRICE = 1
# Anybody may write to the shop, and it is emptied now and then.
PRODUCTS_LOST = Limit(
    Fraction(1, 2),
    "It counts the products of the category that are gone since the read before.",
)

PRODUCTS = Contract(
    name="shoe_prices",
    version="1",
    grain="One row is one product as the shop described it in one read.",
    key="id",
    sort_by=("id",),
    columns=(
        Column("id", "id", pa.int64(), "The shop's number of the product.", NUMBER, required=True),
        Column("title", "title", pa.string(), "Its name, verbatim.", TEXT, required=True),
        Column("slug", "slug", pa.string(), "Its name in addresses; some have none.", TEXT),
        Column(
            "price_usd",
            "price",
            MONEY,
            "The shop's price in US dollars, which has no cents.",
            NUMBER,
            required=True,
            minimum=LEAST_PRICE,
        ),
        Column("description", "description", pa.string(), "The shop's words on it.", TEXT),
        Column(
            "category_id",
            "category.id",
            pa.int64(),
            "The shop's number of the category.",
            NUMBER,
            required=True,
        ),
        Column(
            "category_name",
            "category.name",
            pa.string(),
            "The category's name in that read.",
            TEXT,
            business=False,
        ),
        Column(
            "category_slug",
            "category.slug",
            pa.string(),
            "The category's name in addresses.",
            TEXT,
            business=False,
        ),
        Column(
            "category_image",
            "category.image",
            pa.string(),
            "A picture of the category.",
            TEXT,
            business=False,
        ),
        Column(
            "images",
            "images",
            pa.string(),
            "The addresses of its pictures, a list in JSON; lists that came cut up are mended.",
            ("list",),
        ),
        Column("created_at", "creationAt", TIMESTAMP, "When the shop took it in.", TEXT),
        Column(
            "updated_at",
            "updatedAt",
            TIMESTAMP,
            "When anybody last wrote to it, whether anything changed or not.",
            TEXT,
            business=False,
        ),
    ),
)
COMPUTED = (
    Column(
        "price_eur",
        "price / rate",
        MONEY,
        "`price_usd` / `rate` in euros, rounded half to even to cents.",
        (),
        required=True,
    ),
    Column(
        "rate",
        "OBS_VALUE",
        RATE,
        "US dollars for one euro, as the ECB published them.",
        (),
        required=True,
    ),
    Column(
        "rate_date",
        "TIME_PERIOD",
        pa.date32(),
        "The day of the rate; the file has its name.",
        (),
        required=True,
    ),
)
CONTRACT = replace(
    PRODUCTS,
    grain=(
        "One row is one product at the rate of one day: the price that the shop asked when it was "
        "last read for that day, in dollars and in euros. Prices of a past day were not asked on "
        "that day, for the shop only tells today's. Do not add days up: each has all products."
    ),
    columns=(*PRODUCTS.columns, *COMPUTED),
)

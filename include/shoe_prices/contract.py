"""What a row of the shop's products is, and what a row of their prices in euros is."""

from fractions import Fraction

import pyarrow as pa

from include.data.contract import MONEY, TEXT, TIMESTAMP, Column, Dataset, Limit

# The ECB gives four or five digits after the point; a rate with more than six is refused.
RATE = pa.decimal128(18, 6)
# Anybody may write to the shop, and its operator resets it now and then.
PRODUCTS_GONE = Limit(Fraction(1, 2), "Products that are gone from the category.")
MAX_RATE_AGE_DAYS = 7  # the longest gap of the calendar is five days

PRODUCT_COLUMNS = (
    Column("id", pa.int64(), "The shop's number of the product.", required=True),
    Column("title", TEXT, "The name of the product, verbatim.", required=True),
    Column("slug", TEXT, "The name in addresses; some products have none."),
    Column("price_usd", MONEY, "In US dollars.", "price", required=True, minimum=1),
    Column("description", TEXT, "The shop's description."),
    Column("category_id", pa.int64(), "The category's number.", "category.id", required=True),
    Column("category_name", TEXT, "The category's name.", "category.name", required=True),
    Column("category_slug", TEXT, "The name of the category in addresses.", "category.slug"),
    Column("category_image", TEXT, "The address of a picture of the category.", "category.image"),
    Column("images", TEXT, "The addresses of pictures, a JSON list; a broken one is repaired."),
    Column("created_at", TIMESTAMP, "A reset of the shop renews it.", "creationAt", business=False),
    Column("updated_at", TIMESTAMP, "Renewed by every write.", "updatedAt", business=False),
)

SHOE_PRODUCTS = Dataset(
    name="shoe_products",
    version="1",
    grain="One row is one product that the shop sells, as the last read of its category found it.",
    key="id",
    columns=PRODUCT_COLUMNS,
)

SHOE_PRICES = Dataset(
    name="shoe_prices",
    version="1",
    grain=(
        "One row is one product at the ECB rate of one day, in dollars and in euros. The shop "
        "gives only the price of now: the row of a past day has the price of the read, at the "
        "rate of that day. Do not add days up; each has all products."
    ),
    key="price_id",
    columns=(
        *PRODUCT_COLUMNS,
        Column("price_eur", MONEY, "`price_usd` / `rate`, rounded half to even.", required=True),
        Column("rate", RATE, "US dollars for one euro, as published.", "OBS_VALUE", required=True),
        Column("rate_date", pa.date32(), "The day of the rate.", "TIME_PERIOD", required=True),
        Column("price_id", TEXT, "Rate day and product, such as 2026-11-20/17.", required=True),
    ),
    sort_by=("rate_date", "id"),
    partition_by="rate_date",
)

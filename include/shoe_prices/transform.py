"""From the shop's answer to valid products and quarantined ones, and from these to prices."""

import json
import re
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.contract import MONEY
from include.data.validate import quarantine, validate
from include.shoe_prices.contract import RATE, SHOE_PRICES, SHOE_PRODUCTS

CENT = Decimal("0.01")
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold
Product = dict[str, Any]


class Products(NamedTuple):
    rows: pa.Table
    quarantined: pa.Table
    listed: int
    repeated: int  # of these, older copies of another one


def read_products(page: bytes) -> Products:
    listed = json.loads(page, parse_float=Decimal)
    products = _newest_copies(listed)
    fields = [_fields(product) for product in products]
    schema = pa.schema([(column.field, pa.string()) for column in SHOE_PRODUCTS.columns])
    validated = validate(
        SHOE_PRODUCTS, pa.Table.from_pylist([texts for texts, _ in fields], schema=schema)
    )
    for row, (_, problems) in enumerate(fields):
        if problems:
            validated.reasons[row] = [*problems, *validated.reasons.get(row, [])]
    rows, bad = quarantine(validated, lambda row: json.dumps(products[row], default=str))
    return Products(rows, bad, len(listed), len(listed) - len(products))


def _newest_copies(listed: list[Product]) -> list[Product]:
    """Of several copies of a product the one that was updated last."""
    products: dict[str, Product] = {}
    oldest_first = sorted(listed, key=lambda product: str(product.get("updatedAt") or ""))
    for number, product in enumerate(oldest_first):
        key = product.get("id")
        products[f"no id, {number}" if key is None else str(key)] = product
    return list(products.values())


def _fields(product: Product) -> tuple[dict[str, str | None], list[str]]:
    """Each field as text, and what is wrong with those that cannot be one."""
    texts: dict[str, str | None] = {}
    problems = []
    for column in SHOE_PRODUCTS.columns:
        value: Any = product
        for part in column.field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if column.name == "images":
            value = _images(value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str | None):
            shown = json.dumps(value, default=str)[:60]
            problems.append(f"{column.name}: {shown} is neither text nor number")
            value = None
        elif value and SURROGATE.search(value):
            problems.append(f"{column.name}: has half a character")
            value = None
        texts[column.field] = value
    return texts, problems


def _images(value: Any) -> Any:
    """The list as JSON. The shop once stored some lists as JSON text and cut it at its commas."""
    images = [value] if isinstance(value, str) else value
    if not _are_texts(images):
        return value
    try:
        repaired = json.loads(",".join(images))
    except (ValueError, RecursionError):
        repaired = None
    return json.dumps(repaired if _are_texts(repaired) else images, ensure_ascii=False)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def in_euros(price_usd: Decimal, rate: Decimal) -> Decimal:
    """A quotient of 28 digits is exact enough for any tie of cents, so this rounds once."""
    return (price_usd / rate).quantize(CENT, ROUND_HALF_EVEN)


def price_rows(products: pa.Table, day: date, rate: Decimal) -> pa.Table:
    """These products at the rate of a day."""
    euros = [in_euros(price, rate) for price in products["price_usd"].to_pylist()]
    columns = {name: products[name] for name in SHOE_PRODUCTS.names} | {
        "price_eur": pa.array(euros, MONEY),
        "rate": pa.array([rate] * len(euros), RATE),
        "rate_date": pa.array([day] * len(euros), pa.date32()),
        "price_id": pa.array([f"{day}/{number}" for number in products["id"].to_pylist()]),
    }
    return pa.table(columns).select(SHOE_PRICES.names).cast(SHOE_PRICES.schema)

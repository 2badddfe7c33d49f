"""Products are typed, or quarantined with every reason."""

import json
from decimal import Decimal
from typing import Any

import pytest

from include.shoe_prices.transform import in_euros, read_products

VALID = {
    "id": 7,
    "title": 'A "shoe", 京都',
    "slug": "a-shoe",
    "price": 39,
    "description": "Two\nlines",
    "category": {"id": 4, "name": "Shoes", "slug": "shoes", "image": "https://x/4.png"},
    "images": ["https://x/1.png"],
    "creationAt": "2026-06-26T09:57:57.000Z",
    "updatedAt": "2026-06-26T09:57:57.000Z",
}


def page(*products: dict[str, Any]) -> bytes:
    return json.dumps(products).encode()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in VALID.items() if key != name}


def test_read_products_types_valid_product() -> None:
    (row,) = read_products(page(VALID)).rows.to_pylist()
    assert row["id"] == 7
    assert row["price_usd"] == Decimal("39.00")
    assert row["title"] == VALID["title"]
    assert row["created_at"].isoformat() == "2026-06-26T09:57:57+00:00"
    assert row["images"] == '["https://x/1.png"]'
    assert (row["category_id"], row["category_name"]) == (4, "Shoes")


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (without("price"), "price_usd: is missing"),
        (VALID | {"price": ""}, "price_usd: is missing"),
        (VALID | {"price": 0}, "price_usd: '0' is below 1"),
        (VALID | {"price": -7}, "price_usd: '-7' is below 1"),
        (VALID | {"price": 39.999}, "price_usd: '39.999' is not a number with at most 2 decimals"),
        (VALID | {"price": float("nan")}, "price_usd: NaN is neither text nor number"),
        (VALID | {"price": True}, "price_usd: true is neither text nor number"),
        (without("id"), "id: is missing"),
        (VALID | {"id": "seven"}, "id: 'seven' is not a whole number of 64 bits"),
        (VALID | {"title": None}, "title: is missing"),
        (VALID | {"title": "\ud83d"}, "title: has half a character"),
        (VALID | {"category": None}, "category_id: is missing"),
        (
            VALID | {"updatedAt": "yesterday"},
            "updated_at: 'yesterday' is not a point in time in UTC",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_products_quarantines_invalid_product_with_its_reason(
    product: dict[str, Any], reason: str
) -> None:
    """The raw product is kept; the valid product beside it is unaffected."""
    found = read_products(page(product, VALID | {"id": 8}))
    assert found.rows["id"].to_pylist() == [8]
    (bad,) = found.quarantined.to_pylist()
    assert reason in bad["reasons"].split("; ")
    assert json.loads(bad["raw"]).keys() == product.keys()
    assert (found.listed, found.repeated) == (2, 0)


@pytest.mark.parametrize("name", ["slug", "description", "images", "creationAt", "updatedAt"])
def test_read_products_missing_optional_field_is_null(name: str) -> None:
    found = read_products(page(without(name)))
    assert (found.rows.num_rows, found.quarantined.num_rows) == (1, 0)


def test_read_products_takes_the_newest_copy() -> None:
    """Order matters only for equally new copies: the last one wins."""
    later = VALID | {"price": 41, "updatedAt": "2026-06-27T00:00:00.000Z"}
    for products in ((VALID, later), (later, VALID)):
        found = read_products(page(*products))
        assert found.rows["price_usd"].to_pylist() == [Decimal(41)]
        assert (found.listed, found.repeated) == (2, 1)
    found = read_products(page(VALID, VALID | {"price": 40}))
    assert found.rows["price_usd"].to_pylist() == [40]


def test_read_products_without_id_are_never_copies() -> None:
    found = read_products(page(without("id"), without("id")))
    assert (found.quarantined.num_rows, found.repeated) == (2, 0)


@pytest.mark.parametrize(
    ("images", "kept"),
    [
        (["https://x/1.png", "https://x/2.png"], ["https://x/1.png", "https://x/2.png"]),
        (['["https://x/1.png"', '"https://x/2.png"]'], ["https://x/1.png", "https://x/2.png"]),
        (['["https://x/1.png"]'], ["https://x/1.png"]),
        (["[no json]"], ["[no json]"]),
        ("https://x/1.png", ["https://x/1.png"]),
        ([], []),
    ],
    ids=["list", "split", "quoted", "invalid", "text", "none"],
)
def test_read_products_repairs_the_json_list_of_images(images: Any, kept: list[str]) -> None:
    (row,) = read_products(page(VALID | {"images": images})).rows.to_pylist()
    assert json.loads(row["images"]) == kept


@pytest.mark.parametrize(
    ("usd", "rate", "eur"),
    [
        ("39", "1.0771", "36.21"),
        ("39", "1.069", "36.48"),
        ("1.01", "2", "0.50"),  # 0.505: a tie rounds to the even cent
        ("1.03", "2", "0.52"),  # 0.515
        ("1", "8", "0.12"),  # 0.125
        ("3", "8", "0.38"),  # 0.375
        ("100000001", "80000000", "1.25"),  # just above a tie
        ("0.01", "1.9999", "0.01"),
        ("0.01", "2", "0.00"),
    ],
    ids=str,
)
def test_in_euros_rounds_the_exact_quotient_once_half_to_even(
    usd: str, rate: str, eur: str
) -> None:
    assert str(in_euros(Decimal(usd), Decimal(rate))) == eur

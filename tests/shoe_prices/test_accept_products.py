"""Products held against the contract: what is typed, what is set aside and with which reason."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from include.shoe_prices.accept import accept

SOUND = {
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
    return {key: value for key, value in SOUND.items() if key != name}


def test_a_sound_product_is_typed() -> None:
    """Numbers, money, instants, and text as it came."""
    (row,) = accept([page(SOUND)]).rows.to_pylist()
    assert row["id"] == 7
    assert row["price_usd"] == Decimal("39.00")
    assert row["title"] == SOUND["title"]
    assert row["created_at"].isoformat() == "2026-06-26T09:57:57+00:00"
    assert row["images"] == '["https://x/1.png"]'
    assert (row["category_id"], row["category_name"]) == (4, "Shoes")


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (without("price"), "price_usd: is missing"),
        (SOUND | {"price": None}, "price_usd: is missing"),
        (SOUND | {"price": ""}, "price_usd: is missing"),
        (SOUND | {"price": 0}, "price_usd: '0' is under 1"),
        (SOUND | {"price": -7}, "price_usd: '-7' is under 1"),
        (SOUND | {"price": 39.99}, "price_usd: '39.99' is not a whole amount"),
        (SOUND | {"price": "39 dollars"}, "price_usd: '39 dollars' is not a whole amount"),
        (SOUND | {"price": 1e30}, "price_usd: '1E+30' is not a whole amount"),
        (SOUND | {"price": float("nan")}, "price: NaN is neither text nor number"),
        (SOUND | {"price": True}, "price: true is neither text nor number"),
        (SOUND | {"price": [39]}, "price: [39] is neither text nor number"),
        (without("id"), "id: is missing"),
        (SOUND | {"id": "seven"}, "id: 'seven' is not a whole number"),
        (SOUND | {"title": None}, "title: is missing"),
        (SOUND | {"title": "\ud83d"}, "title: holds what is no character"),
        (SOUND | {"category": None}, "category_id: is missing"),
        (SOUND | {"updatedAt": "yesterday"}, "updated_at: 'yesterday' is not an instant in UTC"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_breaks_the_contract_is_set_aside_with_its_reason(
    product: dict[str, Any], reason: str
) -> None:
    """It is counted, named and kept whole; the sound product beside it is not touched."""
    accepted = accept([page(product, SOUND | {"id": 8})])
    assert accepted.rows["id"].to_pylist() == [8]
    (aside,) = accepted.set_aside.to_pylist()
    assert reason in aside["reasons"].split("; ")
    assert json.loads(aside["raw"]).keys() == product.keys()
    assert accepted.listed == accepted.repeated + 2


@pytest.mark.parametrize("name", ["slug", "description", "images", "creationAt", "updatedAt"])
def test_what_may_be_missing_is_null(name: str) -> None:
    """The public shop leaves things out; a price and a name are enough."""
    accepted = accept([page(without(name))])
    assert (accepted.rows.num_rows, accepted.set_aside.num_rows) == (1, 0)


def test_of_several_copies_the_newest_counts() -> None:
    """Whichever came first; of two that are equally new the one that came last."""
    later = SOUND | {"price": 41, "updatedAt": "2026-06-27T00:00:00.000Z"}
    for pages in ([page(SOUND, later)], [page(later), page(SOUND)]):
        accepted = accept(pages)
        assert accepted.rows["price_usd"].to_pylist() == [Decimal(41)]
        assert (accepted.listed, accepted.repeated) == (2, 1)
    assert accept([page(SOUND, SOUND | {"price": 40})]).rows["price_usd"].to_pylist() == [40]


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
    ids=["whole", "cut", "quoted", "odd", "text", "none"],
)
def test_images_are_a_list_in_json(images: Any, kept: list[str]) -> None:
    """Broken lists are mended, and what cannot be mended stays as it is."""
    (row,) = accept([page(SOUND | {"images": images})]).rows.to_pylist()
    assert json.loads(row["images"]) == kept

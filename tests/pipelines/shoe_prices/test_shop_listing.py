"""The shop lists all products of a category, found by name, in one answer."""

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.http.errors import UnexpectedBody
from include.shoe_prices.shop import Shop

SHOES = 14  # on the first day


def limits(world: Control) -> list[str]:
    return [r.params["limit"] for r in world.requests if r.path.endswith("/products")]


@pytest.mark.parametrize("name", ["Shoes", "shoes", " SHOES "])
@pytest.mark.parametrize("there", ["Shoes", "shoes"])
def test_listing_ignores_the_case_of_the_category(
    shop: Shop, world: Control, name: str, there: str
) -> None:
    world.shop.shoes = there
    assert shop.listing(name)[0] == there


def test_listing_of_missing_category_names_the_others(shop: Shop, world: Control) -> None:
    """No products are requested: for category 0 the shop would send all of them."""
    world.shop.shoes = "Sneakers"
    with pytest.raises(PermanentError, match=r"Clothes \(1\).*Sneakers \(4\)"):
        shop.listing("Shoes")
    assert limits(world) == []


def test_listing_refuses_two_categories_with_one_name(shop: Shop, world: Control) -> None:
    world.shop.second_shoes = True
    with pytest.raises(PermanentError, match="2 categories"):
        shop.listing("shoes")


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        (SHOES - 1, ["13", "130"]),
        (SHOES, ["14", "140"]),
        (SHOES + 1, ["15"]),
        (1, ["1", "10", "100"]),
    ],
)
def test_listing_requests_a_full_answer_again_with_a_larger_limit(
    shop: Shop, world: Control, monkeypatch: pytest.MonkeyPatch, size: int, asked: list[str]
) -> None:
    """One answer has all products, so none is missed when the shop reorders them."""
    monkeypatch.setattr("include.shoe_prices.shop.FIRST_SIZE", size)
    world.shop.shuffles_between_pages = world.shop.repeats_over_pages = True
    found = [row["id"] for row in shop.listing("Shoes")[1].rows()]
    assert len(found) == len(set(found)) == SHOES
    assert limits(world) == asked


def test_listing_refuses_products_of_another_category(
    shop: Shop, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop may ignore the filter and send all products."""
    page = world.shop.page
    monkeypatch.setattr(
        world.shop, "page", lambda seed, day, _, *rest: page(seed, day, None, *rest)
    )
    with pytest.raises(UnexpectedBody, match="instead of 4"):
        shop.listing("Shoes")

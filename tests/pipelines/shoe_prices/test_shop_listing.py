"""All products of a category: found by name, in one answer, each product once."""

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.http.errors import UnexpectedBody
from include.shoe_prices.shop import Shop

SHOES = 14  # on the first day


def sizes(world: Control) -> list[str]:
    return [r.params["limit"] for r in world.requests if r.path.endswith("/products")]


@pytest.mark.parametrize("name", ["Shoes", "shoes", " SHOES "])
@pytest.mark.parametrize("there", ["Shoes", "shoes"])
def test_listing_finds_the_category_in_any_case(
    shop: Shop, world: Control, name: str, there: str
) -> None:
    world.shop.shoes = there
    assert shop.listing(name)[0] == there


def test_listing_missing_category_is_an_error_that_names_the_others(
    shop: Shop, world: Control
) -> None:
    """Never all products instead, which is what the shop sends for category 0."""
    world.shop.shoes = "Sneakers"
    with pytest.raises(PermanentError, match=r"Clothes \(1\).*Sneakers \(4\)"):
        shop.listing("Shoes")
    assert sizes(world) == []


def test_listing_two_categories_of_one_name_are_refused(shop: Shop, world: Control) -> None:
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
def test_listing_full_answer_is_asked_for_again_larger(
    shop: Shop, world: Control, monkeypatch: pytest.MonkeyPatch, size: int, asked: list[str]
) -> None:
    """All products are in one answer, so none is missed when the shop changes their order."""
    monkeypatch.setattr("include.shoe_prices.shop.FIRST_SIZE", size)
    world.shop.shuffles_between_pages = world.shop.repeats_over_pages = True
    found = [row["id"] for row in shop.listing("Shoes")[1].rows()]
    assert len(found) == len(set(found)) == SHOES
    assert sizes(world) == asked


def test_listing_products_of_another_category_are_refused(
    shop: Shop, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop sends everything when it forgets the filter."""
    page = world.shop.page
    monkeypatch.setattr(
        world.shop, "page", lambda seed, day, _, *rest: page(seed, day, None, *rest)
    )
    with pytest.raises(UnexpectedBody, match="instead of 4"):
        shop.listing("Shoes")

"""All products of a category: found by name, every page, each product once."""

from __future__ import annotations

import json

import pytest

from fakes.control import Control
from include.first.rest import UnexpectedBody
from include.shoe_prices.accept import accept
from include.shoe_prices.shop import Listing, NoSuchCategory, Shop
from tests.shoe_prices.conftest import ACCOUNT, Memory

SHOES = 14  # of the first day


def ids_of(listing: Listing) -> list[int]:
    return [row["id"] for page in listing.pages for row in json.loads(page.content)]


def paths(world: Control) -> list[dict[str, str]]:
    return [r.params for r in world.requests if r.path.endswith("/products")]


@pytest.fixture
def paged(recalls_url: str, shop: Shop, store: Memory):
    """The shop, read in pages of a size."""
    assert shop
    return lambda size: Shop(recalls_url, ACCOUNT, store, page_size=size)


@pytest.mark.parametrize("name", ["Shoes", "shoes", "SHOES", " Shoes "])
@pytest.mark.parametrize("there", ["Shoes", "shoes"])
def test_the_category_is_found_in_any_case(
    shop: Shop, world: Control, name: str, there: str
) -> None:
    """The name is all that a person knows; its number is the shop's business."""
    world.shop.dials.shoes = there
    assert shop.category(name).id == 4


def test_a_category_that_is_missing_is_an_error_with_those_that_are_there(
    shop: Shop, world: Control
) -> None:
    """Never all products instead, which is what the shop gives for category 0."""
    world.shop.dials.shoes = "Sneakers"
    with pytest.raises(NoSuchCategory) as missing:
        shop.listing("Shoes")
    assert "Clothes (1)" in str(missing.value)
    assert "Sneakers (4)" in str(missing.value)
    assert paths(world) == []


def test_two_categories_of_one_name_are_refused(shop: Shop, world: Control) -> None:
    """A stranger's empty `Shoes` must not decide which shoes are meant."""
    world.shop.dials.second_shoes = True
    with pytest.raises(NoSuchCategory, match="2 categories"):
        shop.listing("shoes")


@pytest.mark.parametrize(
    ("size", "pages"), [(SHOES - 1, 2), (SHOES, 2), (SHOES + 1, 1), (5, 3), (1, SHOES + 1)]
)
def test_every_page_is_read(paged, world: Control, size: int, pages: int) -> None:
    """One short of full, exactly full, one more; a full last page is followed by an empty one."""
    found = ids_of(paged(size).listing("Shoes"))
    assert len(found) == len(set(found)) == SHOES
    first_pass = [p for p in paths(world) if p["limit"] == str(size)]
    assert len(first_pass) == pages
    assert [int(p["offset"]) for p in first_pass] == [n * size for n in range(pages)]


@pytest.mark.parametrize("dial", ["shuffles_between_pages", "repeats_over_pages"])
def test_no_product_is_lost_when_pages_shift(paged, world: Control, dial: str) -> None:
    """A product that came twice means another was missed: the pages are read again, larger."""
    setattr(world.shop.dials, dial, True)
    found = ids_of(paged(3).listing("Shoes"))
    assert len(found) == len(set(found)) == SHOES


def test_pages_that_never_agree_are_given_up(
    paged, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even the largest pages hold all, nothing is published rather than half of it."""
    monkeypatch.setattr("include.shoe_prices.shop.PASSES", 2)
    world.shop.dials.repeats_over_pages = True
    with pytest.raises(UnexpectedBody, match="in each of 2 passes"):
        paged(2).listing("Shoes")


def test_products_of_another_category_are_refused(
    shop: Shop, world: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop that forgets the filter gives everything, which is not what was asked for."""
    original = world.shop.page
    monkeypatch.setattr(
        world.shop, "page", lambda seed, day, _, *rest: original(seed, day, None, *rest)
    )
    with pytest.raises(UnexpectedBody, match="when asked for 4"):
        shop.listing("Shoes")


def test_broken_lists_of_images_are_mended(shop: Shop) -> None:
    """A list that was cut at the commas of its own JSON text is whole again."""
    listing = shop.listing("Shoes")
    raw = [row for page in listing.pages for row in page.json()]
    assert any(image.startswith("[") for row in raw for image in row["images"])
    rows = accept(page.content for page in listing.pages).rows
    for images in rows["images"].to_pylist():
        assert json.loads(images)
        assert all(image.startswith("https://images.example/") for image in json.loads(images))

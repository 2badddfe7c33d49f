"""The made-up shop: its size, its quirks, and what the days change."""

from __future__ import annotations

import csv
import io

import pytest

from fakes.made_up_products import CATEGORIES, SHOES, products


def test_the_same_seed_makes_the_same_shop():
    """Equal for equal seed and day, however they are reached; another seed, another shop."""
    first = products(3, 4)
    products.cache_clear()
    assert products(3, 4) == first
    assert products(4, 4) != first


def test_about_sixty_products_in_five_categories_with_ids_that_jump():
    """Each category has some; the shoes need more than one page of ten."""
    found = products(1, 1)
    kinds = [product["category"] for product in found]
    assert len(found) == 60
    assert set(kinds) == CATEGORIES.keys()
    assert 10 < kinds.count(SHOES) < 20
    ids = [product["id"] for product in found]
    assert ids == sorted(set(ids))
    assert ids[-1] > len(ids) + 20


def test_prices_are_whole_dollars_of_some_size():
    """Integers above nothing, on any day."""
    for day in (1, 2, 50):
        for product in products(1, day):
            assert type(product["price"]) is int
            assert product["price"] > 0


def test_the_quirks_of_the_public_shop_are_there():
    """Slugs that are missing, lists of images that are broken, titles that need care in CSV."""
    found = products(1, 1)
    assert 0 < sum("slug" not in product for product in found) < 15
    broken = [product["images"] for product in found if product["images"][0].startswith('["')]
    assert any(len(images) > 1 and images[-1].endswith('"]') for images in broken)
    assert len(broken) < 15
    titles = "".join(p["title"] for p in found if p["category"] == SHOES)
    everywhere = "".join(p["title"] for p in found)
    assert not titles.isascii()
    assert {'"', ",", ";", "'", "👟"} <= set(everywhere)
    text = io.StringIO()
    csv.writer(text).writerows([p["title"], p["description"]] for p in found)
    assert len(list(csv.reader(io.StringIO(text.getvalue(), newline="")))) == 60


@pytest.mark.parametrize("day", [2, 3, 40])
def test_each_day_changes_the_shoes(day):
    """Two prices and a title are other than the day before, one pair is gone and one is new."""
    before = {p["id"]: p for p in products(1, day - 1) if p["category"] == SHOES}
    after = {p["id"]: p for p in products(1, day) if p["category"] == SHOES}
    both = before.keys() & after.keys()
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 1
    repriced = {n for n in both if before[n]["price"] != after[n]["price"]}
    retitled = {n for n in both if before[n]["title"] != after[n]["title"]}
    assert len(repriced) == 2
    assert len(retitled) == 1
    touched = {n for n in both if before[n]["updatedAt"] != after[n]["updatedAt"]}
    assert repriced | retitled == touched


def test_titles_change_and_ids_are_never_given_twice():
    """Over many days some shoe has a new title, and what was removed stays away."""
    ever: set[int] = set()
    gone: set[int] = set()
    for day in range(1, 60):
        today = {product["id"] for product in products(1, day)}
        assert not today & gone
        gone |= ever - today
        ever |= today
    assert len(gone) == 58
    assert any(p["title"].startswith("New ") for p in products(1, 2))

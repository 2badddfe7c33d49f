"""A made-up shop of about sixty products in five categories, and what each day changes in it.

Ids jump, some slugs are missing, some lists of images are broken, as in the public shop, to
which anybody can write. From day 2 on prices change, and products are renamed, added and removed;
the shoes have the most of it.
"""

import re
import unicodedata
from functools import lru_cache
from random import Random
from typing import Any

from fakes.made_up_days import reported_on
from fakes.made_up_words import words_of

Product = dict[str, Any]
Category = dict[str, Any]

CATEGORIES = {1: "Clothes", 2: "Electronics", 3: "Furniture", 4: "Shoes", 5: "Miscellaneous"}
SHOES = 4
SIZES = {1: 13, 2: 12, 3: 10, SHOES: 14, 5: 11}  # the shoes fill one page of ten, and not two
NO_SLUG, BROKEN_IMAGES = 9, 7  # every ninth product, every seventh
_WORDS = words_of("products")


def category(number: int, name: str) -> Category:
    image = f"https://images.example/categories/{number}.jpeg"
    moments = {"creationAt": _moment(1, number), "updatedAt": _moment(1, number)}
    return {"id": number, "name": name, "slug": slug_of(name), "image": image, **moments}


def slug_of(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


@lru_cache(maxsize=500)
def products(seed: int, day: int) -> tuple[Product, ...]:
    """Everything the shop sells on a day, by id; `category` is the category's id."""
    if day == 1:
        return tuple(_first_day(seed))
    chance = Random(f"shop {seed} {day}")
    left = {product["id"]: dict(product) for product in products(seed, day - 1)}
    shoes = [number for number, product in left.items() if product["category"] == SHOES]
    others = [number for number in left if number not in shoes]
    dearer, cheaper, renamed, removed = chance.sample(shoes, 4)
    for number in (dearer, cheaper, chance.choice(others)):
        step = chance.randint(1, 9)
        price = left[number]["price"]
        left[number]["price"] = price - step if number == cheaper and price > step else price + step
    title = f"New {left[renamed]['title']}".replace("New New ", "")
    left[renamed] |= {"title": title}
    if "slug" in left[renamed]:
        left[renamed]["slug"] = slug_of(title)
    for product, before in zip(left.values(), products(seed, day - 1), strict=True):
        if product != before:
            product["updatedAt"] = _moment(day, product["id"])
    del left[removed]
    # No id is given twice, so it is counted from the day's number and not from what is left.
    new = _product(chance, 1_000 + 3 * day, SHOES, len(left), day)
    return (*left.values(), new)


def _first_day(seed: int) -> list[Product]:
    chance = Random(f"shop {seed}")
    kinds = [number for number, size in SIZES.items() for _ in range(size)]
    chance.shuffle(kinds)
    made, number = [], 0
    for place, kind in enumerate(kinds):
        number += chance.choice((1, 1, 1, 2, 5, 14))
        made.append(_product(chance, number, kind, place, 1))
    return made


def _product(chance: Random, number: int, kind: int, place: int, day: int) -> Product:
    styles = _WORDS["styles"]
    title = styles[place % len(styles)].format(chance.choice(_WORDS["kinds"][str(kind)]))
    images = [f"https://images.example/{number}-{n}.jpeg" for n in range(chance.randint(1, 3))]
    if place % BROKEN_IMAGES == BROKEN_IMAGES - 1:
        # A list that was once kept as its own JSON text and then cut at its commas.
        images = ("[" + ",".join(f'"{url}"' for url in images) + "]").split(",")
    product = {
        "id": number,
        "title": title,
        "slug": f"{slug_of(title)}-{number}",
        "price": chance.randint(9, 199),
        "description": f'{title}: made up, like all of this shop.\nNobody sells it, "ever".',
        "category": kind,
        "images": images,
        "creationAt": _moment(day, number),
        "updatedAt": _moment(day, number),
    }
    if place % NO_SLUG == NO_SLUG - 1:
        del product["slug"]
    return product


def _moment(day: int, number: int) -> str:
    return f"{reported_on(day)}T{number % 24:02}:{number % 60:02}:{number % 59:02}.000Z"

"""The local shop answers as the public one does, and misbehaves as its dials say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests

from fakes import made_up_products

NEW = {
    "name": "Reader",
    "email": "reader@example.org",
    "password": "secret1",
    "avatar": "https://example.org/a.png",
}
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def shop(recalls_url, replica):  # noqa: ARG001 - for its tidying up
    """Ask the shop; a path, and what goes with it."""

    def ask(method, path, **more):
        return requests.request(method, f"{recalls_url}/api/v1{path}", timeout=30, **more)

    return ask


@pytest.fixture
def signed_in(shop, replica):
    """The tokens of a new user, made at midnight."""
    replica.date = MIDNIGHT
    shop("POST", "/users", json=NEW)
    return shop("POST", "/auth/login", json=NEW).json()


def profile(shop, token):
    return shop("GET", "/auth/profile", headers={"Authorization": f"Bearer {token}"})


def refreshed(shop, token):
    return shop("POST", "/auth/refresh-token", json={"refreshToken": token})


def listed(shop, **params):
    answer = shop("GET", "/products", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(products):
    return [product["id"] for product in products]


def pages(shop, limit=5, category=4):
    """Page after page until one is not full."""
    found = []
    while True:
        page = listed(shop, categoryId=category, offset=len(found) * limit, limit=limit)
        found.append(page)
        if len(page) < limit:
            return found


def test_a_user_is_made_and_signs_in(shop):
    """201 each time; before there is a user, signing in is 401."""
    refused = shop("POST", "/auth/login", json=NEW)
    assert (refused.status_code, refused.json()) == (
        401,
        {"message": "Unauthorized", "statusCode": 401},
    )
    made = shop("POST", "/users", json=NEW)
    assert made.status_code == 201
    assert made.json().items() >= (NEW | {"role": "customer", "id": 1}).items()
    answer = shop("POST", "/auth/login", json=NEW)
    assert answer.status_code == 201
    assert answer.json().keys() == {"access_token", "refresh_token"}
    seen = profile(shop, answer.json()["access_token"])
    assert (seen.status_code, seen.json()["email"]) == (200, NEW["email"])


def test_an_email_is_not_unique(shop):
    """A second user is made, and signing in is still the first one's."""
    for password in ("first1", "second2"):
        made = shop("POST", "/users", json=NEW | {"password": password})
        assert made.status_code == 201
    assert [user["id"] for user in shop("GET", "/users").json()] == [1, 2]
    for password, status in (("first1", 201), ("second2", 401)):
        login = {"email": NEW["email"], "password": password}
        assert shop("POST", "/auth/login", json=login).status_code == status


def test_no_email_is_ever_available(shop):
    """The answer says nothing: it is the same for whoever asks."""
    for email in (NEW["email"], "nobody@example.org"):
        answer = shop("POST", "/users/is-available", json={"email": email})
        assert answer.json() == {"isAvailable": False}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"password": "abc"}, "password must be longer than or equal to 4 characters"),
        ({"password": "with space"}, "password must contain only letters and numbers"),
        ({"email": "reader"}, "email must be an email"),
        ({"name": ""}, "name should not be empty"),
        ({"avatar": "picture"}, "avatar must be a URL address"),
        ({"role": "king"}, "role must be one of the following values: admin, customer"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_with_a_new_user_is_listed(shop, change, message):
    """400 with the one sentence, and nobody is made."""
    answer = shop("POST", "/users", json=NEW | change)
    expected = {"message": [message], "error": "Bad Request", "statusCode": 400}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert shop("GET", "/users").json() == []


def test_a_body_that_is_no_json_is_a_bad_request(shop):
    """All that is missing is listed; signing in with it is 401."""
    answer = shop("POST", "/users", data=b"{broken")
    assert answer.status_code == 400
    assert len(answer.json()["message"]) == 9
    assert shop("POST", "/auth/login", data=b"[1]").status_code == 401


def test_the_access_token_lives_twenty_days(shop, replica, signed_in):
    """Good a second before, 401 from then on."""
    token = signed_in["access_token"]
    for age, status in ((timedelta(days=20, seconds=-1), 200), (timedelta(days=20), 401)):
        replica.date = MIDNIGHT + age
        assert profile(shop, token).status_code == status


def test_the_refresh_token_lives_ten_hours(shop, replica, signed_in):
    """Good a second before and then two new tokens, 401 from then on."""
    token = signed_in["refresh_token"]
    replica.date = MIDNIGHT + timedelta(hours=10, seconds=-1)
    answer = refreshed(shop, token)
    assert answer.status_code == 201
    assert not set(answer.json().values()) & set(signed_in.values())
    replica.date = MIDNIGHT + timedelta(hours=10)
    refused = refreshed(shop, token)
    assert (refused.status_code, refused.json()["message"]) == (401, "Invalid")
    assert refreshed(shop, answer.json()["refresh_token"]).status_code == 201
    replica.date = MIDNIGHT + timedelta(days=25)
    assert profile(shop, answer.json()["access_token"]).status_code == 401


def test_a_token_is_good_for_its_own_use_only(shop, signed_in):
    """Access does not refresh, refresh does not show a profile, and neither may be changed."""
    assert refreshed(shop, signed_in["access_token"]).status_code == 401
    assert profile(shop, signed_in["refresh_token"]).status_code == 401
    head, claims, signature = signed_in["access_token"].split(".")
    for bad in (f"{head}.{claims}x.{signature}", f"{head}.{claims}.", "a.b.c", "", "é.é.é"):
        token = bad.encode().decode("latin-1")
        assert profile(shop, token).status_code == 401
        assert refreshed(shop, bad).status_code == (400 if not bad else 401)
    assert shop("GET", "/auth/profile").status_code == 401
    basic = {"Authorization": f"Basic {signed_in['access_token']}"}
    assert shop("GET", "/auth/profile", headers=basic).status_code == 401


def test_tokens_of_a_user_that_the_shop_forgot(shop, replica, signed_in):
    """The profile is a bad request in the database's words, and refreshing is 401."""
    replica.shop.accounts.users.clear()
    answer = profile(shop, signed_in["access_token"])
    assert (answer.status_code, answer.json()["name"]) == (400, "EntityNotFoundError")
    assert refreshed(shop, signed_in["refresh_token"]).status_code == 401
    assert shop("POST", "/auth/login", json=NEW).status_code == 401


def test_a_lost_answer_leaves_a_user_behind(shop, replica):
    """A cut answer came after the user was made; a 503 came instead of it."""
    replica.fault("cut", only="/users")
    with pytest.raises(requests.RequestException):
        shop("POST", "/users", json=NEW)
    replica.fault("503", only="/users")
    assert shop("POST", "/users", json=NEW).status_code == 503
    assert len(shop("GET", "/users").json()) == 1


def test_products_have_the_shape_of_the_public_shop(shop):
    """All keys in order, and the whole category inside."""
    product = next(p for p in listed(shop) if "slug" in p)
    assert list(product) == [
        *("id", "title", "slug", "price", "description", "category", "images"),
        *("creationAt", "updatedAt"),
    ]
    assert product["category"] in shop("GET", "/categories").json()
    assert shop("GET", f"/products/{product['id']}").json() == product
    assert shop("GET", "/categories/4").json()["name"] == "Shoes"


def test_limit_counts_only_together_with_offset(shop):
    """Either alone, and a limit of nothing, is everything."""
    whole = sorted(ids(listed(shop, categoryId=4)))
    assert len(whole) > 10
    for params in ({"limit": 3}, {"offset": 3}, {"offset": 0, "limit": 0}):
        assert sorted(ids(listed(shop, categoryId=4, **params))) == whole
    assert len(listed(shop, categoryId=4, offset=0, limit=3)) == 3
    assert listed(shop, categoryId=4, offset=len(whole), limit=3) == []


def test_a_category_that_is_not_there_has_no_products(shop):
    """An unknown id lists nothing, none lists everything."""
    assert listed(shop, categoryId=99) == []
    everything = len(listed(shop))
    assert everything == 60
    assert len(listed(shop, categoryId=0)) == everything


@pytest.mark.parametrize("path", ["/products/2", "/categories/99", "/products/50000"])
def test_an_unknown_id_is_a_bad_request(shop, path):
    """400 EntityNotFoundError with the path, never 404."""
    gone = {product["id"] for product in made_up_products.products(7, 1)}
    assert int(path.rsplit("/", 1)[1]) not in gone
    answer = shop("GET", path)
    assert (answer.status_code, answer.json()["name"]) == (400, "EntityNotFoundError")
    assert answer.json()["path"] == f"/api/v1{path}"


@pytest.mark.parametrize("path", ["/products/x", "/categories/1.5", "/products?offset=x&limit=1"])
def test_what_is_no_number_is_a_bad_request(shop, path):
    """400 with a message, not another error."""
    answer = shop("GET", path)
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")


def test_pages_of_one_listing_fit_together(shop):
    """Every product once, in an order of its own for each listing, and never by id."""
    first, second = ([n for page in pages(shop) for n in ids(page)] for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(ids(listed(shop, categoryId=4)))
    assert len(set(first)) == len(first)
    assert first != second
    assert first != sorted(first)


def test_the_order_is_the_same_after_a_reset(shop, replica):
    """It is drawn from the seed and the number of the listing."""
    first = [ids(page) for page in pages(shop)]
    replica.reset()
    assert [ids(page) for page in pages(shop)] == first


def test_pages_may_be_shuffled_between(shop, replica):
    """Products come twice and others not at all, while each page is full."""
    replica.shop.dials.shuffles_between_pages = True
    found = [n for page in pages(shop, limit=4) for n in ids(page)]
    assert len(set(found)) < len(found)


def test_a_product_may_come_on_two_pages(shop, replica):
    """The last one of the first page is the first of the second, and nothing is lost."""
    replica.shop.dials.repeats_over_pages = True
    first, second, *others = pages(shop)
    assert first[-1] == second[0]
    found = ids([*first, *second, *(product for page in others for product in page)])
    whole = ids(listed(shop, categoryId=4))
    assert (set(found), len(found)) == (set(whole), len(whole) + 1)


def test_the_category_may_be_renamed_or_gone(shop, replica):
    """Its products go with it; other categories stay."""

    def names():
        return [category["name"] for category in shop("GET", "/categories").json()]

    usual = ["Clothes", "Electronics", "Furniture", "Shoes", "Miscellaneous"]
    assert names() == usual
    for name in ("sHOES", "Zapatos"):
        replica.shop.dials.shoes = name
        assert names() == [*usual[:3], name, usual[4]]
        assert {p["category"]["name"] for p in listed(shop, categoryId=4)} == {name}
    replica.shop.dials.shoes = None
    assert names() == [*usual[:3], usual[4]]
    assert listed(shop, categoryId=4) == []
    assert len(listed(shop)) > 40
    replica.shop.dials.shoes = "Shoes"
    replica.shop.dials.second_shoes = True
    assert names() == [*usual, "Shoes"]


@pytest.mark.parametrize(
    ("price", "seen"),
    [("null", None), ("zero", 0), ("negative", -7), ("text", "39 dollars"), ("fractional", 39.99)],
)
def test_one_price_may_be_wrong(shop, replica, price, seen):
    """That of one pair of shoes, the same each time; the others are as they were."""
    before = {p["id"]: p["price"] for p in listed(shop)}
    replica.shop.dials.price = price
    after = {p["id"]: p["price"] for p in listed(shop)}
    changed = [number for number in before if after[number] != before[number]]
    assert [after[number] for number in changed] == [seen]
    assert changed[0] in ids(listed(shop, categoryId=4))


def test_a_price_may_be_missing(shop, replica):
    """The key is not there at all."""
    replica.shop.dials.price = "missing"
    assert sum("price" not in product for product in listed(shop, categoryId=4)) == 1


def test_strangers_write_between_two_requests(shop, replica):
    """They add, change and remove, in the same way after a reset."""

    def three_times():
        replica.shop.dials.strangers = 3
        return [{p["id"]: p["price"] for p in listed(shop)} for _ in range(3)]

    before = {p["id"]: p["price"] for p in listed(shop)}
    replica.reset()
    first = three_times()
    assert first[0] != before
    assert first[0] != first[1] != first[2]
    assert max(first[2]) > 50_000
    assert before.keys() - first[2].keys()
    replica.reset()
    assert three_times() == first


def test_the_day_moves_the_shop_on(shop, replica):
    """Some prices of day 2 are others, and going back brings the old ones."""
    first = {p["id"]: p["price"] for p in listed(shop, categoryId=4)}
    replica.day = 2
    second = {p["id"]: p["price"] for p in listed(shop, categoryId=4)}
    assert sum(first[n] != second[n] for n in first.keys() & second.keys()) == 2
    replica.day = 1
    assert {p["id"]: p["price"] for p in listed(shop, categoryId=4)} == first


def test_the_dials_over_http(recalls_url, replica):
    """What is named changes, what is not stays, and what is not known is refused."""
    control = f"{recalls_url}/_control/shop"
    requests.post(control, json={"price": "zero"}, timeout=30)
    shown = requests.post(control, json={"shoes": None}, timeout=30).json()
    assert (shown["shoes"], shown["price"]) == (None, "zero")
    for bad in ({"price": "odd"}, {"boots": 1}):
        assert requests.post(control, json=bad, timeout=30).status_code == 422
    assert replica.shop.dials.price == "zero"
    replica.reset()
    assert (replica.shop.dials.shoes, replica.shop.dials.price) == ("Shoes", None)


def test_tokens_look_like_what_they_are(signed_in):
    """Three parts that carry no email and no password."""
    for token in signed_in.values():
        assert token.count(".") == 2
    assert NEW["email"] not in json.dumps(signed_in)
    assert len({*signed_in.values()}) == 2

"""The fake shop answers like the public one; its settings add known faults."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from fakes.made_up_products import products

NEW = {
    "name": "Reader",
    "email": "reader@example.org",
    "password": "secret1",
    "avatar": "https://example.org/a.png",
}
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def shop(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    def ask(method, path, **more):
        return requests.request(method, f"{recalls_url}/api/v1{path}", timeout=30, **more)

    return ask


@pytest.fixture
def tokens(shop, replica):
    """The tokens of a user who signed in at midnight."""
    replica.date = MIDNIGHT
    shop("POST", "/users", json=NEW)
    return shop("POST", "/auth/login", json=NEW).json()


def profile(shop, token):
    return shop("GET", "/auth/profile", headers={"Authorization": f"Bearer {token}"})


def refresh(shop, token):
    return shop("POST", "/auth/refresh-token", json={"refreshToken": token})


def list_products(shop, **params):
    answer = shop("GET", "/products", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(products):
    return [product["id"] for product in products]


def pages(shop, limit=5):
    """Fetch pages of shoes until one is not full."""
    found = [list_products(shop, categoryId=4, offset=0, limit=limit)]
    while len(found[-1]) == limit:
        found.append(list_products(shop, categoryId=4, offset=len(found) * limit, limit=limit))
    return found


def test_new_user_can_sign_in(shop):
    refused = shop("POST", "/auth/login", json=NEW)
    assert refused.status_code == 401
    assert refused.json() == {"message": "Unauthorized", "statusCode": 401}
    made = shop("POST", "/users", json=NEW)
    assert (made.status_code, made.json()["id"], made.json()["role"]) == (201, 1, "customer")
    answer = shop("POST", "/auth/login", json=NEW)
    assert answer.status_code == 201
    seen = profile(shop, answer.json()["access_token"])
    assert (seen.status_code, seen.json()["email"]) == (200, NEW["email"])


def test_invalid_user_is_refused_with_a_reason(shop):
    answer = shop("POST", "/users", json=NEW | {"name": ""})
    expected = {"message": ["name should not be empty"], "error": "Bad Request", "statusCode": 400}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert shop("GET", "/users").json() == []


def test_access_token_lasts_20_days_and_refresh_token_10_hours(shop, replica, tokens):
    for age, status in ((timedelta(hours=10, seconds=-1), 201), (timedelta(hours=10), 401)):
        replica.date = MIDNIGHT + age
        answer = refresh(shop, tokens["refresh_token"])
        assert answer.status_code == status
        assert not set(answer.json().values()) & set(tokens.values())
    for age, status in ((timedelta(days=20, seconds=-1), 200), (timedelta(days=20), 401)):
        replica.date = MIDNIGHT + age
        assert profile(shop, tokens["access_token"]).status_code == status


def test_token_works_only_for_its_own_endpoint(shop, tokens):
    assert refresh(shop, tokens["access_token"]).status_code == 401
    assert profile(shop, tokens["refresh_token"]).status_code == 401
    for bad in (f"{tokens['access_token']}x", "a.b.c", ""):
        assert profile(shop, bad).status_code == 401
        assert refresh(shop, bad).status_code == 401
    basic = {"Authorization": f"Basic {tokens['access_token']}"}
    assert shop("GET", "/auth/profile", headers=basic).status_code == 401


def test_tokens_of_a_deleted_user_are_refused(shop, replica, tokens):
    replica.shop.accounts.users.clear()
    answer = profile(shop, tokens["access_token"])
    assert (answer.status_code, answer.json()["name"]) == (400, "EntityNotFoundError")
    assert refresh(shop, tokens["refresh_token"]).status_code == 401


def test_limit_requires_offset(shop):
    all_ids = sorted(ids(list_products(shop, categoryId=4)))
    for params in ({"limit": 3}, {"offset": 3}, {"offset": 0, "limit": 0}):
        assert sorted(ids(list_products(shop, categoryId=4, **params))) == all_ids
    assert len(list_products(shop, categoryId=4, offset=0, limit=3)) == 3
    assert list_products(shop, categoryId=4, offset=len(all_ids), limit=3) == []


def test_unknown_category_is_empty_and_no_category_returns_all(shop):
    assert list_products(shop, categoryId=99) == []
    assert len(list_products(shop)) == len(list_products(shop, categoryId=0)) == 60


def test_pages_of_one_listing_cover_all_products(shop, replica):
    first, second = ([n for page in pages(shop) for n in ids(page)] for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(ids(list_products(shop, categoryId=4)))
    assert first != second
    assert first != sorted(first)
    replica.reset()
    assert [n for page in pages(shop) for n in ids(page)] == first


def test_shuffle_between_pages_repeats_products(shop, replica):
    replica.shop.shuffles_between_pages = True
    found = [n for page in pages(shop, limit=4) for n in ids(page)]
    assert len(set(found)) < len(found)


def test_product_can_repeat_across_pages(shop, replica):
    replica.shop.repeats_over_pages = True
    first, second, *others = pages(shop)
    assert first[-1] == second[0]
    found = ids([*first, *second, *(product for page in others for product in page)])
    assert set(found) == set(ids(list_products(shop, categoryId=4)))
    assert len(found) == len(set(found)) + 1


@pytest.mark.parametrize("day", [2, 3, 40])
def test_each_day_changes_prices_a_title_and_the_range(day):
    before, after = (
        {p["id"]: p for p in products(1, d) if p["category"] == 4} for d in (day - 1, day)
    )
    both = before.keys() & after.keys()
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 1
    changed = {
        key: {n for n in both if before[n][key] != after[n][key]}
        for key in ("price", "title", "updatedAt")
    }
    assert (len(changed["price"]), len(changed["title"])) == (2, 1)
    assert changed["price"] | changed["title"] == changed["updatedAt"]

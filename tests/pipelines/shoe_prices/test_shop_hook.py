"""The connection `shop_api`: what it may say, where tokens are stored, what testing it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.shoe_prices.shop import PATH
from plugins.hooks import shop_tokens
from plugins.hooks.shop_hook import AVATAR, NAME, ShopHook
from plugins.hooks.shop_tokens import VARIABLE, VariableTokens

EMAIL, PASSWORD = "buyer@example.com", "secretword7"
Connect = Callable[..., ShopHook]


class Variables:
    """Airflow's Variables, which only a running task can reach, and what was hidden in logs."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.hidden: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.values.get(key, default)

    def set(self, key: str, value: str, description: str) -> None:
        assert description
        self.values[key] = value


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    variables = Variables()
    monkeypatch.setattr(shop_tokens, "Variable", variables)
    monkeypatch.setattr(shop_tokens, "mask_secret", variables.hidden.add)
    return variables


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, world: Control) -> Connect:
    """A hook whose connection leads to the fake, unless `parts` say otherwise."""
    assert not world.faults

    def connect(**parts: Any) -> ShopHook:
        usual = {"conn_type": "http", "host": recalls_url, "login": EMAIL, "password": PASSWORD}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps(usual | parts))
        return ShopHook()

    return connect


def test_get_conn_creates_the_user_as_the_extra_has_it(connect: Connect, world: Control) -> None:
    connect(extra={"name": "Ann", "avatar": "https://example.com/a.png"}).get_conn().listing(
        "shoes"
    )
    connect(login="two@example.com").get_conn().listing("shoes")
    made = [(user["name"], user["avatar"]) for user in world.shop.accounts.users]
    assert made == [("Ann", "https://example.com/a.png"), (NAME, AVATAR)]


def test_tokens_are_stored_in_one_variable_and_masked_in_logs(
    connect: Connect, world: Control, variables: Variables
) -> None:
    connect().get_conn().listing("shoes")
    assert list(variables.values) == [VARIABLE]
    kept = json.loads(variables.values[VARIABLE])
    tokens = {kept["access_token"], kept["refresh_token"]}
    assert variables.hidden == tokens
    variables.hidden.clear()
    world.requests.clear()
    connect().get_conn().listing("shoes")
    assert variables.hidden == tokens
    assert "/api/v1/auth/login" not in {request.path for request in world.requests}


@pytest.mark.parametrize(
    "text", ["", "null", "no json", "[1]", "{}", '{"of": "x"}', '"text"'], ids=repr
)
def test_load_value_that_is_not_ours_is_no_token(variables: Variables, text: str) -> None:
    variables.values[VARIABLE] = text
    assert VariableTokens().load() is None


@pytest.mark.parametrize("path", ["", "/", PATH, f"{PATH}/"], ids=repr)
def test_get_conn_takes_the_host_with_or_without_path(
    connect: Connect, recalls_url: str, path: str
) -> None:
    assert connect(host=f"{recalls_url}{path}").get_conn().listing("shoes").category.id == 4


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"login": ""}, "needs a login"),
        ({"password": ""}, "needs a login"),
    ],
    ids=["login", "password"],
)
def test_connection_without_login_or_password_is_refused(
    connect: Connect, parts: dict[str, str], said: str
) -> None:
    hook = connect(**parts)
    with pytest.raises(PermanentError, match=said):
        hook.get_conn()
    good, message = hook.test_connection()
    assert not good
    assert said in message
    assert PASSWORD not in message


def test_test_connection_creates_no_user(connect: Connect, world: Control) -> None:
    hook = connect()
    assert hook.test_connection() == (
        True,
        "the shop has no such user yet; the first run creates it",
    )
    assert world.shop.accounts.users == []
    hook.get_conn().listing("shoes")
    assert hook.test_connection() == (True, "the shop lets the user sign in")


def test_test_connection_wrong_password_is_named(connect: Connect, variables: Variables) -> None:
    connect().get_conn().listing("shoes")
    kept = dict(variables.values)
    good, message = connect(password="otherword8").test_connection()
    assert not good
    assert "Correct the password" in message
    assert "otherword8" not in message
    assert variables.values == kept


@pytest.mark.parametrize("fault", ["500", "html", "refused", "429"])
def test_test_connection_shop_that_is_down_names_the_official_host(
    connect: Connect, world: Control, fault: str
) -> None:
    world.fault(fault, times=None)
    good, message = connect().test_connection()
    assert not good
    assert "api.escuelajs.co" in message
    assert PASSWORD not in message

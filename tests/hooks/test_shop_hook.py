"""The connection `shop_api`: what it may say, where tokens are kept, what testing it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.shoe_prices.shop import PATH, Shop
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
    monkeypatch.setattr("include.first.rest.sleep", lambda _: None)
    return variables


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control) -> Connect:
    """A hook whose connection leads to the replica, unless something else is said."""
    assert not replica.faults

    def connect(**parts: Any) -> ShopHook:
        usual = {"conn_type": "http", "host": recalls_url, "login": EMAIL, "password": PASSWORD}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps(usual | parts))
        return ShopHook()

    return connect


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one shop serves."""
    hook = ShopHook("shop_api_of_tomorrow")
    with pytest.raises(Exception, match="shop_api_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert isinstance(hook.get_conn(), Shop)
    assert hook.get_conn() is hook.get_conn()


def test_the_user_is_made_as_the_extra_says(connect: Connect, replica: Control) -> None:
    """Name and avatar are the shop's wish; without them there are some of ours."""
    connect(extra={"name": "Ann", "avatar": "https://example.com/a.png"}).get_conn().category(
        "shoes"
    )
    connect(login="two@example.com").get_conn().category("shoes")
    made = [(user["name"], user["avatar"]) for user in replica.shop.accounts.users]
    assert made == [("Ann", "https://example.com/a.png"), (NAME, AVATAR)]


def test_tokens_are_kept_in_one_variable_and_hidden_in_logs(
    connect: Connect, replica: Control, variables: Variables
) -> None:
    """The next run finds them there, and asks with them instead of a password."""
    connect().get_conn().category("shoes")
    assert list(variables.values) == [VARIABLE]
    kept = json.loads(variables.values[VARIABLE])
    tokens = {kept["access_token"], kept["refresh_token"]}
    assert variables.hidden == tokens
    variables.hidden.clear()
    replica.requests.clear()
    connect().get_conn().category("shoes")
    assert variables.hidden == tokens
    assert "/api/v1/auth/login" not in {request.path for request in replica.requests}


@pytest.mark.parametrize(
    "text", ["", "null", "no json", "[1]", "{}", '{"of": "x"}', '"text"'], ids=repr
)
def test_a_variable_that_is_not_ours_is_no_token(variables: Variables, text: str) -> None:
    """Somebody may have written anything there: a login makes new ones."""
    variables.values[VARIABLE] = text
    assert VariableTokens().load() is None


def test_the_name_of_the_variable_makes_airflow_hide_it() -> None:
    """Airflow masks the values of variables with such a word in their name."""
    assert "token" in VARIABLE


@pytest.mark.parametrize("path", ["", "/", PATH, f"{PATH}/"], ids=repr)
def test_the_path_of_the_api_need_not_be_given(
    connect: Connect, recalls_url: str, path: str
) -> None:
    """It may stand behind the host or not."""
    assert connect(host=f"{recalls_url}{path}").get_conn().category("shoes").id == 4


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"login": ""}, "needs a login"),
        ({"password": ""}, "needs a login"),
        ({"host": ""}, "has no host"),
        ({"extra": "no json"}, "no JSON object"),
    ],
    ids=["login", "password", "host", "extra"],
)
def test_what_is_missing_is_named(connect: Connect, parts: dict[str, str], said: str) -> None:
    """In one line, for the run and for the test of the connection."""
    hook = connect(**parts)
    with pytest.raises(PermanentError, match=said):
        hook.get_conn()
    fine, message = hook.test_connection()
    assert not fine
    assert said in message
    assert PASSWORD not in message


def test_testing_the_connection_creates_nobody(connect: Connect, replica: Control) -> None:
    """It says what the first run will do; afterwards it signs in."""
    hook = connect()
    assert hook.test_connection() == (
        True,
        "the shop has no such user yet; the first run creates it",
    )
    assert replica.shop.accounts.users == []
    hook.get_conn().category("shoes")
    assert hook.test_connection() == (True, "the shop lets the user sign in")


def test_a_wrong_password_is_told_from_an_unknown_user(
    connect: Connect, variables: Variables
) -> None:
    """The shop says the same of both; the cure names the connection, and no password."""
    connect().get_conn().category("shoes")
    kept = dict(variables.values)
    fine, message = connect(password="otherword8").test_connection()
    assert not fine
    assert "correct the password of the connection `shop_api`" in message
    assert "otherword8" not in message
    assert variables.values == kept


@pytest.mark.parametrize("fault", ["500", "html", "refused", "429"])
def test_a_shop_that_is_down_is_told_with_a_cure(
    connect: Connect, replica: Control, fault: str
) -> None:
    """What happened, and which host is meant."""
    replica.fault(fault, times=None)
    fine, message = connect().test_connection()
    assert not fine
    assert "api.escuelajs.co" in message
    assert PASSWORD not in message


def test_a_connection_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised at whoever presses the button."""
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_API", raising=False)
    fine, message = ShopHook().test_connection()
    assert not fine
    assert "shop_api" in message

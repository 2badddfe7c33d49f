"""The connections `shop_api` and `ecb_api`, and the stored tokens of the shop."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.shoe_prices.ecb import Days
from plugins.hooks import shop_hook
from plugins.hooks.ecb_hook import A_DAY, EcbHook
from plugins.hooks.shop_hook import AVATAR, NAME, VARIABLE, ShopHook, VariableTokens

PASSWORD = "secretword7"
Connect = Callable[..., Any]


class Variables:
    """Replaces Airflow's Variables, which need a running task; records masked secrets."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.masked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.values.get(key, default)

    def set(self, key: str, value: str, description: str) -> None:
        assert description
        self.values[key] = value


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    variables = Variables()
    monkeypatch.setattr(shop_hook, "Variable", variables)
    monkeypatch.setattr(shop_hook, "mask_secret", variables.masked.update)
    return variables


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, world: Control) -> Connect:
    """Creates a hook with a connection to the fake; `path` is appended to the host."""
    assert not world.faults

    def connect(hook: type[Any], path: str = "", **parts: Any) -> Any:
        account = {"login": "buyer@example.com", "password": PASSWORD}
        connection = {"conn_type": "http", "host": recalls_url + path, **account, **parts}
        monkeypatch.setenv(f"AIRFLOW_CONN_{hook.default_conn_name.upper()}", json.dumps(connection))
        return hook()

    return connect


def test_get_conn_accepts_host_with_or_without_path(connect: Connect) -> None:
    for path in ("", "/api/v1/"):
        assert connect(ShopHook, path).get_conn().listing("shoes")[0] == "Shoes"
    for path in ("", "/service/"):
        assert connect(EcbHook, path).get_conn().rates(Days(None, A_DAY)).status == 200


def test_shop_creates_the_user_with_the_extra(connect: Connect, world: Control) -> None:
    extra = {"name": "Ann", "avatar": "https://example.com/a.png"}
    connect(ShopHook, extra=extra).get_conn().listing("shoes")
    connect(ShopHook, login="two@example.com").get_conn().listing("shoes")
    made = [(user["name"], user["avatar"]) for user in world.shop.accounts.users]
    assert made == [("Ann", "https://example.com/a.png"), (NAME, AVATAR)]


def test_shop_stores_tokens_in_one_variable_and_masks_them(
    connect: Connect, world: Control, variables: Variables
) -> None:
    connect(ShopHook).get_conn().listing("shoes")
    assert list(variables.values) == [VARIABLE]
    stored = json.loads(variables.values[VARIABLE])
    tokens = {stored["access_token"], stored["refresh_token"]}
    assert variables.masked == tokens
    variables.masked.clear()
    world.requests.clear()
    connect(ShopHook).get_conn().listing("shoes")
    assert variables.masked == tokens
    assert "/api/v1/auth/login" not in {request.path for request in world.requests}


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"of": "x"}'], ids=repr)
def test_load_ignores_invalid_value(variables: Variables, text: str) -> None:
    variables.values[VARIABLE] = text
    assert VariableTokens().load() is None


@pytest.mark.parametrize("missing", ["login", "password"])
def test_shop_without_login_or_password_is_refused(connect: Connect, missing: str) -> None:
    hook = connect(ShopHook, **{missing: ""})
    with pytest.raises(PermanentError, match="needs a login"):
        hook.get_conn()
    good, sentence = hook.test_connection()
    assert not good
    assert PASSWORD not in sentence


def test_test_connection_of_the_shop_creates_no_user(
    connect: Connect, world: Control, variables: Variables
) -> None:
    hook = connect(ShopHook)
    good, sentence = hook.test_connection()
    assert good
    assert "the first run creates it" in sentence
    assert (world.shop.accounts.users, variables.values) == ([], {})
    hook.get_conn().listing("shoes")
    assert hook.test_connection() == (True, "the shop lets the user sign in")
    stored = dict(variables.values)
    good, sentence = connect(ShopHook, password="otherword8").test_connection()
    assert not good
    assert "Correct the password" in sentence
    assert "otherword8" not in sentence
    assert variables.values == stored


def test_test_connection_of_the_ecb_shows_a_rate(connect: Connect, world: Control) -> None:
    hook = connect(EcbHook)
    assert hook.test_connection() == (True, "on 2023-02-10 a euro cost 1.069 US dollars")
    world.ecb.unpublished = {date(2023, 2, 10)}
    good, sentence = hook.test_connection()
    assert not good
    assert "no rate for 2023-02-10" in sentence


@pytest.mark.parametrize(
    ("hook", "host"), [(ShopHook, "api.escuelajs.co"), (EcbHook, "data-api.ecb.europa.eu")]
)
def test_test_connection_of_failing_api_names_the_official_host(
    connect: Connect, world: Control, hook: type[Any], host: str
) -> None:
    world.fault("500", times=None)
    good, sentence = connect(hook).test_connection()
    assert not good
    assert host in sentence
    assert PASSWORD not in sentence

"""Sign-in: the order of its requests; it never creates a second user."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.control import Control
from fakes.shop_accounts import Accounts
from include.errors import PermanentError
from include.http.errors import HttpError
from include.shoe_prices.shop import Shop
from include.shoe_prices.sign_in import Account, WrongPassword
from tests.pipelines.shoe_prices.conftest import ACCOUNT, Memory

SignIn = Callable[..., list[str]]
LOGIN, REFRESH = "POST /auth/login", "POST /auth/refresh-token"
PROFILE, USERS, CREATE = "GET /auth/profile", "GET /users", "POST /users"


@pytest.fixture
def sign_in(recalls_url: str, world: Control, tokens: Memory) -> SignIn:
    """Signs in as a new run; returns the requests before those for categories and products."""

    def sign_in(account: Account = ACCOUNT) -> list[str]:
        before = len(world.requests)
        Shop(recalls_url, account, tokens).listing("Shoes")
        asked = world.requests[before:]
        return [f"{r.method} {r.path.removeprefix('/api/v1')}" for r in asked][:-2]

    return sign_in


def test_sign_in_tries_the_next_method_only_after_a_refusal(
    sign_in: SignIn, world: Control, tokens: Memory
) -> None:
    assert sign_in() == [LOGIN, USERS, CREATE, LOGIN, PROFILE]
    (user,) = world.shop.accounts.users
    made = (user["email"], user["name"], user["avatar"])
    assert made == (ACCOUNT.email, ACCOUNT.name, ACCOUNT.avatar)
    world.date = world.now + timedelta(days=19)
    assert sign_in() == [PROFILE]
    world.date = world.now + timedelta(days=2)
    assert sign_in() == [PROFILE, REFRESH, LOGIN, PROFILE]
    known = tokens.tokens
    assert known is not None
    tokens.tokens = replace(known, access_token="not.a.token")
    assert sign_in() == [PROFILE, REFRESH, PROFILE]
    assert tokens.tokens.access_token not in ("not.a.token", known.access_token)
    assert len(world.shop.accounts.users) == 1
    world.shop.accounts.users.clear()
    assert sign_in() == [PROFILE, REFRESH, LOGIN, USERS, CREATE, LOGIN, PROFILE]
    assert len(world.shop.accounts.users) == 1


@pytest.mark.parametrize("email", [ACCOUNT.email, ACCOUNT.email.upper()])
def test_sign_in_wrong_password_creates_no_second_user(
    sign_in: SignIn, world: Control, tokens: Memory, email: str
) -> None:
    """The shop's answer is the same for an unknown user; only the list of users differs."""
    sign_in()
    wrong = replace(ACCOUNT, email=email, password="otherword8")
    tokens.tokens = None
    world.requests.clear()
    with pytest.raises(WrongPassword, match="Correct the password") as refused:
        sign_in(wrong)
    assert [r.method for r in world.requests if r.path.endswith("users")] == ["GET"]
    assert len(world.shop.accounts.users) == 1
    assert "word" not in str(refused.value).replace("password", "")


def test_sign_in_sends_no_tokens_of_another_user_or_host(sign_in: SignIn, tokens: Memory) -> None:
    sign_in()
    another = replace(ACCOUNT, email="second@example.com")
    assert sign_in(another) == [LOGIN, USERS, CREATE, LOGIN, PROFILE]
    assert tokens.tokens is not None
    tokens.tokens = replace(tokens.tokens, of=tokens.tokens.of.replace("127.0.0.1", "shop.example"))
    assert sign_in(another) == [LOGIN, PROFILE]


def test_sign_in_after_a_reset_refuses_tokens_of_the_new_user_with_our_id(
    sign_in: SignIn, world: Control, tokens: Memory
) -> None:
    """Our stored tokens are then valid for that user."""
    sign_in()
    world.shop.accounts = Accounts()
    stranger = vars(replace(ACCOUNT, email="stranger@example.com"))
    assert world.shop.accounts.create(stranger, world.now)["id"] == 1
    assert sign_in() == [PROFILE, REFRESH, PROFILE, LOGIN, USERS, CREATE, LOGIN, PROFILE]
    assert len(tokens.saved) == 2
    assert tokens.tokens is not None
    assert world.shop.accounts.owner("access", tokens.tokens.access_token, world.now) == 2


def test_sign_in_refuses_login_with_tokens_of_another_user(
    sign_in: SignIn,
    world: Control,
    tokens: Memory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stranger = vars(replace(ACCOUNT, email="stranger@example.com"))
    user = world.shop.accounts.create(stranger, world.now)
    monkeypatch.setattr(world.shop.accounts, "signed_in", lambda *_: user)
    with pytest.raises(PermanentError, match="take another login"):
        sign_in()
    assert tokens.saved == []


@pytest.mark.parametrize("fault", ["500", "cut"])
def test_sign_in_does_not_repeat_user_creation_without_an_answer(
    sign_in: SignIn, world: Control, fault: str
) -> None:
    """The next attempt logs in first, which finds a user that was created."""
    world.fault(fault, times=1, after=1, only="/api/v1/users")
    with pytest.raises(HttpError):
        sign_in()
    assert sum(r.method == "POST" and r.path.endswith("/users") for r in world.requests) == 1
    sign_in()
    assert len(world.shop.accounts.users) == 1


@pytest.mark.parametrize("fault", ["500", "html", "429", "refused"])
@pytest.mark.parametrize("path", ["login", "profile", "refresh-token"])
def test_sign_in_with_transient_fault_creates_no_second_user(
    sign_in: SignIn, world: Control, tokens: Memory, fault: str, path: str
) -> None:
    sign_in()
    assert tokens.tokens is not None
    tokens.tokens = replace(tokens.tokens, access_token="not.a.token")
    if path == "login":
        tokens.tokens = replace(tokens.tokens, refresh_token="not.a.token")
    world.fault(fault, times=1, only=path)
    sign_in()
    assert len(world.shop.accounts.users) == 1


def test_sign_in_logs_no_secret(
    sign_in: SignIn,
    world: Control,
    tokens: Memory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in()
    sign_in()
    world.date = world.now + timedelta(days=21)
    world.fault("500", times=2, only="auth")
    sign_in()
    secrets = [ACCOUNT.password]
    secrets += [text for kept in tokens.saved for text in (kept.access_token, kept.refresh_token)]
    shown = caplog.text + repr(tokens.saved) + repr(ACCOUNT)
    assert len(secrets) == 5
    assert not [secret for secret in secrets if secret in shown]

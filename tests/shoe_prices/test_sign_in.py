"""Signing in: which question follows which answer, and that nobody becomes two users."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.control import Control
from include.first.rest import RestError, SourceUnavailable
from include.shoe_prices.shop import Shop
from include.shoe_prices.sign_in import Account, Tokens, WrongPassword
from tests.shoe_prices.conftest import ACCOUNT, Memory

LOGIN, REFRESH = "POST /auth/login", "POST /auth/refresh-token"
PROFILE, USERS, CREATE = "GET /auth/profile", "GET /users", "POST /users"


@pytest.fixture
def signs_in(recalls_url: str, world: Control, store: Memory) -> Callable[..., list[str]]:
    """What a new run asks until it may ask for products."""

    def signs_in(account: Account = ACCOUNT) -> list[str]:
        before = len(world.requests)
        Shop(recalls_url, account, store).category("Shoes")
        asked = world.requests[before:]
        return [f"{r.method} {r.path.removeprefix('/api/v1')}" for r in asked][:-1]

    return signs_in


def test_a_user_that_is_not_there_is_created_once(
    signs_in: Callable[..., list[str]], world: Control, store: Memory
) -> None:
    """Login says no, nobody has the email, so a user is made as the connection has it."""
    assert signs_in() == [LOGIN, USERS, CREATE, LOGIN]
    (user,) = world.shop.accounts.users
    assert (user["email"], user["name"], user["avatar"]) == (
        *(ACCOUNT.email, ACCOUNT.name, ACCOUNT.avatar),
    )
    assert len(store.saved) == 1


def test_a_token_that_is_valid_is_used(
    signs_in: Callable[..., list[str]], world: Control, store: Memory
) -> None:
    """The next run asks once whether its token still holds, and nothing else."""
    signs_in()
    world.date = world.now + timedelta(days=19)
    assert signs_in() == [PROFILE]
    assert len(store.saved) == 1


def test_a_token_that_expired_is_refreshed(
    signs_in: Callable[..., list[str]], store: Memory
) -> None:
    """While the refresh token holds, it gives new tokens, which are kept."""
    signs_in()
    tokens = store.tokens
    assert tokens is not None
    store.tokens = replace(tokens, access_token="not.a.token")
    assert signs_in() == [PROFILE, REFRESH]
    assert store.tokens.access_token not in ("not.a.token", tokens.access_token)
    assert signs_in() == [PROFILE]


def test_when_both_tokens_expired_the_user_logs_in(
    signs_in: Callable[..., list[str]], world: Control
) -> None:
    """Each step is tried only after the one before was refused; no user is made."""
    signs_in()
    world.date = world.now + timedelta(days=21)
    assert signs_in() == [PROFILE, REFRESH, LOGIN]
    assert len(world.shop.accounts.users) == 1


def test_a_shop_that_forgot_its_users_gets_ours_again(
    signs_in: Callable[..., list[str]], world: Control
) -> None:
    """The public shop is emptied now and then: the whole chain, in order, ends with a new user."""
    signs_in()
    world.shop.accounts.users.clear()
    assert signs_in() == [PROFILE, REFRESH, LOGIN, USERS, CREATE, LOGIN]
    assert len(world.shop.accounts.users) == 1


@pytest.mark.parametrize("email", [ACCOUNT.email, ACCOUNT.email.upper()])
def test_a_wrong_password_makes_no_second_user(
    signs_in: Callable[..., list[str]], world: Control, store: Memory, email: str
) -> None:
    """The shop says the same of it as of an unknown user; the list of users tells them apart."""
    signs_in()
    wrong = replace(ACCOUNT, email=email, password="otherword8")
    store.tokens = None
    world.requests.clear()
    with pytest.raises(WrongPassword, match="Correct the password") as refused:
        signs_in(wrong)
    assert [r.method for r in world.requests if r.path.endswith("users")] == ["GET"]
    assert len(world.shop.accounts.users) == 1
    assert "word" not in str(refused.value).replace("password", "")


def test_tokens_of_another_user_or_host_are_not_sent(
    signs_in: Callable[..., list[str]], store: Memory
) -> None:
    """Who changes the connection is signed in as whom it names now."""
    signs_in()
    another = replace(ACCOUNT, email="second@example.com")
    assert signs_in(another) == [LOGIN, USERS, CREATE, LOGIN]
    assert store.tokens is not None
    store.tokens = replace(store.tokens, of=store.tokens.of.replace("127.0.0.1", "shop.example"))
    assert signs_in(another) == [LOGIN]


def test_a_token_of_somebody_else_is_not_ours(
    signs_in: Callable[..., list[str]], store: Memory
) -> None:
    """A valid token whose profile is another user's does not count."""
    signs_in(replace(ACCOUNT, email="second@example.com"))
    theirs = store.tokens
    signs_in()
    assert theirs is not None
    assert store.tokens is not None
    store.tokens = Tokens(store.tokens.of, theirs.access_token, "not.a.token")
    assert signs_in() == [PROFILE, REFRESH, LOGIN]


@pytest.mark.parametrize("fault", ["500", "cut", "429"])
def test_a_creation_whose_answer_was_lost_is_not_repeated(
    signs_in: Callable[..., list[str]], world: Control, fault: str
) -> None:
    """It fails for now; the task's retry begins with a login, which knows what became of it."""
    world.fault(fault, times=1, after=1, only="/api/v1/users")
    with pytest.raises(RestError):
        signs_in()
    made = len(world.shop.accounts.users)
    assert sum(r.method == "POST" and r.path.endswith("/users") for r in world.requests) == 1
    signs_in()
    assert len(world.shop.accounts.users) == 1
    assert made <= 1


@pytest.mark.parametrize("fault", ["500", "503", "cut", "html", "429", "refused"])
@pytest.mark.parametrize("path", ["login", "profile", "refresh-token"])
def test_a_passing_fault_changes_nothing(
    signs_in: Callable[..., list[str]], world: Control, store: Memory, fault: str, path: str
) -> None:
    """What may be asked twice is asked twice, and nobody is created because of it."""
    signs_in()
    assert store.tokens is not None
    store.tokens = replace(store.tokens, access_token="not.a.token")
    if path == "login":
        store.tokens = replace(store.tokens, refresh_token="not.a.token")
    world.fault(fault, times=1, only=path)
    signs_in()
    assert len(world.shop.accounts.users) == 1


def test_a_login_that_stays_down_creates_nobody(
    signs_in: Callable[..., list[str]], world: Control
) -> None:
    """A shop that is not available has not said that there is no user."""
    world.fault("500", times=None, only="login")
    with pytest.raises(SourceUnavailable):
        signs_in()
    assert world.shop.accounts.users == []


def test_no_secret_is_told(
    signs_in: Callable[..., list[str]],
    world: Control,
    store: Memory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither password nor tokens show in what is logged, printed or raised on any way in."""
    caplog.set_level(logging.DEBUG)
    signs_in()
    signs_in()
    world.date = world.now + timedelta(days=21)
    world.fault("500", times=2, only="auth")
    signs_in()
    secrets = [ACCOUNT.password]
    secrets += [text for kept in store.saved for text in (kept.access_token, kept.refresh_token)]
    told = caplog.text + repr(store.saved) + repr(ACCOUNT)
    assert len(secrets) == 5
    assert not [secret for secret in secrets if secret in told]

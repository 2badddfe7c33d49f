"""Signing in to the shop: with the tokens that are kept, else anew, else as a new user."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from include.errors import PermanentError
from include.first.rest import Answer, RestClient, UnexpectedBody

log = logging.getLogger(__name__)
# The first: there is no such user now; the last: not with this token.
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Account:
    """Whom we are to the shop, as the connection says."""

    email: str
    password: str = field(repr=False)
    name: str
    avatar: str


@dataclass(frozen=True)
class Tokens:
    """What the shop gave; `of` is whose they are and where, and they are used for nobody else."""

    of: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class TokenStore(Protocol):
    """Where tokens are kept from run to run: neither in the lake nor in what tasks hand on."""

    def load(self) -> Tokens | None: ...

    def save(self, tokens: Tokens) -> None: ...


class WrongPassword(PermanentError):
    """The shop has a user with this email, who has another password."""


def sign_in(client: RestClient, account: Account, store: TokenStore) -> str:
    """An access token: the kept one, a refreshed one, one of a login, one of a new user's login.

    Each is tried only when the shop refused the one before.
    """
    tokens = store.load()
    if tokens and tokens.of == _identity(client, account):
        if _is_valid(client, account, tokens):
            log.info("signed in with the access token that was kept")
            return tokens.access_token
        body = {"refreshToken": tokens.refresh_token}
        if refreshed := _ask_for_tokens(client, account, "/auth/refresh-token", body):
            log.info("signed in: the access token had expired and was refreshed")
            return _kept(refreshed, store)
    if logged_in := log_in(client, account):
        log.info("signed in: no kept token was good any more")
        return _kept(logged_in, store)
    _create(client, account)
    created = log_in(client, account)
    if created is None:
        raise PermanentError(
            f"{client.base_url} took a new user and does not let it sign in; check by hand "
            "what the shop has under the login of the connection `shop_api`"
        )
    log.info("signed in as a user that was created now")
    return _kept(created, store)


def log_in(client: RestClient, account: Account) -> Tokens | None:
    """Tokens, or None: the shop says the same of a wrong password and of an unknown user."""
    body = {"email": account.email, "password": account.password}
    return _ask_for_tokens(client, account, "/auth/login", body)


def has_user(client: RestClient, email: str) -> bool:
    """Whether any user has this email; the list holds everybody's passwords and is not kept."""
    users = client.get("/users", check=_check_users).json()
    return any(str(user.get("email", "")).casefold() == email.casefold() for user in users)


def _create(client: RestClient, account: Account) -> None:
    if has_user(client, account.email):
        raise WrongPassword(
            f"{client.base_url} has a user with the login of the connection `shop_api`, and "
            "refuses its password; no second user was made. Correct the password (or the case "
            "of the letters in the login), or take another login"
        )
    # Not repeatable: after a lost answer a second try would make a second user. The task's own
    # retry begins with a login, which then finds the first.
    client.request(
        "POST",
        "/users",
        json={
            "name": account.name,
            "email": account.email,
            "password": account.password,
            "avatar": account.avatar,
        },
        repeatable=False,
    )


def _kept(tokens: Tokens, store: TokenStore) -> str:
    store.save(tokens)
    return tokens.access_token


def _identity(client: RestClient, account: Account) -> str:
    return f"{account.email} at {client.base_url}"


def _is_valid(client: RestClient, account: Account, tokens: Tokens) -> bool:
    bearer = {"Authorization": f"Bearer {tokens.access_token}"}
    answer = client.get("/auth/profile", headers=bearer, accept=REFUSED)
    if answer.status_code in REFUSED:
        return False
    profile = answer.json()
    return isinstance(profile, dict) and profile.get("email") == account.email


def _ask_for_tokens(
    client: RestClient, account: Account, path: str, body: dict[str, str]
) -> Tokens | None:
    refused = REFUSED if "refreshToken" in body else (HTTPStatus.UNAUTHORIZED,)
    answer = client.request(
        "POST", path, json=body, repeatable=True, accept=refused, check=_check_tokens
    )
    if answer.status_code in refused:
        return None
    found = answer.json()
    return Tokens(_identity(client, account), found["access_token"], found["refresh_token"])


def _check_tokens(answer: Answer) -> None:
    if answer.status_code in REFUSED:
        return
    found = answer.json()
    names = ("access_token", "refresh_token")
    if not isinstance(found, dict) or not all(_is_text(found.get(name)) for name in names):
        raise UnexpectedBody(f"{answer.where} answered without tokens; check the host")


def _check_users(answer: Answer) -> None:
    found = answer.json()
    if not isinstance(found, list) or not all(isinstance(user, dict) for user in found):
        raise UnexpectedBody(f"{answer.where} gave no list of users; check the host")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)

"""Signing in to the shop: with the stored tokens, else with the password, else as a new user."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from include.errors import PermanentError
from include.http.client import HttpClient, Response

# The shop answers 400 for a user that does not exist any more.
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Account:
    """Our user at the shop, as the connection has it."""

    email: str
    password: str = field(repr=False)
    name: str
    avatar: str


@dataclass(frozen=True)
class Tokens:
    """Credentials of one user at one shop; they are sent for no other."""

    of: str  # the user and the shop
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class TokenStore(Protocol):
    """Stores tokens between runs, outside the lake and outside XCom."""

    def load(self) -> Tokens | None: ...

    def save(self, tokens: Tokens) -> None: ...


class WrongPassword(PermanentError):
    """The shop has a user with our email and another password."""

    def __init__(self) -> None:
        super().__init__(
            "the shop has a user with the login of the connection `shop_api` but refuses its "
            "password; no second user was created. Correct the password (or the case of the "
            "login), or take another login"
        )


def sign_in(client: HttpClient, account: Account, store: TokenStore, shop: str) -> str:
    """A valid access token: the stored one, else a refreshed one, else one from a login.

    A token is used only after the shop said that it belongs to our email: after a reset, the
    shop gives our old user number to someone else.
    """
    of = f"{account.email} at {shop}"
    stored = store.load()
    tokens = None
    if stored and stored.of == of:
        if _is_ours(client, account, stored):
            return stored.access_token
        body = {"refreshToken": stored.refresh_token}
        tokens = _ask_tokens(client, of, "/auth/refresh-token", body, REFUSED)
    if tokens is None or not _is_ours(client, account, tokens):
        tokens = log_in(client, account, of)
        if tokens is None:
            _create_user(client, account)
            tokens = log_in(client, account, of)
        if tokens is None or not _is_ours(client, account, tokens):
            raise PermanentError(
                f"{shop} does not sign in the login of the connection `shop_api` as that user; "
                "look at the users of the shop, or take another login"
            )
    store.save(tokens)
    return tokens.access_token


def log_in(client: HttpClient, account: Account, of: str) -> Tokens | None:
    """None if refused: the shop answers alike for a wrong password and for an unknown user."""
    body = {"email": account.email, "password": account.password}
    return _ask_tokens(client, of, "/auth/login", body, (HTTPStatus.UNAUTHORIZED,))


def has_user(client: HttpClient, email: str) -> bool:
    """Whether any user has this email. The shop's list has all passwords, so it is not stored."""
    users = client.get("/users", check=Response.rows).rows()
    return any(str(user.get("email", "")).casefold() == email.casefold() for user in users)


def _create_user(client: HttpClient, account: Account) -> None:
    if has_user(client, account.email):
        raise WrongPassword
    # Not repeatable: after a lost answer, another try would create a second user. When Airflow
    # retries the task, the login finds the first one.
    client.request("POST", "/users", json=vars(account), repeatable=False)


def _is_ours(client: HttpClient, account: Account, tokens: Tokens) -> bool:
    bearer = {"Authorization": f"Bearer {tokens.access_token}"}
    response = client.get("/auth/profile", headers=bearer, ok_statuses=REFUSED)
    profile = {} if response.status in REFUSED else response.json()
    email = profile.get("email") if isinstance(profile, dict) else None
    return isinstance(email, str) and email.casefold() == account.email.casefold()


def _ask_tokens(
    client: HttpClient, of: str, path: str, body: dict[str, str], refused: tuple[int, ...]
) -> Tokens | None:
    def read(response: Response) -> Tokens | None:
        if response.status in refused:
            return None
        found = response.json()
        names = ("access_token", "refresh_token")
        if isinstance(found, dict) and all(isinstance(found.get(name), str) for name in names):
            return Tokens(of, found["access_token"], found["refresh_token"])
        raise response.unexpected("answered without tokens")

    return read(
        client.request("POST", path, json=body, repeatable=True, ok_statuses=refused, check=read)
    )

"""Users of the local shop and their tokens, which expire by the clock of the local APIs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import threading
from datetime import datetime, timedelta
from typing import Any, Literal

Kind = Literal["access", "refresh"]
LIVES = {"access": timedelta(days=20), "refresh": timedelta(hours=10)}
ROLES = ("admin", "customer")
User = dict[str, Any]


class Accounts:
    """An email is not unique, and who signs in with it is the first user that has it."""

    def __init__(self, seed: int) -> None:
        self._secret = f"shop {seed}"
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._tokens = itertools.count(1)
        self.users: list[User] = []

    def create(self, asked: dict[str, Any], now: datetime) -> User:
        moment = f"{now:%Y-%m-%dT%H:%M:%S}.000Z"
        given = {name: asked[name] for name in ("email", "name", "password", "avatar")}
        with self._lock:
            user = {
                **given,
                "role": asked.get("role") or "customer",
                "id": next(self._ids),
                "creationAt": moment,
                "updatedAt": moment,
            }
            self.users.append(user)
        return user

    def user(self, number: int) -> User | None:
        return next((user for user in self.users if user["id"] == number), None)

    def signed_in(self, email: object, password: object) -> User | None:
        first = next((user for user in self.users if user["email"] == email), None)
        return first if first and first["password"] == password else None

    def tokens(self, user: User, now: datetime) -> dict[str, str]:
        return {
            "access_token": self._token("access", user, now),
            "refresh_token": self._token("refresh", user, now),
        }

    def owner(self, kind: Kind, token: object, now: datetime) -> int | None:
        """The id in a token that this shop signed for this use and that has not expired."""
        if not isinstance(token, str) or token.count(".") != 2:  # noqa: PLR2004 - a JWT's parts
            return None
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(kind, signed).encode(), signature.encode()):
            return None
        claims = json.loads(_decoded(signed.partition(".")[2]))
        return int(claims["sub"]) if now.timestamp() < claims["exp"] else None

    def _token(self, kind: Kind, user: User, now: datetime) -> str:
        claims = {
            "sub": user["id"],
            "jti": next(self._tokens),  # two tokens of one second differ
            "iat": int(now.timestamp()),
            "exp": int((now + LIVES[kind]).timestamp()),
        }
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{self._signature(kind, signed)}"

    def _signature(self, kind: Kind, signed: str) -> str:
        key = f"{self._secret} {kind}".encode()
        return _encoded(hmac.digest(key, signed.encode(), hashlib.sha256))


def complaints(asked: dict[str, Any]) -> list[str]:
    """What the shop's validation says of a new user, in its words; nothing means welcome."""
    found = []
    email, name, password, avatar = (
        asked.get(key) for key in ("email", "name", "password", "avatar")
    )
    found += _empty("email", email)
    if not _matches(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", email):
        found.append("email must be an email")
    found += _empty("name", name)
    if not isinstance(name, str):
        found.append("name must be a string")
    if not isinstance(password, str) or len(password) < 4:  # noqa: PLR2004 - the shop's rule
        found.append("password must be longer than or equal to 4 characters")
    found += _empty("password", password)
    if not _matches(r"[A-Za-z0-9]+", password):
        found.append("password must contain only letters and numbers")
    if asked.get("role") not in (None, *ROLES):
        found.append(f"role must be one of the following values: {', '.join(ROLES)}")
    found += _empty("avatar", avatar)
    if not _matches(r"(https?://)?[^\s/.]+(\.[^\s/.]+)+(/\S*)?", avatar):
        found.append("avatar must be a URL address")
    return found


def _empty(name: str, value: object) -> list[str]:
    return [f"{name} should not be empty"] if value in (None, "") else []


def _matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _encoded(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

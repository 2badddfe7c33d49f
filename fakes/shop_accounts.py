"""Users of the fake shop and their tokens, which expire by the clock of the fakes."""

import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

LIVES = {"access": timedelta(days=20), "refresh": timedelta(hours=10)}
# What the shop asks of a new user, in its words.
RULES = (
    ("email", r".+", "email should not be empty"),
    ("email", r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", "email must be an email"),
    ("name", r"(?s).+", "name should not be empty"),
    ("password", r".{4,}", "password must be longer than or equal to 4 characters"),
    ("password", r"[A-Za-z0-9]+", "password must contain only letters and numbers"),
    ("avatar", r"(https?://)?[^\s/.]+(\.[^\s/.]+)+(/\S*)?", "avatar must be a URL address"),
)
User = dict[str, Any]


class Accounts:
    """An email is not unique; signing in with it gives the first user that has it."""

    def __init__(self, seed: int) -> None:
        self._secret = f"shop {seed}"
        self._ids = itertools.count(1)
        self._tokens = itertools.count(1)
        self.users: list[User] = []

    def create(self, asked: Mapping[str, Any], now: datetime) -> User:
        moment = f"{now:%Y-%m-%dT%H:%M:%S}.000Z"
        user = {name: asked[name] for name in ("email", "name", "password", "avatar")}
        user |= {"role": asked.get("role") or "customer", "id": next(self._ids)}
        self.users.append(user | {"creationAt": moment, "updatedAt": moment})
        return self.users[-1]

    def user(self, number: int | None) -> User | None:
        return next((user for user in self.users if user["id"] == number), None)

    def signed_in(self, email: object, password: object) -> User | None:
        first = next((user for user in self.users if user["email"] == email), None)
        return first if first and first["password"] == password else None

    def tokens(self, user: User, now: datetime) -> dict[str, str]:
        return {f"{kind}_token": self._token(kind, user, now) for kind in LIVES}

    def owner(self, kind: str, token: object, now: datetime) -> int | None:
        """The id in a token that this shop signed for this use and that has not expired."""
        if not isinstance(token, str) or token.count(".") != 2:  # noqa: PLR2004 - a JWT's parts
            return None
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(kind, signed).encode(), signature.encode()):
            return None
        claims = signed.partition(".")[2]
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return int(read["sub"]) if now.timestamp() < read["exp"] else None

    def _token(self, kind: str, user: User, now: datetime) -> str:
        issued, expires = int(now.timestamp()), int((now + LIVES[kind]).timestamp())
        # With a number of its own, so that two tokens of one second differ.
        claims = {"sub": user["id"], "jti": next(self._tokens), "iat": issued, "exp": expires}
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{self._signature(kind, signed)}"

    def _signature(self, kind: str, signed: str) -> str:
        key = f"{self._secret} {kind}".encode()
        return _encoded(hmac.digest(key, signed.encode(), hashlib.sha256))


def complaints(asked: Mapping[str, Any]) -> list[str]:
    """What the shop's validation says of a new user; nothing means welcome."""
    return [
        message
        for name, pattern, message in RULES
        if not isinstance(asked.get(name), str) or not re.fullmatch(pattern, asked[name])
    ]


def _encoded(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")

"""Users of the fake shop and their tokens, which expire by the clock of the fakes."""

import itertools
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

LIVES = {"access": timedelta(days=20), "refresh": timedelta(hours=10)}
FIELDS = ("email", "name", "password", "avatar")  # which a new user must have
User = dict[str, Any]


class Accounts:
    """An email is not unique; signing in with it gives the first user that has it."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._tokens = itertools.count(1)
        self.users: list[User] = []

    def create(self, asked: Mapping[str, Any], now: datetime) -> User:
        moment = f"{now:%Y-%m-%dT%H:%M:%S}.000Z"
        user = {name: asked[name] for name in FIELDS}
        user |= {"role": "customer", "id": next(self._ids)}
        self.users.append(user | {"creationAt": moment, "updatedAt": moment})
        return self.users[-1]

    def user(self, number: int | None) -> User | None:
        return next((user for user in self.users if user["id"] == number), None)

    def signed_in(self, email: object, password: object) -> User | None:
        first = next((user for user in self.users if user["email"] == email), None)
        return first if first and first["password"] == password else None

    def tokens(self, user: User, now: datetime) -> dict[str, str]:
        """As good after a reset of the shop as before it, as those of the public shop are."""
        given = {}
        for kind, life in LIVES.items():
            expires = int((now + life).timestamp())
            given[f"{kind}_token"] = f"{kind}.{user['id']}.{expires}.{next(self._tokens)}"
        return given

    def owner(self, kind: str, token: str, now: datetime) -> int | None:
        """The user's id in a token that was given for this use and has not expired."""
        found = re.fullmatch(rf"{kind}\.(\d+)\.(\d+)\.\d+", token)
        return int(found[1]) if found and now.timestamp() < int(found[2]) else None

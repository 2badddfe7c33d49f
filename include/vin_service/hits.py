"""Cached lookups as they were last answered: sending one again costs little."""

import time
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Send

MAX_HITS = 20_000  # a few hundred bytes each
PATH = "/lookup/"


class Hit(NamedTuple):
    fresh_until: float
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Hits:
    """Use it from one event loop, in the one process that writes the cache."""

    def __init__(self) -> None:
        self._by_vin: dict[str, Hit] = {}

    def keep(self, vin: str, response: Response, fresh_until: float) -> None:
        if len(self._by_vin) >= MAX_HITS:
            del self._by_vin[next(iter(self._by_vin))]
        self._by_vin[vin] = Hit(fresh_until, response.raw_headers, bytes(response.body))

    def forget(self, vin: str) -> None:
        self._by_vin.pop(vin, None)

    def find(self, method: str, path: str) -> Hit | None:
        if method != "GET" or not path.startswith(PATH) or not path.isascii():
            return None
        hit = self._by_vin.get(path[len(PATH) :].upper())
        return hit if hit and time.time() < hit.fresh_until else None


async def send_again(hit: Hit, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": hit.headers})
    await send({"type": "http.response.body", "body": hit.body})

"""What the service is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from include.errors import PermanentError
from include.first.lake import Lake

DAY_S = 24 * 3600
MOST = 1_000_000_000  # seconds: 31 years
T = TypeVar("T", int, float)


@dataclass(frozen=True)
class Settings:
    db: Path = Path("vin-cache.db")
    vpic_url: str = "https://vpic.nhtsa.dot.gov/api"
    recalls_api_url: str = "https://api.nhtsa.gov"
    api_key: str | None = field(default=None, repr=False)
    found_ttl_s: float = 90 * DAY_S  # a car stays what it is; vPIC's catalogue gets corrections
    not_found_ttl_s: float = 3600
    # vPIC tolerates about 1,000 calls a minute; each of ours may be made three times.
    calls_per_minute: int = 300
    calls_at_once: int = 4
    timeout_s: float = 5
    lake: Lake | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings; the limits of the whole service are divided among its workers."""
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        workers = _number(given, "VIN_WORKERS", 1, int, least=1)
        calls = _number(given, "VIN_UPSTREAM_CALLS", cls.calls_at_once, int, least=1)
        a_minute = _number(given, "VIN_UPSTREAM_PER_MINUTE", cls.calls_per_minute, int, least=1)
        return cls(
            db=Path(given.get("VIN_DB", cls.db)),
            vpic_url=_address(given, "VPIC_URL", cls.vpic_url),
            recalls_api_url=_address(given, "RECALLS_API_URL", cls.recalls_api_url),
            api_key=_key(given),
            found_ttl_s=_number(given, "VIN_FOUND_TTL_S", cls.found_ttl_s, float),
            not_found_ttl_s=_number(given, "VIN_NOT_FOUND_TTL_S", cls.not_found_ttl_s, float),
            calls_per_minute=max(1, a_minute // workers),
            calls_at_once=max(1, calls // workers),
            timeout_s=_number(given, "VIN_UPSTREAM_TIMEOUT_S", cls.timeout_s, float, least=0.1),
            lake=Lake.from_environment(given) if "LAKE_BUCKET" in given else None,
        )


def _key(given: Mapping[str, str]) -> str | None:
    key = given.get("VIN_API_KEY")
    try:
        (key or "").encode()
    except UnicodeEncodeError:
        raise PermanentError("VIN_API_KEY is no text in UTF-8; set another") from None
    return key


def _number(
    given: Mapping[str, str], name: str, default: T, kind: Callable[[str], T], *, least: float = 0
) -> T:
    text = given.get(name)
    if text is None:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = kind("-1")
    if not least <= value <= MOST:
        what = "a whole number" if kind is int else "a number"
        raise PermanentError(
            f"{name} is {text[:40]!r}; set {what} from {least:g} to {MOST:,}, or leave it out"
        )
    return value


def _address(given: Mapping[str, str], name: str, default: str) -> str:
    text = given.get(name, default)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        # Not shown: it may carry a password.
        raise PermanentError(
            f"{name} is no http address; set one such as {default}, or leave it out"
        )
    return text

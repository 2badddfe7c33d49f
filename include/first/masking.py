"""Keep credentials out of every line that people or machines will read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

CREDENTIAL_HEADER = re.compile(r"auth|cookie|key|secret|token", re.IGNORECASE)
CREDENTIAL_PARAM = re.compile(
    r"((?:app_token|api_?key|(?:access|refresh)_token|(?<![a-z])(?:token|key|password|secret))=)"
    r"[^&\s'\"]+",
    re.IGNORECASE,
)
# What stands before the host: a user, a password, or a token in the place of either.
USER_INFO = re.compile(r"(?<=//)[^/?#\s'\"]+@")
MIN_LENGTH = 4  # shorter is no secret, and hiding it would blacken ordinary words


class Mask:
    """Hides the secrets it was told, and whatever stands where a URL has one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = set(secrets)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the values of headers that carry credentials, such as `Authorization: Bearer x`."""
        for name, value in headers.items():
            if CREDENTIAL_HEADER.search(name):
                self._secrets |= {value, *value.split()[-1:]}

    def __call__(self, text: str) -> str:
        # The longest first: one secret may contain another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= MIN_LENGTH:
                for spelling in (secret, quote(secret, safe="")):
                    text = text.replace(spelling, "***")
        return mask_urls(text)


def mask_urls(text: str) -> str:
    """Without the users and passwords of URLs, and the values of parameters named like a secret."""
    return CREDENTIAL_PARAM.sub(r"\1***", USER_INFO.sub("***@", text))


def mask_record(record: logging.LogRecord) -> bool:
    """A logging filter for libraries that log whole URLs."""
    record.msg, record.args = mask_urls(record.getMessage()), ()
    return True

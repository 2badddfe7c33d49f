"""Keeps credentials out of logs and exceptions."""

import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from include.data.formatting import printable

CREDENTIAL_HEADER = re.compile(r"auth|cookie|key|secret|token", re.IGNORECASE)
CREDENTIAL_PARAM = re.compile(
    r"((?:app_token|api_?key|(?:access|refresh)_token|(?<![a-z])(?:token|key|password|secret))=)"
    r"[^&\s'\"]+",
    re.IGNORECASE,
)
# A user, a password or a token before the host.
USER_INFO = re.compile(r"(?<=//)[^/?#\s'\"]+@")
MIN_LENGTH = 4  # masking a shorter text would hide ordinary words


class Mask:
    """Hides the secrets it knows, and the parts of a URL that hold credentials."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Add the values of credential headers, such as `Authorization: Bearer x`."""
        for name, value in headers.items():
            if CREDENTIAL_HEADER.search(name):
                self._secrets |= {value, *value.split()[-1:]}

    def __call__(self, text: str) -> str:
        # Longest first: one secret may contain another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= MIN_LENGTH:
                for spelling in (secret, quote(secret, safe="")):
                    text = text.replace(spelling, "***")
        return mask_urls(text)


def mask_urls(text: str) -> str:
    """Hide users and passwords in URLs, and the values of parameters named like a secret."""
    return CREDENTIAL_PARAM.sub(r"\1***", USER_INFO.sub("***@", text))


def mask_record(record: logging.LogRecord) -> bool:
    """A logging filter for libraries that log whole URLs and raw headers."""
    record.msg, record.args = printable(mask_urls(record.getMessage())), ()
    record.exc_info = None
    return True

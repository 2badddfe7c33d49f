"""What can go wrong when an API is asked, each with a name and a line that says what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError

from include.errors import PermanentError

LONGEST_SAYING = 300


class RestError(Exception):
    """An API could not be asked: what happened, where, and what to do, in one line.

    What is `PermanentError` too fails at once; the rest is worth repeating.
    """

    retry_after_s: float | None = None


class WrongHost(RestError, PermanentError):
    """The address leads to nothing that we talk to."""


class AuthError(RestError, PermanentError):
    """401 or 403."""


class NotFound(RestError, PermanentError):
    """404."""


class BadRequest(RestError, PermanentError):
    """Any other 4xx, or a request that cannot be sent at all."""


class RateLimited(RestError):
    """429, still."""


class SourceUnavailable(RestError):
    """No connection, no whole body, 5xx or 202, still."""


class UnexpectedBody(RestError):
    """An answer that is not what was asked for, such as an HTML page with 200."""


class RedirectElsewhere(requests.RequestException):
    """A redirect to another host, which would get our headers."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


def problem_with_status(
    status: int, where: str, headers: Mapping[str, str], body: bytes
) -> RestError | None:
    if status < HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.ACCEPTED:
        return None  # without a look at the body, which may be large
    said = f"{status}{_said(headers, body)}"
    problem: RestError
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        problem = AuthError(f"{where} refused access ({said}); check the token or key")
    elif status == HTTPStatus.NOT_FOUND:
        problem = NotFound(
            f"{where} does not exist ({said}); check the host and the name in the path"
        )
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        problem = RateLimited(f"{where} says it is asked too often ({said}); ask again later")
    elif status in {HTTPStatus.ACCEPTED, HTTPStatus.REQUEST_TIMEOUT} or status >= 500:  # noqa: PLR2004 - 5xx
        problem = SourceUnavailable(f"{where} is not available ({said}); try again later")
    elif status >= HTTPStatus.BAD_REQUEST:
        problem = BadRequest(f"{where} did not understand the request ({said}); correct it")
    else:
        target = host_and_path(headers.get("Location", ""))
        problem = WrongHost(f"{where} sends on to {target} ({said}); ask that address instead")
    problem.retry_after_s = _retry_after_s(headers)
    return problem


def problem_with_network(error: Exception, where: str) -> RestError:
    if isinstance(error, UnicodeError | requests.exceptions.InvalidHeader):
        return BadRequest(
            f"{where} was not asked: a header, most likely the token, holds a character that "
            "headers cannot carry; enter it again"
        )
    if hopeless := _wrong_host(error):
        return WrongHost(f"{where} {hopeless}")
    return SourceUnavailable(f"{where} {_trouble(error)}")


def _wrong_host(error: Exception) -> str | None:
    text = str(error)
    if isinstance(error, RedirectElsewhere):
        target = host_and_path(error.target)
        return f"redirects to {target}, another host, which is not followed; is the host right?"
    if isinstance(error, ValueError):
        return "is not a valid address; correct the host"
    if isinstance(error, requests.TooManyRedirects):
        return "redirects in circles; check the host and the path"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "has a certificate that does not hold; check the host"
    if "WRONG_VERSION_NUMBER" in text:
        return "does not speak https; write http:// before the host if that is meant"
    return None


def _trouble(error: Exception) -> str:
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(error, requests.exceptions.ProxyError):
        return "could not be reached through the proxy; check the proxy settings"
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return "took too long to answer; try again later"
    if isinstance(cause, NameResolutionError):
        return "could not be reached: its host name is not known; check the host and the network"
    if isinstance(cause, NewConnectionError):
        return "could not be reached: nothing answers there; check the host, or try again later"
    return "broke off before the answer was whole; try again later"


def host_and_path(url: str) -> str:
    """An address for people: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the host"
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _said(headers: Mapping[str, str], body: bytes) -> str:
    """The reason that the API itself gives, where it gives one in words."""
    if "json" not in headers.get("Content-Type", ""):
        return ""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    parts = (answer.get("code"), answer.get("message"))
    words = " ".join(", ".join(str(part) for part in parts if part).split())
    return f": {words[:LONGEST_SAYING]}" if words else ""


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After as seconds: it comes as a number, or as a date by the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    until = instant(value)
    if until is None:
        return None
    now = instant(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def instant(http_date: str) -> datetime | None:
    """The moment that an HTTP date means, in UTC; None when it means none."""
    try:
        return parsedate_to_datetime(http_date).astimezone(UTC)
    except ValueError:
        return None

"""The errors of the HTTP client. Each message says what happened, where, and what to do."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from requests import exceptions as failures
from urllib3.exceptions import (
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from include.data.formatting import printable
from include.errors import PermanentError


class HttpError(Exception):
    """A failed exchange. The client repeats it, unless it is a `PermanentError` too."""

    retry_after_s: float | None = None

    def __init__(self, message: str) -> None:
        # Messages quote the publisher: escape its control characters here, once.
        super().__init__(printable(message))


class WrongHost(HttpError, PermanentError):
    """The address leads to nothing that the client can use."""


class AuthError(HttpError, PermanentError):
    """401 or 403."""


class NotFound(HttpError, PermanentError):
    """404."""


class BadRequest(HttpError, PermanentError):
    """Any other 4xx, or a request that cannot be sent."""


class RateLimited(HttpError):
    """429 after the last attempt."""


class SourceUnavailable(HttpError):
    """No connection, an incomplete body, 5xx or 202 after the last attempt."""


class UnexpectedBody(HttpError):
    """An answer of another kind than the caller asked for, such as an HTML page with 200."""


def error_for_status(
    status: int, where: str, headers: Mapping[str, str], reason: Callable[[], str]
) -> HttpError | None:
    """The error that a status means, None for a success. `reason` gives the API's own."""
    if 200 <= status < 300 and status != HTTPStatus.ACCEPTED:  # noqa: PLR2004 - 2xx
        return None
    text = reason()
    said = f"{status}: {text}" if text else str(status)
    error: HttpError
    if status in {HTTPStatus.ACCEPTED, HTTPStatus.REQUEST_TIMEOUT} or not 200 <= status < 500:  # noqa: PLR2004 - 1xx, 5xx
        error = SourceUnavailable(f"{where} is not available ({said}); try again later")
    elif status < HTTPStatus.BAD_REQUEST:
        target = host_and_path(headers.get("Location", "")) or "nowhere"
        error = WrongHost(f"{where} redirects to {target} ({said}); use that address instead")
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        error = AuthError(f"{where} refused access ({said}); check the token or key")
    elif status == HTTPStatus.NOT_FOUND:
        error = NotFound(f"{where} does not exist ({said}); check the host and the path")
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        error = RateLimited(f"{where} received too many requests ({said}); try again later")
    else:
        error = BadRequest(f"{where} rejected the request ({said}); correct it")
    error.retry_after_s = _retry_after_s(headers)
    return error


def error_for_exception(error: Exception, where: str) -> HttpError:
    text = str(error).lower()  # to look into, not to show: it holds the URL
    cause = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(error, LocationValueError | failures.InvalidURL | failures.InvalidSchema):
        return WrongHost(f"{where} or its proxy is not a valid address; correct the host")
    if "certificate_verify_failed" in text:
        return WrongHost(f"{where} has a certificate that is not trusted; check the host")
    if "wrong_version_number" in text or "record layer failure" in text:
        return WrongHost(f"{where} does not speak https; if http is meant, write http://")
    if isinstance(error, failures.ProxyError):
        said = "could not be reached through the proxy; check the proxy settings"
    elif isinstance(error, failures.Timeout | ReadTimeoutError):
        said = "took too long to answer; try again later"
    elif isinstance(cause, NameResolutionError):
        said = "could not be reached: its host name is unknown; check the host and the network"
    elif isinstance(cause, NewConnectionError):
        said = "could not be reached: nothing answers there; check the host, or try again later"
    elif isinstance(error, failures.InvalidHeader):
        said = "sent headers that contradict each other; check the host, or try again later"
    else:
        said = "closed the connection before the answer was complete; try again later"
    return SourceUnavailable(f"{where} {said}")


def too_large(where: str, max_bytes: int) -> UnexpectedBody:
    return UnexpectedBody(
        f"{where} sent more than {max_bytes:,} bytes, the limit for this API; check the host"
    )


def host_and_path(url: str) -> str:
    """An address to show: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the host"
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def reason_in(headers: Mapping[str, str], body: bytes) -> str:
    """The code and message that a JSON answer gives, or nothing."""
    if "json" not in headers.get("Content-Type", ""):
        return ""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    parts = (answer.get("code"), answer.get("message"))
    return " ".join(", ".join(str(part) for part in parts if part).split())


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; a date is read by the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    until = parse_http_date(value)
    if until is None:
        return None
    now = parse_http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


FIRST_YEAR = 1970  # of any clock that sends a date


def parse_http_date(text: str) -> datetime | None:
    """The instant in UTC; None for a text that is not a date, or is beyond the calendar."""
    try:
        moment = parsedate_to_datetime(text)
        if moment.year < FIRST_YEAR:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

"""`HttpClient` asks one API: it repeats what is worth repeating and never shows a credential."""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from functools import partialmethod
from random import uniform
from time import monotonic, sleep

import requests
from requests.structures import CaseInsensitiveDict

from include.data.formatting import printable
from include.errors import PermanentError
from include.http.errors import (
    BadRequest,
    HttpError,
    UnexpectedBody,
    WrongHost,
    error_for_status,
    host_and_path,
    reason_in,
)
from include.http.masking import Mask, mask_record
from include.http.response import Response, unpack
from include.http.transport import Transport

__all__ = ["HttpClient", "Response"]

log = logging.getLogger(__name__)

# Publishers ask for a way to reach their callers: set HEADWATERS_CONTACT to yours.
CONTACT = "https://headwaters.example"
MAX_BYTES = 64_000_000
MAX_REASON = 300
MAX_WAIT_S, MAX_BACKOFF_S = 60.0, 30.0


class HttpClient:
    """One API at one base URL; https unless the URL says otherwise. Threads may share it."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Collection[str] = (),
        attempts: int = 5,
        connect_timeout_s: float = 10,
        read_timeout_s: float = 120,
        total_s: float = 600,
        max_bytes: int = MAX_BYTES,
        contact: str | None = None,
        wait_turn: Callable[[], object] = lambda: None,
    ) -> None:
        """`read_timeout_s` limits a silence, `total_s` a call with all its attempts.

        `max_bytes` limits a body, packed and unpacked. `wait_turn` runs before each attempt.
        """
        self._base_url = (base_url if "://" in base_url else f"https://{base_url}").rstrip("/")
        self._attempts, self._total_s, self._max_bytes = attempts, total_s, max_bytes
        self._wait_turn = wait_turn
        self._mask = Mask(secrets)
        self._mask.learn(headers or {})
        contact = contact or os.environ.get("HEADWATERS_CONTACT") or CONTACT
        self._headers = {
            "User-Agent": f"headwaters/0.1 (+{contact})",
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        self._transport = Transport(connect_timeout_s, read_timeout_s, max_bytes)
        for name in ("urllib3.connection", "urllib3.connectionpool"):
            logging.getLogger(name).addFilter(mask_record)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        ok_statuses: Collection[int] = (),
        check: Callable[[Response], object] | None = None,
    ) -> Response:
        """Ask, and ask again after a failure that may pass.

        Only a GET is repeated, unless `repeatable` says otherwise. `ok_statuses` are answers of
        this API although they look like errors. `check` looks at each answer; when it raises an
        HttpError, the client asks again too.
        """
        self._mask.learn(headers or {})
        url = self._base_url + path
        where = printable(self._mask(host_and_path(url)))
        all_headers = CaseInsensitiveDict({**self._headers, **(headers or {})})
        prepared = _prepare(
            requests.Request(method, url, all_headers, data=form, params=params, json=json), where
        )
        deadline = monotonic() + self._total_s

        def ask() -> Response:
            self._wait_turn()
            try:
                answer = self._transport.exchange(prepared, where, deadline)
                response = unpack(where, *answer, self._max_bytes)
                if response.status not in ok_statuses:
                    self.raise_for_status(response)
                if response.is_html:
                    raise UnexpectedBody(
                        f"{where} answered with an HTML page instead of data; "
                        "it may be down for maintenance, or the host is wrong"
                    )
                if check is not None:
                    check(response)
            except HttpError as error:
                # An API may quote our request, token included.
                error.args = (self._mask(str(error)),)
                raise
            return response

        may_repeat = method == "GET" if repeatable is None else repeatable
        attempts = self._attempts if may_repeat else 1
        attempt = 0
        while True:
            attempt += 1
            try:
                return ask()
            except HttpError as error:
                backoff_s = uniform(0, min(MAX_BACKOFF_S, 2 ** (attempt - 1)))
                wait_s = min(MAX_WAIT_S, (error.retry_after_s or 0) + backoff_s)
                is_late = monotonic() + wait_s >= deadline
                if isinstance(error, PermanentError) or attempt == attempts or is_late:
                    if attempt > 1:
                        error.args = (f"{error} (after {attempt} attempts)",)
                    raise
                log.warning("%s (attempt %d; again in %.1f s)", error, attempt, wait_s)
                sleep(wait_s)

    get = partialmethod(request, "GET")

    def raise_for_status(self, response: Response) -> None:
        """Raise the error that a status means; for a `check` that looks into an ok status."""

        def reason() -> str:
            # Masked before it is cut: half a token would not be recognized.
            return self._mask(reason_in(response.headers, response.content))[:MAX_REASON]

        error = error_for_status(response.status, response.where, response.headers, reason)
        if error is not None:
            raise error


def _prepare(request: requests.Request, where: str) -> requests.PreparedRequest:
    prepared: requests.PreparedRequest | None
    try:
        prepared = request.prepare()
        for value in prepared.headers.values():
            value.encode("latin-1")
    except (UnicodeError, requests.exceptions.InvalidHeader):
        raise BadRequest(
            f"{where} was not asked: a header, most likely the token, holds a character that "
            "headers cannot carry; enter it again"
        ) from None
    except requests.RequestException:
        prepared = None
    if prepared is None or not (prepared.url or "").startswith(("http://", "https://")):
        raise WrongHost(f"{where} is not a valid address; correct the host")
    return prepared

"""One way to the network: every API is asked through a `RestClient`.

An exchange is everything up to the last byte of the body, looked at; what failed for now is
repeated as a whole, what is hopeless fails at once. No credential shows in a log or an exception.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping
from time import monotonic, sleep
from typing import cast

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from include.errors import PermanentError
from include.first.exchange import Answer, OneHostSession
from include.first.masking import Mask, mask_record
from include.first.rest_errors import (
    AuthError,
    BadRequest,
    NotFound,
    RateLimited,
    RestError,
    SourceUnavailable,
    UnexpectedBody,
    WrongHost,
    problem_with_status,
)

__all__ = [
    "Answer",
    "AuthError",
    "BadRequest",
    "NotFound",
    "RateLimited",
    "RestClient",
    "RestError",
    "SourceUnavailable",
    "UnexpectedBody",
    "WrongHost",
]

log = logging.getLogger(__name__)

# Publishers ask for a way to reach whoever calls them: set HEADWATERS_CONTACT to yours.
CONTACT = "https://headwaters.example"
LONGEST_WAIT_S = 60.0
BACKOFF = wait_random_exponential(multiplier=1, max=30)


class RestClient:
    """One API, at one base URL. Without a scheme, https is meant. Not for several threads."""

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
        contact: str | None = None,
        most_bytes: int | None = None,
        pace: Callable[[], object] = lambda: None,
    ) -> None:
        """`pace` is called before each exchange, a repeated one too, and may wait."""
        self.base_url = (base_url if "://" in base_url else f"https://{base_url}").rstrip("/")
        self.attempts = attempts
        self.connect_timeout_s = connect_timeout_s
        self.read_timeout_s = read_timeout_s
        self.total_s = total_s
        self.most_bytes = most_bytes
        self._pace = pace
        self._mask = Mask(secrets)
        self._mask.learn(headers or {})
        contact = contact or os.environ.get("HEADWATERS_CONTACT") or CONTACT
        self._session = OneHostSession(
            {
                "User-Agent": f"headwaters/0.1 (+{contact})",
                "Accept-Encoding": "gzip",
                **(headers or {}),
            }
        )
        # urllib3 logs whole URLs when it is asked to debug.
        logging.getLogger("urllib3.connectionpool").addFilter(mask_record)

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        check: Callable[[Answer], object] | None = None,
    ) -> Answer:
        return self.request("GET", path, params=params, headers=headers, accept=accept, check=check)

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
        accept: Collection[int] = (),
        check: Callable[[Answer], object] | None = None,
    ) -> Answer:
        """Ask, and repeat what is worth repeating.

        `repeatable` says that doing it twice does no harm; unsaid, that is so for GET alone.
        `accept` names statuses that are answers of this API although they read like errors.
        `check` looks at each answer; when it raises a RestError, the exchange is repeated too.
        """
        self._mask.learn(headers or {})
        request = requests.Request(
            method, self.base_url + path, params=params, headers=headers, json=json, data=form
        )
        deadline = monotonic() + self.total_s

        def exchange() -> Answer:
            self._pace()
            answer = self._session.exchange(
                request,
                connect_timeout_s=self.connect_timeout_s,
                read_timeout_s=self.read_timeout_s,
                deadline=deadline,
                mask=self._mask,
                most_bytes=self.most_bytes,
            )
            if answer.status_code not in accept:
                self._refuse_status(answer)
            if answer.is_html:
                raise UnexpectedBody(
                    f"{answer.where} answered with an HTML page instead of data; "
                    "it may be down for maintenance, or the host is wrong"
                )
            if check is not None:
                check(answer)
            return answer

        may_repeat = method == "GET" if repeatable is None else repeatable
        attempts = self.attempts if may_repeat else 1
        return Retrying(
            retry=retry_if_exception(_is_worth_repeating),
            stop=stop_after_attempt(attempts) | stop_before_delay(self.total_s),
            wait=_wait,
            sleep=sleep,
            before_sleep=_log_repetition,
            retry_error_callback=_give_up,
        )(exchange)

    def _refuse_status(self, answer: Answer) -> None:
        problem = problem_with_status(
            answer.status_code, answer.where, answer.headers, answer.content
        )
        if problem is not None:
            # An API may quote our request, token included, in what it says.
            problem.args = (self._mask(str(problem)),)
            raise problem


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, RestError) and not isinstance(error, PermanentError)


def _wait(state: RetryCallState) -> float:
    return min(LONGEST_WAIT_S, (_error_of(state).retry_after_s or 0) + BACKOFF(state))


def _log_repetition(state: RetryCallState) -> None:
    log.warning(
        "%s (attempt %d; again in %.1f s)",
        _error_of(state),
        state.attempt_number,
        state.upcoming_sleep,
    )


def _give_up(state: RetryCallState) -> Answer:
    error = _error_of(state)
    if state.attempt_number > 1:
        error.args = (f"{error} (after {state.attempt_number} attempts)",)
    raise error


def _error_of(state: RetryCallState) -> RestError:
    """Why the exchange failed; tenacity asks only about those that are worth repeating."""
    return cast("RestError", state.outcome and state.outcome.exception())

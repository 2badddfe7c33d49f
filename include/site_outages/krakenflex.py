"""KrakenFlex in its own words: all outages, a site with its devices, outages posted of a site."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from include.first.rest import (
    Answer,
    AuthError,
    BadRequest,
    NotFound,
    RestClient,
    RestError,
    UnexpectedBody,
)
from include.first.rest_errors import instant

OFFICIAL_HOST = "api.krakenflex.systems"
PATH = "/interview-tests-mock-api/v1"
KEY_CURE = "The key is the password of the connection `krakenflex_api`: correct it"
HOST_CURE = f"Check the host of the connection `krakenflex_api`, which is {OFFICIAL_HOST}"


@dataclass(frozen=True)
class Said:
    """One answer, and what its headers say of it."""

    content: bytes
    gzipped: bytes  # the body as it travelled; packed here when it came unpacked
    publisher: str  # "official", or "made-up:7" for local data of seed 7
    answered_at: str  # by the clock of the API


class Krakenflex:
    """The API at one host. A 500 now and then is its habit, so every call may be repeated."""

    def __init__(self, host: str, key: str, *, attempts: int = 5, total_s: float = 600) -> None:
        self._client = RestClient(
            host.rstrip("/").removesuffix(PATH) + PATH,
            headers={"x-api-key": key},
            attempts=attempts,
            total_s=total_s,
        )

    def outages(self) -> Said:
        """A list of all outages of all sites."""
        with _cured({AuthError: KEY_CURE, NotFound: HOST_CURE}):
            return _said(self._client.get("/outages", check=_check_outages))

    def site(self, site_id: str) -> Said:
        """A site: its id, its name, its devices."""
        path = f"/site-info/{quote(site_id, safe='')}"
        with _cured({AuthError: KEY_CURE, NotFound: _site_cure(site_id)}):
            return _said(self._client.get(path, check=_check_site(site_id)))

    def post(self, site_id: str, outages: bytes) -> str | None:
        """Hand in the outages of a site, a list in JSON; returns when they were taken, if said.

        It says the same each time, so that it is repeated after a 500 or a lost answer.
        """
        cures = {
            AuthError: KEY_CURE,
            NotFound: _site_cure(site_id),
            BadRequest: (
                "KrakenFlex takes the outages of a site only when they are exactly right, and so "
                "has not taken these; nothing was published. Start a new run, which reads anew; "
                "if that is refused too, look at what this run set aside, and at its `since`"
            ),
        }
        with _cured(cures):
            answer = self._client.request(
                "POST",
                f"/site-outages/{quote(site_id, safe='')}",
                json=json.loads(outages),
                repeatable=True,
            )
            return _answered_at(answer)


def _site_cure(site_id: str) -> str:
    return (
        f"Is there a site `{site_id}`? The param `site_id` names it. If there is: "
        f"{HOST_CURE[0].lower()}{HOST_CURE[1:]}"
    )


@contextmanager
def _cured(cures: Mapping[type[RestError], str]) -> Iterator[None]:
    """Say also what of ours is to be corrected."""
    try:
        yield
    except tuple(cures) as error:
        cure = next(cure for kind, cure in cures.items() if isinstance(error, kind))
        error.args = (f"{error}. {cure}",)
        raise


def _said(answer: Answer) -> Said:
    answered_at = _answered_at(answer)
    if answered_at is None:
        raise UnexpectedBody(
            f"{answer.where} came without a Date that can be read, so its age is not known; "
            f"is the host {OFFICIAL_HOST}?"
        )
    return Said(
        content=answer.content,
        gzipped=answer.gzipped,
        publisher=answer.publisher,
        answered_at=answered_at,
    )


def _answered_at(answer: Answer) -> str | None:
    moment = instant(answer.headers.get("Date", ""))
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _check_outages(answer: Answer) -> None:
    if not isinstance(answer.json(), list):
        raise UnexpectedBody(
            f"{answer.where} gave no list of outages; check the host, or try again later"
        )


def _check_site(site_id: str) -> Callable[[Answer], None]:
    def check(answer: Answer) -> None:
        site: Any = answer.json()
        if not isinstance(site, dict) or not isinstance(site.get("devices"), list):
            raise UnexpectedBody(
                f"{answer.where} gave no site with a list of devices; "
                "check the host, or try again later"
            )
        if site.get("id") != site_id:
            raise UnexpectedBody(f"{answer.where} gave another site than was asked for")

    return check

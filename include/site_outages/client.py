"""KrakenFlex: all outages, a site with its devices, and the outages that are posted of a site."""

import json
from functools import partial
from typing import Any
from urllib.parse import quote

from include.http.client import HttpClient, Response
from include.http.errors import AuthError, BadRequest, HttpError, NotFound, parse_http_date

OFFICIAL_HOST = "api.krakenflex.systems"
PATH = "/interview-tests-mock-api/v1"
# What a person can correct, by the error that the client raises.
HINTS: dict[type[HttpError], str] = {
    AuthError: "The key is the password of the connection `krakenflex_api`: correct it",
    NotFound: "Check the param `site_id`, which names the site",
    BadRequest: (
        "KrakenFlex accepts the outages of a site only if they are exactly right; nothing was "
        "published. Start a new run; if it is refused too, look at the quarantine and at `since`"
    ),
}


class KrakenFlex:
    """Any call answers 500 now and then, so each is repeated. The host may have its path."""

    def __init__(self, host: str, key: str, **limits: Any) -> None:
        url = host.rstrip("/").removesuffix(PATH) + PATH
        self._client = HttpClient(url, headers={"x-api-key": key}, **limits)

    def outages(self) -> Response:
        """The list of all outages of all sites."""
        return self._ask("GET", "/outages", check=_check_outages)

    def site(self, site_id: str) -> Response:
        """A site: its id, its name and its devices."""
        path = f"/site-info/{quote(site_id, safe='')}"
        return self._ask("GET", path, check=partial(_check_site, site_id))

    def post_outages(self, site_id: str, payload: bytes) -> str:
        """Post a JSON list; returns when it was accepted, empty if the answer has no date.

        The list is complete, so posting it twice changes nothing.
        """
        path = f"/site-outages/{quote(site_id, safe='')}"
        response = self._ask("POST", path, json=json.loads(payload), repeatable=True)
        date = parse_http_date(response.headers.get("Date", ""))
        return f"{date:%Y-%m-%dT%H:%M:%SZ}" if date else ""

    def _ask(self, method: str, path: str, **options: Any) -> Response:
        try:
            return self._client.request(method, path, **options)
        except tuple(HINTS) as error:
            error.args = (f"{error}. {HINTS[type(error)]}",)
            raise


def _check_outages(response: Response) -> None:
    if not isinstance(_answer(response), list):
        raise response.unexpected("did not send a list of outages")


def _check_site(site_id: str, response: Response) -> None:
    site = _answer(response)
    if not isinstance(site, dict) or not isinstance(site.get("devices"), list):
        raise response.unexpected("did not send a site with a list of devices")
    if site.get("id") != site_id:
        raise response.unexpected("sent another site than the one asked for")


def _answer(response: Response) -> Any:
    """What was sent, if it can be written as UTF-8; JSON can hold half a character."""
    answer = response.json()
    try:
        json.dumps(answer, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise response.unexpected("sent a text that is not valid Unicode") from None
    return answer

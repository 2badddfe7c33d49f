import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from fakes.control import Control
from fakes.open_library import LONGEST_URL
from include.http.errors import BadRequest, RateLimited, UnexpectedBody
from include.subject_books.client import MAX_AUTHORS, SPARE, OpenLibrary
from tests.http.raw_server import Api, message


class Clock:
    """A clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("contact", [None, "me@example.org"])
def test_pace_stays_within_the_rate_limit(
    recalls_url: str, replica: Control, monkeypatch: pytest.MonkeyPatch, contact: str | None
) -> None:
    """One request a second, or three with a contact."""
    clock = Clock()
    replica.open_library.clock = clock
    replica.open_library.limited = True
    monkeypatch.setattr("include.subject_books.client.monotonic", clock)
    monkeypatch.setattr("include.subject_books.client.sleep", clock.sleep)
    api = OpenLibrary(recalls_url, contact=contact, attempts=1)
    for _ in range(7):
        api.page("love")
    assert clock.now == pytest.approx(100 + SPARE * 6 / (3 if contact else 1))
    clock.now += 60  # idle time allows no burst
    for _ in range(2):
        api.page("love")
    assert clock.now == pytest.approx(160 + SPARE * 7 / (3 if contact else 1))


def test_user_agent_names_the_contact(recalls_url: str, replica: Control) -> None:
    assert requests.get(f"{recalls_url}/subjects/love.json", timeout=9).status_code == 403
    replica.open_library.limited = True
    replica.open_library.clock = lambda: 0.0
    api = OpenLibrary(recalls_url, contact="me@example.org", attempts=1, wait_turn=lambda: None)
    for _ in range(3):
        assert api.page("love").work_count == 7
    with pytest.raises(RateLimited):
        api.page("love")


def test_page_requests_a_thousand_books(api: OpenLibrary, replica: Control) -> None:
    page = api.page("data_mining")
    assert replica.requests[-1].params == {"limit": "1000", "offset": "0"}
    assert len(page.works) == page.work_count == 620
    assert page.response.publisher == "made-up:7"


def test_authors_with_longest_keys_fit_into_a_url(api: OpenLibrary, replica: Control) -> None:
    keys = [f"/authors/OL{10**13 + number}A" for number in range(MAX_AUTHORS)]
    assert api.authors(keys).json()["result"] == {}
    assert json.loads(replica.requests[-1].params["keys"]) == keys
    with pytest.raises(BadRequest, match="414"):
        api.authors(keys * (LONGEST_URL // 4000 + 1))


@pytest.fixture
def api_with() -> Iterator[Callable[[str], OpenLibrary]]:
    """Returns a client of a server that always sends this body."""
    with Api() as server:

        def answer(body: str) -> OpenLibrary:
            server.answers = [message(body.encode())]
            return OpenLibrary(server.url, wait_turn=lambda: None)

        yield answer


@pytest.mark.parametrize(
    "body",
    [
        *("[]", "7", "{}", '{"work_count": 1}', '{"work_count": "1", "works": []}'),
        *('{"work_count": true, "works": []}', '{"work_count": -1, "works": []}'),
        *('{"work_count": 1, "works": {}}', '{"work_count": 1, "works": [7]}', "nothing"),
        *('{"work_count": 1, "works": [{}]}', '{"work_count": 1, "works": [{"key": "OL1W"}]}'),
    ],
)
def test_page_of_invalid_shape_is_refused(api_with: Any, body: str) -> None:
    with pytest.raises(UnexpectedBody, match="after 5 attempts"):
        api_with(body).page("love")


@pytest.mark.parametrize("body", ["[]", "{}", '{"result": []}', '{"result": {"a": 7}}', "nothing"])
def test_authors_of_invalid_shape_are_refused(api_with: Any, body: str) -> None:
    with pytest.raises(UnexpectedBody, match="after 5 attempts"):
        api_with(body).authors(["/authors/OL1A"])

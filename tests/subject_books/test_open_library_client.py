"""Open Library as its client asks it: politely, in few questions, and with an eye on the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from fakes.control import Control
from fakes.open_library import LONGEST_URL
from include.first.rest import (
    AuthError,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.subject_books.open_library import BATCH, OpenLibrary
from include.subject_books.pace import SPARE, Pace


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_first_question_waits_for_nobody() -> None:
    """Then each waits for what is left of its interval, and one that comes late not at all."""
    clock = Clock()
    pace = Pace(2, clock=clock, sleep=clock.sleep)
    pace.wait()
    assert clock.slept == []
    clock.now += 0.2
    pace.wait()
    assert clock.slept == [pytest.approx(SPARE / 2 - 0.2)]
    clock.now += 60
    pace.wait()
    assert len(clock.slept) == 1
    pace.wait()  # a minute without a question buys no burst
    assert clock.slept[1:] == [pytest.approx(SPARE / 2)]


@pytest.mark.parametrize("contact", [None, "me@example.org"])
def test_the_pace_is_welcome(recalls_url: str, replica: Control, contact: str | None) -> None:
    """One a second, or three with a contact, is never told to slow down, and hardly slower."""
    clock = Clock()
    replica.open_library.clock = clock
    replica.open_library.dials.limited = True
    per_second = 3 if contact else 1
    pace = Pace(per_second, clock=clock, sleep=clock.sleep)
    api = OpenLibrary(recalls_url, contact=contact, attempts=1, pace=pace)
    for _ in range(7):
        api.page("love")
    assert clock.now == pytest.approx(100 + SPARE * 6 / per_second)


@pytest.mark.parametrize(("contact", "interval_s"), [(None, 1.0), ("me@example.org", 1 / 3)])
def test_a_contact_makes_it_faster(
    monkeypatch: pytest.MonkeyPatch, contact: str | None, interval_s: float
) -> None:
    """The pace follows from the contact, and the contact is told."""
    paces: list[float] = []

    def noted(per_second: float) -> Pace:
        paces.append(per_second)
        return Pace(per_second)

    monkeypatch.setattr("include.subject_books.open_library.Pace", noted)
    OpenLibrary("http://127.0.0.1:1", contact=contact)
    assert [1 / pace for pace in paces] == [pytest.approx(interval_s)]


def test_who_asks_is_said(recalls_url: str, replica: Control) -> None:
    """The project and the contact stand in the User-Agent; without one the API would refuse."""
    assert requests.get(f"{recalls_url}/subjects/love.json", timeout=9).status_code == 403
    replica.open_library.dials.limited = True
    replica.open_library.clock = lambda: 0.0
    api = OpenLibrary(recalls_url, contact="me@example.org", attempts=1, pace=Pace(1e9))
    for _ in range(3):
        assert api.page("love").work_count == 7
    with pytest.raises(RateLimited):
        api.page("love")


def test_a_page_is_asked_for_as_large_as_it_may_be(api: OpenLibrary, replica: Control) -> None:
    """A thousand books a page; the answer is kept as it travelled."""
    page = api.page("data_mining")
    assert replica.requests[-1].path == "/subjects/data_mining.json"
    assert replica.requests[-1].params == {"limit": "1000", "offset": "0"}
    assert len(page.works) == page.work_count == 620
    assert page.said.publisher == "made-up:7"


def test_a_batch_fits_into_an_address(api: OpenLibrary, replica: Control) -> None:
    """The longest keys that there may be, as many as go into a batch, are taken."""
    keys = [f"/authors/OL{10**13 + number}A" for number in range(BATCH)]
    assert api.authors(keys).records == {}
    assert json.loads(replica.requests[-1].params["keys"]) == keys
    with pytest.raises(Exception, match="414"):
        api.authors(keys * (LONGEST_URL // 4000 + 1))


FAULTS: list[tuple[str, dict[str, Any], type[Exception]]] = [
    ("429", {}, RateLimited),
    ("429", {"retry_after": 7}, RateLimited),
    ("500", {}, SourceUnavailable),
    ("503", {}, SourceUnavailable),
    ("202", {}, SourceUnavailable),
    ("html", {}, UnexpectedBody),
    ("cut", {}, SourceUnavailable),
    ("refused", {}, SourceUnavailable),
]


@pytest.mark.parametrize(
    ("kind", "options", "error"), FAULTS, ids=[f"{kind}{options}" for kind, options, _ in FAULTS]
)
@pytest.mark.parametrize("what", ["page", "authors"])
def test_trouble_is_repeated_and_then_told(
    open_library: Callable[..., OpenLibrary],
    replica: Control,
    waits: list[float],
    what: str,
    kind: str,
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    """What may pass is asked again after a pause; what stays is an error of its own kind."""
    api = open_library(attempts=3)
    ask = {"page": lambda: api.page("love"), "authors": lambda: api.authors(["/authors/OL1000A"])}
    replica.fault(kind, times=2, **options)
    ask[what]()
    assert len(waits) == 2
    assert all(pause >= options.get("retry_after", 0) for pause in waits)
    replica.fault(kind, times=None, **options)
    with pytest.raises(error, match=r"after 3 attempts"):
        ask[what]()


def test_a_wrong_address_fails_at_once(recalls_url: str, replica: Control) -> None:
    """A host that has no such path is not asked twice."""
    api = OpenLibrary(f"{recalls_url}/elsewhere", pace=Pace(1e9))
    with pytest.raises(NotFound):
        api.page("love")
    assert len(replica.requests) == 1


def test_a_refusal_fails_at_once(
    api: OpenLibrary, replica: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 is not asked twice."""
    monkeypatch.setitem(api._client._session.headers, "User-Agent", "python-requests/2")
    with pytest.raises(AuthError):
        api.page("love")
    assert len(replica.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        *("[]", "7", "{}", '{"work_count": 1}', '{"work_count": "1", "works": []}'),
        *('{"work_count": true, "works": []}', '{"work_count": -1, "works": []}'),
        *('{"work_count": 1, "works": {}}', '{"work_count": 1, "works": [7]}', "nothing"),
        *('{"work_count": 1, "works": [{}]}', '{"work_count": 1, "works": [{"key": "OL1W"}]}'),
    ],
)
def test_a_page_of_another_shape_is_no_page(
    monkeypatch: pytest.MonkeyPatch, api: OpenLibrary, body: str
) -> None:
    """JSON that is no page of a subject is asked for again, and never taken for an empty one."""
    _answer_with(monkeypatch, body)
    with pytest.raises(UnexpectedBody, match="after 5 attempts"):
        api.page("love")


@pytest.mark.parametrize("body", ["[]", "{}", '{"result": []}', '{"result": {"a": 7}}', "nothing"])
def test_records_of_another_shape_are_none(
    monkeypatch: pytest.MonkeyPatch, api: OpenLibrary, body: str
) -> None:
    """The same with author records."""
    _answer_with(monkeypatch, body)
    with pytest.raises(UnexpectedBody, match="after 5 attempts"):
        api.authors(["/authors/OL1A"])


def _answer_with(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    from include.first.exchange import Answer, OneHostSession

    said = Answer(200, "openlibrary.org/x", {}, body.encode(), body.encode())
    monkeypatch.setattr(OneHostSession, "exchange", lambda *_, **__: said)

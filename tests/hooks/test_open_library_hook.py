"""The connection `open_library_api`: what it may say, and what testing it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.subject_books.open_library import OpenLibrary
from plugins.hooks.open_library_hook import OpenLibraryHook

Connect = Callable[..., OpenLibraryHook]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    monkeypatch.setattr("include.subject_books.pace.time.sleep", waits.append)
    monkeypatch.delenv("HEADWATERS_CONTACT", raising=False)
    return waits


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control) -> Connect:
    """A hook whose connection leads to the replica, unless something else is said."""
    assert not replica.faults

    def connect(**parts: Any) -> OpenLibraryHook:
        connection = {"conn_type": "http", "host": recalls_url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_OPEN_LIBRARY_API", json.dumps(connection))
        return OpenLibraryHook()

    return connect


@pytest.fixture
def contacts(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The contacts that clients were made with."""
    told: list[str | None] = []
    make = OpenLibrary.__init__

    def note(api: OpenLibrary, host: str, **settings: Any) -> None:
        told.append(settings["contact"])
        make(api, host, **settings)

    monkeypatch.setattr(OpenLibrary, "__init__", note)
    return told


def test_the_hook_opens_open_library(connect: Connect, replica: Control) -> None:
    """A host alone is enough."""
    assert connect().get_conn().page("love").work_count == 7
    assert replica.requests[-1].path == "/subjects/love.json"


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one API serves."""
    hook = OpenLibraryHook("open_library_of_tomorrow")
    with pytest.raises(Exception, match="open_library_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert hook.get_conn() is hook.get_conn()


@pytest.mark.parametrize(
    ("extra", "variable", "told"),
    [
        ({"contact": " me@example.org "}, "", "me@example.org"),
        ({"contact": "me@example.org"}, "you@example.org", "me@example.org"),
        ({}, "you@example.org", "you@example.org"),
        ({"contact": ""}, "", None),
        ({}, "", None),
        (None, "", None),
        ('{"contact": "me@example.org"}', "", "me@example.org"),
    ],
    ids=str,
)
def test_the_contact(
    connect: Connect,
    contacts: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
    extra: Any,
    variable: str,
    told: str | None,
) -> None:
    """The extra says it, then the environment; without either the slower pace is kept."""
    monkeypatch.setenv("HEADWATERS_CONTACT", variable)
    connect(**({} if extra is None else {"extra": extra})).get_conn()
    assert contacts == [told]


@pytest.mark.parametrize("contact", [7, ["me"], "me\nX-Evil: 1", "mé@example.org"], ids=str)
def test_a_contact_that_is_none_is_refused(connect: Connect, contact: object) -> None:
    """What cannot stand in a header is one line that names the connection."""
    hook = connect(extra={"contact": contact})
    with pytest.raises(PermanentError, match="`contact` of the connection `open_library_api`"):
        hook.get_conn()
    assert hook.test_connection()[0] is False


def test_an_extra_that_is_no_json_is_refused(connect: Connect) -> None:
    """Airflow would take it for an empty one."""
    with pytest.raises(PermanentError, match="no JSON object"):
        connect(extra="contact=me").get_conn()


def test_testing_asks_for_one_book(connect: Connect, replica: Control) -> None:
    """A good connection says so after one small question."""
    assert connect().test_connection() == (True, "the API answers with a book")
    assert [asked.params["limit"] for asked in replica.requests] == ["1"]


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        ("html", "Check the host of the connection `open_library_api`"),
        ("503", "official one is openlibrary.org"),
        ("429", "Check the host"),
    ],
)
def test_testing_says_what_to_do(connect: Connect, replica: Control, fault: str, cure: str) -> None:
    """What is wrong comes with its cure, after few tries."""
    replica.fault(fault, times=None)
    good, says = connect().test_connection()
    assert not good
    assert cure in says
    assert len(replica.requests) == 2


def test_a_refusal_names_the_contact(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open Library refuses who does not say who they are."""
    from include.first.rest import AuthError

    def refuse(*_: object, **__: object) -> None:
        raise AuthError("openlibrary.org refused access (403); check the token or key")

    monkeypatch.setattr(OpenLibrary, "page", refuse)
    good, says = connect().test_connection()
    assert not good
    assert "set the extra `contact` of the connection `open_library_api`" in says


def test_testing_what_is_not_there(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    """No connection, and one without a host, are each one line."""
    assert connect(host="").test_connection() == (
        False,
        "the connection `open_library_api` has no host; set it to openlibrary.org",
    )
    monkeypatch.delenv("AIRFLOW_CONN_OPEN_LIBRARY_API")
    good, says = OpenLibraryHook().test_connection()
    assert not good
    assert "open_library_api" in says

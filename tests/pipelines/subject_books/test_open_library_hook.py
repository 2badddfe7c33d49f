import json
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.http.errors import AuthError
from include.subject_books.client import OpenLibrary
from plugins.hooks.open_library_hook import OpenLibraryHook

Connect = Callable[..., OpenLibraryHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control) -> Connect:
    """Creates a hook with a connection to the fake; `parts` override its fields."""
    assert not replica.faults
    monkeypatch.delenv("HEADWATERS_CONTACT", raising=False)
    monkeypatch.setattr("include.subject_books.client.sleep", lambda _: None)

    def connect(**parts: Any) -> OpenLibraryHook:
        connection = {"conn_type": "http", "host": recalls_url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_OPEN_LIBRARY_API", json.dumps(connection))
        return OpenLibraryHook()

    return connect


@pytest.mark.parametrize(
    ("extra", "variable", "contact"),
    [
        ({"contact": " me@example.org "}, "you@example.org", "me@example.org"),
        ({}, "you@example.org", "you@example.org"),
        ({"contact": ""}, "", None),
    ],
    ids=str,
)
def test_get_conn_takes_the_contact_from_extra_or_environment(
    connect: Connect,
    replica: Control,
    monkeypatch: pytest.MonkeyPatch,
    extra: dict[str, str],
    variable: str,
    contact: str | None,
) -> None:
    monkeypatch.setenv("HEADWATERS_CONTACT", variable)
    contacts: list[str | None] = []
    make = OpenLibrary.__init__

    def note(api: OpenLibrary, host: str, **settings: Any) -> None:
        contacts.append(settings["contact"])
        make(api, host, **settings)

    monkeypatch.setattr(OpenLibrary, "__init__", note)
    assert connect(extra=extra).get_conn().page("love").work_count == 7
    assert replica.requests[-1].path == "/subjects/love.json"
    assert contacts == [contact]


@pytest.mark.parametrize("contact", [7, "me\nX-Evil: 1", "mé@example.org"], ids=str)
def test_get_conn_refuses_invalid_contact(connect: Connect, contact: object) -> None:
    hook = connect(extra={"contact": contact})
    with pytest.raises(PermanentError, match="`open_library_api` has an extra `contact`"):
        hook.get_conn()
    assert hook.test_connection()[0] is False


def test_test_connection_requests_one_book(connect: Connect, replica: Control) -> None:
    assert connect().test_connection() == (True, "the API answers with a book")
    assert [asked.params["limit"] for asked in replica.requests] == ["1"]


def test_test_connection_refusal_names_the_contact(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AuthError("openlibrary.org refused access (403); check the token or key")

    monkeypatch.setattr(OpenLibrary, "page", refuse)
    works, sentence = connect().test_connection()
    assert not works
    assert "set the extra `contact` of the connection `open_library_api`" in sentence

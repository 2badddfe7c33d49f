import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.errors import PermanentError
from plugins.hooks.books_db_hook import BooksDbHook

Connect = Callable[..., BooksDbHook]
POSTGRES = {
    "conn_type": "postgres",
    "host": "db.example.org",
    "port": 5433,
    "login": "me",
    "password": "a/b@c:d",
    "schema": "books",
}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def connect(uri: str = "", **parts: Any) -> BooksDbHook:
        monkeypatch.setenv("AIRFLOW_CONN_BOOKS_DB", uri or json.dumps(parts))
        return BooksDbHook()

    return connect


def test_get_conn_reads_postgresql_from_json_and_uri(connect: Connect) -> None:
    url = connect(**POSTGRES, extra={"sslmode": "require"}).get_conn().url
    assert url.get_backend_name() == "postgresql"
    assert (url.username, url.password) == ("me", "a/b@c:d")
    assert (url.host, url.port, url.database) == ("db.example.org", 5433, "books")
    assert dict(url.query) == {"sslmode": "require"}
    uri = "postgres://me:a%2Fb%40c%3Ad@db.example.org:5433/books?sslmode=require"
    assert connect(uri).get_conn().url == url


@pytest.mark.parametrize("uri", ["sqlite:///{}", ""])
def test_get_conn_uses_sqlite_host_as_path(connect: Connect, tmp_path: Path, uri: str) -> None:
    path = str(tmp_path / "books.db")
    hook = connect(uri.format(path), conn_type="sqlite", host=path)
    assert hook.get_conn().url.database == path
    assert hook.test_connection() == (True, f"the SQLite file {path} can be loaded into")


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        (
            {"conn_type": "mysql", "host": "x", "schema": "y"},
            "type mysql; choose postgres or sqlite",
        ),
        ({"conn_type": "sqlite"}, "has no file"),
        ({"conn_type": "postgres", "schema": "books"}, "has no host;"),
        ({"conn_type": "postgres"}, "has no host and no schema;"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_get_conn_names_missing_part(connect: Connect, parts: dict[str, str], error: str) -> None:
    hook = connect(**parts)
    with pytest.raises(PermanentError, match=f"the connection `books_db`.*{error}"):
        hook.get_conn()
    good, sentence = hook.test_connection()
    assert not good
    assert error in sentence


def test_test_connection_of_unreachable_host_shows_no_password(connect: Connect) -> None:
    good, sentence = connect(**POSTGRES | {"host": "127.0.0.1", "port": 1}).test_connection()
    assert not good
    assert "PostgreSQL at 127.0.0.1:1/books" in sentence
    assert "a/b@c:d" not in sentence

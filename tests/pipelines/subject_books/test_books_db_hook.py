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
    def connect(written: str = "", **parts: Any) -> BooksDbHook:
        monkeypatch.setenv("AIRFLOW_CONN_BOOKS_DB", written or json.dumps(parts))
        return BooksDbHook()

    return connect


def test_get_conn_postgresql_has_every_part_in_json_and_as_a_uri(connect: Connect) -> None:
    url = connect(**POSTGRES, extra={"sslmode": "require"}).get_conn().url
    assert url.get_backend_name() == "postgresql"
    assert (url.username, url.password) == ("me", "a/b@c:d")
    assert (url.host, url.port, url.database) == ("db.example.org", 5433, "books")
    assert dict(url.query) == {"sslmode": "require"}
    written = "postgres://me:a%2Fb%40c%3Ad@db.example.org:5433/books?sslmode=require"
    assert connect(written).get_conn().url == url


@pytest.mark.parametrize("written", ["sqlite:///{}", ""])
def test_get_conn_sqlite_host_is_the_path(connect: Connect, tmp_path: Path, written: str) -> None:
    path = str(tmp_path / "books.db")
    hook = connect(written.format(path), conn_type="sqlite", host=path)
    assert hook.get_conn().url.database == path
    assert hook.test_connection() == (True, f"the SQLite file {path} can be loaded into")


@pytest.mark.parametrize(
    ("parts", "says"),
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
def test_get_conn_missing_part_is_named(connect: Connect, parts: dict[str, str], says: str) -> None:
    hook = connect(**parts)
    with pytest.raises(PermanentError, match=f"the connection `books_db`.*{says}"):
        hook.get_conn()
    good, told = hook.test_connection()
    assert not good
    assert says in told


def test_test_connection_unreachable_shows_no_password(connect: Connect) -> None:
    good, told = connect(**POSTGRES | {"host": "127.0.0.1", "port": 1}).test_connection()
    assert not good
    assert "PostgreSQL at 127.0.0.1:1/books" in told
    assert "a/b@c:d" not in told

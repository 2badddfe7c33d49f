"""The fake Open Library without pauses, and a new database for each test."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import URL, create_engine, text

from fakes.control import Control
from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.store import Store
from include.subject_books.client import OpenLibrary
from include.subject_books.contract import IN_FILES
from include.subject_books.database import BooksDatabase
from include.subject_books.pipeline import extract, load, publish, transform
from include.subject_books.tables import folder_of
from tests.pipelines.subject_books.postgres import WHY_NOT, cluster, programs

KEYS = Keys("subject_books")


def plain(store: Store, subject: str, name: str) -> bytes:
    return store.get(KEYS.plain(f"{folder_of(subject)}/{name}"))


def plain_tables(store: Store, subject: str) -> dict[str, pa.Table]:
    """Read the three Parquet files; return tables by name."""
    return {
        table.name: from_parquet(plain(store, subject, f"{table.name}.parquet"))
        for table in IN_FILES
    }


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records pauses instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    binaries = programs()
    if binaries is None:
        pytest.skip(WHY_NOT)
    with cluster(binaries) as url:
        yield url


@pytest.fixture
def postgres_url(postgres: URL) -> Iterator[URL]:
    """An empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres.set(database=name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> BooksDatabase:
    if request.param == "sqlite":
        return BooksDatabase(URL.create("sqlite", database=str(tmp_path / "books.db")))
    return BooksDatabase(request.getfixturevalue("postgres_url"))


@pytest.fixture
def open_library(recalls_url: str, replica: Control) -> Callable[..., OpenLibrary]:
    assert not replica.faults
    return lambda **settings: OpenLibrary(recalls_url, wait_turn=lambda: None, **settings)


@pytest.fixture
def api(open_library: Callable[..., OpenLibrary]) -> OpenLibrary:
    return open_library()


def run(
    api: OpenLibrary,
    store: Store,
    database: BooksDatabase | None,
    subject: str,
    limit: int = 500,
    **options: Any,
) -> Any:
    """Run all tasks, as the DAG does; return the receipt and the result of the load."""
    raw = extract(api, store, "run 1", subject, limit)
    receipt = publish(store, raw, transform(store, raw), **options)
    return receipt, load(store, database, subject) if database else None


@pytest.fixture
def run_once(api: OpenLibrary, store: Store) -> Callable[..., Any]:
    def once(subject: str = "curiosities", limit: int = 500, **more: Any) -> Any:
        return run(api, store, more.pop("database", None), subject, limit, **more)

    return once

"""Databases to load into: each test has one of each kind, made for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text

from fakes.control import Control
from include.first.lake import Lake
from include.subject_books.database import BooksDb
from include.subject_books.open_library import OpenLibrary
from include.subject_books.pace import Pace
from include.subject_books.run import run
from tests.subject_books.postgres import WHY_NOT, cluster, programs


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses after trouble that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
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
    """An empty database in PostgreSQL."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres.set(database=name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> BooksDb:
    if request.param == "sqlite":
        return BooksDb(URL.create("sqlite", database=str(tmp_path / "books.db")))
    return BooksDb(request.getfixturevalue("postgres_url"))


@pytest.fixture
def open_library(recalls_url: str, replica: Control) -> Callable[..., OpenLibrary]:
    """Open Library without the pauses that politeness asks for."""
    assert not replica.faults

    def open_it(**settings: Any) -> OpenLibrary:
        return OpenLibrary(recalls_url, pace=Pace(3, sleep=lambda _: None), **settings)

    return open_it


@pytest.fixture
def api(open_library: Callable[..., OpenLibrary]) -> OpenLibrary:
    return open_library()


@pytest.fixture
def run_once(api: OpenLibrary, lake: Lake) -> Callable[..., Any]:
    """Run a subject as the DAG does; returns what was published."""

    def once(subject: str = "curiosities", limit: int = 500, **more: Any) -> Any:
        database = more.pop("database", None)
        return run(api, lake, database, subject, limit, **more)

    return once

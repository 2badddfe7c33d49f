"""The container `books-db` creates the database for books, separate from Airflow's."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from sqlalchemy import URL, create_engine, text

from include.subject_books.database import BooksDatabase, DatabaseRefused
from tests.pipelines.subject_books.postgres import programs

COMPOSE = Path(__file__).resolve().parents[3] / "docker-compose.yaml"
PASSWORD = 'pass\'word "of" $books'


def test_container_creates_a_separate_database_for_books(postgres: URL) -> None:
    """A second run succeeds; the user may load books but not connect to Airflow's database."""
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["books-db"]
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    cleanup = ["DROP DATABASE IF EXISTS books", "DROP ROLE IF EXISTS books"]
    with engine.connect() as connection:
        for statement in [*cleanup, "DROP DATABASE IF EXISTS airflow", "CREATE DATABASE airflow"]:
            connection.execute(text(statement))
    environment = os.environ | {
        "PATH": f"{programs()}:{os.environ['PATH']}",
        "PGHOST": postgres.host or "",
        "PGPORT": str(postgres.port),
        "PGUSER": service["environment"]["PGUSER"],
        "PGPASSWORD": postgres.password or "",
        "BOOKS_DB_PASSWORD": PASSWORD,
    }
    script = service["command"][0].replace("$$", "$")
    for _ in range(2):
        subprocess.run(
            [shutil.which("sh") or "sh", *service["entrypoint"][1:], script],
            env=environment,
            check=True,
            capture_output=True,
        )
    books_url = postgres.set(username="books", password=PASSWORD, database="books")
    BooksDatabase(books_url).check_access()
    with pytest.raises(DatabaseRefused, match="permission denied"):
        BooksDatabase(books_url.set(database="airflow")).check_access()
    with engine.connect() as connection:
        for statement in [*cleanup, "DROP DATABASE airflow"]:
            connection.execute(text(statement))
    engine.dispose()

"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from include.first.lake import Lake
from include.subject_books.database import BooksDb
from include.subject_books.load import Loaded, load
from include.subject_books.open_library import OpenLibrary
from include.subject_books.publish import Published, project, publish
from include.subject_books.read import read
from include.subject_books.snapshot import write


def run(
    api: OpenLibrary,
    lake: Lake,
    database: BooksDb | None,
    subject: str,
    limit: int = 500,
    *,
    dry_run: bool = False,
    accept: Mapping[str, str] | None = None,
    run_id: str = "by hand",
) -> tuple[Published, Loaded | None]:
    snapshot = write(lake, read(api, lake, subject, limit, run_id))
    published = publish(lake, snapshot, dry_run=dry_run, accept=accept)
    if dry_run:
        return published, None
    project(lake, subject)
    return published, load(lake, database, subject) if database else None

"""The tables that people get, computed from the rows of the dataset, and their files."""

import json
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import pyarrow as pa

from include.data.tables import to_csv, to_parquet
from include.lake.keys import RESERVED_FOLDERS
from include.lake.plain_files import PlainFile
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version
from include.subject_books.contract import (
    AUTHORS,
    AUTHORS_BOOKS,
    BOOKS,
    IN_FILES,
    SUBJECT_BOOKS,
    SUBJECTS,
    SUBJECTS_BOOKS,
)

RENDER = {"csv": to_csv, "parquet": to_parquet}
Row = dict[str, Any]


def tables_of(rows: pa.Table) -> dict[str, pa.Table]:
    """Each table by name, sorted by its key; they agree because they have one origin."""
    authors: dict[str, Row] = {}
    links = []
    for row in rows.select(["work_key", "authors"]).to_pylist():
        for position, author in enumerate(json.loads(row["authors"]), start=1):
            key = author["author_key"]
            authors[key] = author
            links.append({"work_key": row["work_key"], "author_key": key, "position": position})
    found = {
        AUTHORS: pa.Table.from_pylist(list(authors.values()), schema=AUTHORS.schema),
        BOOKS: rows.select(BOOKS.schema.names).cast(BOOKS.schema),
        AUTHORS_BOOKS: pa.Table.from_pylist(links, schema=AUTHORS_BOOKS.schema),
    }
    return {
        table.name: rows.sort_by([(name, "ascending") for name in table.key]).combine_chunks()
        for table, rows in found.items()
    }


def database_rows(store: Store, version: Version) -> dict[str, list[Row]]:
    """The rows of all subjects by table; a book of two subjects is as it was read last."""
    subjects: list[Row] = []
    links: list[Row] = []
    books: dict[str, Row] = {}
    newest_first = sorted(
        version.parts.items(), key=lambda part: part[1]["moment"]["answered_at"], reverse=True
    )
    for subject, part in newest_first:
        subjects.append(
            {
                "subject": subject,
                "version": version.receipt_number,
                "read_id": part["path"].partition("/")[0],
                "publisher": version.receipt["source"]["publisher"],
                "observed_at": part["moment"]["answered_at"],
            }
        )
        for book in read_table_file(store, SUBJECT_BOOKS, part["path"]).to_pylist():
            links.append({"subject": subject, "work_key": book["work_key"]})
            books.setdefault(book["work_key"], book)
    oldest_first = pa.Table.from_pylist([*books.values()][::-1], schema=SUBJECT_BOOKS.schema)
    found = {name: table.to_pylist() for name, table in tables_of(oldest_first).items()}
    return found | {SUBJECTS.name: subjects, SUBJECTS_BOOKS.name: links}


def plain_files(store: Store, version: Version) -> Iterator[PlainFile]:
    """Three tables of each subject, each as CSV and Parquet."""
    tables = cache(lambda path: tables_of(read_table_file(store, SUBJECT_BOOKS, path)))

    def render(path: str, name: str) -> bytes:
        table, kind = name.rpartition("/")[2].split(".")
        return RENDER[kind](tables(path)[table])

    for subject, part in version.parts.items():
        for name in file_names(subject):
            yield PlainFile(name, f"{part['path']}, rendered", partial(render, part["path"], name))


def file_names(subject: str) -> list[str]:
    return [f"{folder_of(subject)}/{table.name}.{kind}" for table in IN_FILES for kind in RENDER]


def folder_of(subject: str) -> str:
    """A folder for one subject alone, safe and readable.

    Letters, digits, _ and - stay; any other character is a dot and two hex digits for each byte.
    """
    folder = "".join(c if c.isalnum() or c in "_-" else _escape(c) for c in subject)
    return folder[:-1] + _escape(folder[-1]) if folder in RESERVED_FOLDERS else folder


def _escape(character: str) -> str:
    return "".join(f".{byte:02x}" for byte in character.encode())

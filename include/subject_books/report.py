"""The report of one run."""

import json
from collections.abc import Iterator

import pyarrow as pa

from include.data.formatting import count
from include.lake.publish import Receipt
from include.lake.report import MAX_ROWS, Preview, render
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.pipeline import Loaded
from include.subject_books.tables import file_names, tables_of


def report(store: Store, receipt: Receipt, loaded: Loaded | None = None) -> str:
    facts = receipt["facts"]["all"]
    subject = facts["subject"]
    rows = read_table_file(store, SUBJECT_BOOKS, receipt["parts"][subject]["path"])
    return render(
        store,
        SUBJECT_BOOKS,
        receipt,
        noun="book",
        files=file_names(subject),
        facts=[*_subject(receipt, rows), *_database(loaded)],
        previews=[Preview(f"The first books of {subject} by number of editions", _first(rows))],
    )


def _subject(receipt: Receipt, rows: pa.Table) -> Iterator[str]:
    facts, subjects = receipt["facts"]["all"], count(len(receipt["parts"]), "subject")
    yield (
        f"subject: {facts['subject']}, the first {rows.num_rows:,} of its "
        f"{facts['work_count']:,} books; the table has {subjects}"
    )
    sizes = ", ".join(f"{name} {table.num_rows:,}" for name, table in tables_of(rows).items())
    yield f"rows by table: {sizes}"
    for what, number in facts["oddities"].items():
        yield f"odd: {what}: {number:,}"


def _database(loaded: Loaded | None) -> Iterator[str]:
    if loaded is None:
        return
    yield f"database: {loaded['where']}: loaded, version {loaded['version']}"
    changes = {name: after - loaded["rows_before"][name] for name, after in loaded["rows"].items()}
    sizes = (f"{name} {after:,} ({changes[name]:+,})" for name, after in loaded["rows"].items())
    yield f"rows in the database: {', '.join(sizes)}"


def _first(rows: pa.Table) -> pa.Table:
    """Title, authors and year of the first books."""
    order = [("edition_count", "descending"), ("work_key", "ascending")]
    first = rows.sort_by(order).slice(0, MAX_ROWS).to_pylist()
    return pa.table(
        {
            "title": [row["title"] for row in first],
            "authors": [
                ", ".join(author["name"] or "(none)" for author in json.loads(row["authors"]))
                for row in first
            ],
            "first year": [str(row["first_publish_year"] or "") for row in first],
        }
    )

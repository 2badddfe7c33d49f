"""The tasks of the DAG subject_books, in their order."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from sqlalchemy import delete, insert, select

from include.data.checks import Check, examples
from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.landing import RawPages, land_answers, read_page
from include.lake.ledger import update_ledger
from include.lake.plain_files import refresh_copies
from include.lake.plan import Plan
from include.lake.publish import Receipt, publish_read
from include.lake.reads import SourceMismatch
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.lake.table import load_version
from include.subject_books.client import (
    OFFICIAL_HOST,
    OpenLibrary,
    Record,
    check_subject,
    read_first_books,
    take,
)
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.database import MODEL, SUBJECTS, BooksDatabase
from include.subject_books.tables import database_rows, plain_files, tables_of
from include.subject_books.transform import author_keys, books_of, read_records

log = logging.getLogger(__name__)
MIN_LIMIT = 100  # the DAG takes no smaller one


def extract(api: OpenLibrary, store: Store, run_id: str, subject: str, limit: int) -> RawPages:
    """Land the first `limit` books of the subject and the records of their authors."""
    check_subject(subject)
    first = read_first_books(lambda offset: api.page(subject, offset), limit)
    if not first.works:
        raise PermanentError(
            f"Open Library has no book of the subject {subject}; nothing was changed. Check its "
            f"spelling against its page https://{OFFICIAL_HOST}/subjects/{subject}"
        )
    answers = [page.response for page in first.pages]

    def ask(keys: Sequence[str]) -> Mapping[str, Record]:
        answers.append(api.authors(keys))
        return answers[-1].json()["result"]  # type: ignore[no-any-return]

    read_records(author_keys(first.works), ask)
    facts = {
        "subject": subject,
        "limit": limit,
        "work_count": first.pages[-1].work_count,
        "promised": first.promised,
        "came": first.came,
        "certain": first.certain,
        "pages": len(first.pages),
    }
    return land_answers(
        store,
        SUBJECT_BOOKS,
        OFFICIAL_HOST,
        run_id,
        answers,
        covers={"subject": [subject]},
        partitions=[subject],
        facts=facts,
    )


def transform(store: Store, raw: RawPages) -> StagedBatch:
    """Follow merged authors, count what is odd, and write the candidate file."""
    works: list[Record] = []
    records: dict[str, Record] = {}
    for page in raw["pages"]:
        body = json.loads(read_page(store, page))
        works += body.get("works", [])
        records |= body.get("result", {})
    taken = take(works, raw["facts"]["limit"])
    rows, oddities = books_of(raw["facts"]["subject"], taken, records)
    for what, keys in sorted(oddities.items()):
        log.warning("%s: %s", what, examples(sorted(keys)))
    authors = tables_of(rows)["authors"]
    facts = {
        "oddities": {what: len(keys) for what, keys in sorted(oddities.items())},
        "authors": authors.num_rows,
        "authors_with_record": authors["problem"].null_count,
    }
    no_rows = QUARANTINE.empty_table()  # an odd value is null, and no book is lost by it
    batch = stage(store, SUBJECT_BOOKS, raw, rows, no_rows, facts)
    return write_candidates(store, SUBJECT_BOOKS, raw["read"]["read_id"], batch)


def publish(
    store: Store,
    raw: RawPages,
    batch: StagedBatch,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
) -> Receipt:
    """Commit the next version, then bring the plain files and the ledger up to date."""
    receipt = publish_read(
        store,
        SUBJECT_BOOKS,
        raw["read"],
        [batch],
        dry_run=dry_run,
        waive=waive,
        more_checks=lambda plan: _checks(batch, plan),
    )
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain files and the ledger up to date; returns the files it wrote."""
    update_ledger(store, SUBJECT_BOOKS)
    return refresh_copies(store, SUBJECT_BOOKS, lambda version: plain_files(store, version))


class Loaded(TypedDict):
    """What the database holds after a load, of all subjects."""

    where: str
    version: int
    rows: dict[str, int]  # by table
    rows_before: dict[str, int]


def load(store: Store, database: BooksDatabase, subject: str) -> Loaded:
    """Bring the database to the current version of the lake, or change nothing."""
    with database.load() as connection:
        # Looked up while no other load runs, so that an older version never follows a newer one.
        current = load_version(store, Keys(SUBJECT_BOOKS.name).table)
        if subject not in current.parts:
            raise PermanentError(
                f"the lake has no books of {subject} yet; run the DAG without `dry_run` first"
            )
        publisher = current.receipt["source"]["publisher"]
        others = select(SUBJECTS.c.publisher).where(SUBJECTS.c.publisher != publisher)
        if other := connection.scalars(others).first():
            raise SourceMismatch(
                f"{database.where} holds books of another source ({other}), these are "
                f"{publisher}; nothing was loaded. Use another database for another source"
            )
        rows = database_rows(store, current)
        before = database.sizes(connection)
        for table in reversed(MODEL.sorted_tables):
            connection.execute(delete(table))
        for table in MODEL.sorted_tables:
            if rows[table.name]:
                connection.execute(insert(table), rows[table.name])
    sizes = {table.name: len(rows[table.name]) for table in MODEL.sorted_tables}
    return Loaded(
        where=database.where, version=current.receipt_number, rows=sizes, rows_before=before
    )


def _checks(batch: StagedBatch, plan: Plan) -> Iterator[Check]:
    facts = batch["facts"]
    came, promised, certain = facts["came"], facts["promised"], facts["certain"]
    smaller = f"run again with a `limit` of {certain}, which always gives the same books, or "
    yield Check(
        "books that came",
        passed=came == promised,
        found=f"{came:,} of the {promised:,} books that Open Library counts came, on "
        f"{facts['pages']:,} pages",
        hint=(smaller if certain >= MIN_LIMIT else "")
        + "waive this check to publish the books that came; some with as many editions may be "
        "missing",
        can_waive=True,
    )
    before = plan.current.parts.get(facts["subject"], {"rows": 0})["rows"]
    yield Check(
        "books that stayed",
        # As many as were asked for: a smaller limit, not a smaller subject.
        passed=batch["valid"] == facts["limit"] or 2 * batch["valid"] >= before,
        found=f"{batch['valid']:,} books, {before:,} before",
        hint="look at the page of the subject; Open Library may have lost a part of its index",
        can_waive=True,
    )
    authors, known = facts["authors"], facts["authors_with_record"]
    yield Check(
        "authors with a record",
        passed=2 * known >= authors,
        found=f"{known:,} of {authors:,} authors have a record",
        hint="look at the page of an author; Open Library may have lost records: run again later",
        can_waive=True,
    )

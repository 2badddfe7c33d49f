"""The tasks of the DAG subject_books, in their order; `load` is in load.py."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from include.data.checks import Check, examples
from include.data.validate import QUARANTINE
from include.errors import PermanentError
from include.lake import publish as core
from include.lake.copies import refresh_copies
from include.lake.landing import RawPages, finish_landing, land_page, read_page
from include.lake.ledger import record
from include.lake.plan import Plan
from include.lake.publish import Receipt
from include.lake.reads import Moment, Source, start_read
from include.lake.staging import StagedBatch, stage, write_candidates
from include.lake.store import Store
from include.subject_books.authors import read_records
from include.subject_books.client import OFFICIAL_HOST, OpenLibrary, Record
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.database import BooksDatabase
from include.subject_books.first_books import read_first_books, take
from include.subject_books.load import Loaded, load
from include.subject_books.subjects import check_subject
from include.subject_books.tables import plain_files
from include.subject_books.transform import author_keys, books_of

log = logging.getLogger(__name__)
MIN_LIMIT, MAX_LIMIT = 100, 1000  # books of a subject
MIN_SHARE = Fraction(1, 2)  # of the books before, and of the authors' records


def extract(
    api: OpenLibrary, store: Store, run_id: str, subject: str, limit: int = 500
) -> RawPages:
    """Land the first `limit` books of the subject and the records of their authors."""
    check_subject(subject)
    first = read_first_books(lambda offset: api.page(subject, offset), limit)
    responses = [page.response for page in first.pages]
    if not first.works:
        raise PermanentError(
            f"Open Library has no book of the subject {subject}; nothing was changed. Check its "
            f"spelling against its page https://{OFFICIAL_HOST}/subjects/{subject}"
        )
    source = Source(dataset=OFFICIAL_HOST, publisher=responses[0].publisher)
    read, _ = start_read(store, SUBJECT_BOOKS, source, run_id, covers={"subject": [subject]})

    def ask(keys: Sequence[str]) -> Mapping[str, Record]:
        found = api.authors(keys)
        responses.append(found.response)
        return found.records

    read_records(author_keys(first.works), ask)
    if len(publishers := sorted({response.publisher for response in responses})) > 1:
        raise PermanentError(
            f"the answers of one read come from {' and '.join(publishers)}; nothing was published. "
            "Correct the host of the connection `open_library_api`"
        )
    pages = [
        land_page(store, SUBJECT_BOOKS, read, "all", number, response.gzipped)
        for number, response in enumerate(responses)
    ]
    times = sorted(f"{response.date:%Y-%m-%dT%H:%M:%SZ}" for response in responses)
    moment = Moment(began_at=times[0], answered_at=times[-1], modified_at="")
    facts = {
        "subject": subject,
        "limit": limit,
        "work_count": first.pages[-1].work_count,
        "promised": first.promised,
        "came": first.came,
        "agreed": first.agreed,
        "pages": len(first.pages),
    }
    return finish_landing(
        store, SUBJECT_BOOKS, read, pages, moment, partitions=[subject], facts=facts
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
    books = books_of(raw["facts"]["subject"], taken, records)
    for what, where in books.oddities.items():
        log.warning("%s: %s", what, examples(where))
    facts = {
        "oddities": {what: len(where) for what, where in books.oddities.items()},
        "authors": books.authors,
        "authors_with_record": books.authors_with_record,
    }
    no_rows = QUARANTINE.empty_table()  # an odd value is null, and no book is lost by it
    batch = stage(store, SUBJECT_BOOKS, raw, books.rows, no_rows, facts)
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
    receipt = core.publish(
        store,
        SUBJECT_BOOKS,
        raw["read"],
        [batch],
        dry_run=dry_run,
        waive=waive,
        more_checks=lambda plan: checks(batch, plan),
    )
    if not dry_run:
        refresh(store)
    return receipt


def refresh(store: Store) -> list[str]:
    """Bring the plain files and the ledger up to date; returns the files it wrote."""
    record(store, SUBJECT_BOOKS)
    return refresh_copies(store, SUBJECT_BOOKS, lambda version: plain_files(store, version))


def run(
    api: OpenLibrary,
    store: Store,
    database: BooksDatabase | None,
    subject: str,
    limit: int = 500,
    *,
    dry_run: bool = False,
    waive: Mapping[str, str] | None = None,
    run_id: str = "by hand",
) -> tuple[Receipt, Loaded | None]:
    """The whole path in one process, in the order of the DAG."""
    raw = extract(api, store, run_id, subject, limit)
    batch = transform(store, raw)
    receipt = publish(store, raw, batch, dry_run=dry_run, waive=waive)
    if dry_run or database is None:
        return receipt, None
    return receipt, load(store, database, subject)


def checks(batch: StagedBatch, plan: Plan) -> Iterator[Check]:
    facts = batch["facts"]
    came, promised, agreed = facts["came"], facts["promised"], facts["agreed"]
    smaller = f"run again with a `limit` of {agreed}, on which the pages agree, or "
    yield Check(
        "books that came",
        passed=came == promised,
        found=f"{came:,} of the {promised:,} books that Open Library counts came, on "
        f"{facts['pages']:,} pages",
        hint=(smaller if agreed >= MIN_LIMIT else "")
        + "waive this check to publish the books that came; others of as many editions may be "
        "missing",
        can_waive=True,
    )
    before = plan.current.parts.get(facts["subject"], {"rows": 0})["rows"]
    yield Check(
        "books that stayed",
        # As many as were asked for: a smaller limit, not a smaller subject.
        passed=batch["valid"] == facts["limit"] or batch["valid"] >= MIN_SHARE * before,
        found=f"{batch['valid']:,} books, {before:,} before",
        hint="look at the page of the subject; Open Library may have lost a part of its index",
        can_waive=True,
    )
    authors, known = facts["authors"], facts["authors_with_record"]
    yield Check(
        "authors with a record",
        passed=known >= MIN_SHARE * authors,
        found=f"{known:,} of {authors:,} authors have a record",
        hint="look at the page of an author; Open Library may have lost records: run again later",
        can_waive=True,
    )

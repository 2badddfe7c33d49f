"""Subject books: the books of a subject at Open Library and who wrote them, every week.

Makes `authors`, `books` and `authors_books` of the subject, as CSV and Parquet, and loads them
into the database of the connection `books_db`. The three tables of one read lie in one folder;
`subject_books/{subject}/current.json` names it, so that whoever follows it has three that agree.

**Backfill**: there is none, for Open Library only has today's books. To have another subject,
trigger with its name; subjects lie side by side, in the lake and in the database.

**When a check stops a change that is real**: trigger again with `accept`, the check's name and
the reason, such as `{"books that stayed": "the subject was split in two"}`.

**When it is red**: the failed task's last line says what, where and what to do. A run can always
be cleared or triggered again: a version is committed once, and the database is brought to the
newest version by whichever run comes next. It changes as a whole, or not at all.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from plugins.notifying.notify import alert
from plugins.policy.every_dag import (
    DEFAULTS,
    lake,
    may_accept,
    may_dry_run,
    measure,
    refuse_unknown_conf,
    show,
)

log = logging.getLogger(__name__)

PARAMS = {
    "subject": Param(
        "data_mining",
        type="string",
        # The names that are left out are those of other folders beside the subjects'.
        pattern=r"^(?!(raw|staging|table|ledger|quarantine)$)[a-z0-9]+([_-][a-z0-9]+)*$(?!\n)",
        maxLength=100,
        title="Subject",
        description=(
            "As in the address of its page on openlibrary.org: lower case, words joined by _, "
            "such as data_mining."
        ),
    ),
    "limit": Param(
        500,
        type="integer",
        minimum=100,
        maximum=1000,
        title="Books",
        description=(
            "At most so many: those with the most editions, and of as many editions those whose "
            "keys come first."
        ),
    ),
    "dry_run": may_dry_run("Read and compare, but publish and load nothing."),
    "accept": may_accept('{"books that stayed": "the subject was split in two"}'),
}


def open_library() -> Any:
    from plugins.hooks.open_library_hook import OpenLibraryHook

    return OpenLibraryHook().get_conn()


def books_db() -> Any:
    from plugins.hooks.books_db_hook import BooksDbHook

    return BooksDbHook().get_conn()


@task(pool="open_library_api")
def read() -> Any:
    """Land the subject's pages and the records of its authors, at a polite pace."""
    from include.subject_books.read import read

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    params = context["params"]
    return read(open_library(), lake(), params["subject"], params["limit"], context["run_id"])


@task
def shape(landed: Any) -> Any:
    """Follow merged authors, name what is odd, write the three tables where no reader looks."""
    from include.subject_books.snapshot import write

    return write(lake(), landed)


@task
def publish(snapshot: Any) -> Any:
    """Check, and make it the newest version if it differs; then bring the plain names in line."""
    from include.subject_books.publish import project, publish

    params = get_current_context()["params"]
    here, dry_run = lake(), params["dry_run"]
    published = publish(here, snapshot, dry_run=dry_run, accept=params["accept"])
    if not dry_run:
        project(here, published["subject"])
    return published


@task
def load(published: Any) -> Any:
    """Bring the newest version into the database, in one transaction."""
    from include.subject_books.load import load

    if get_current_context()["params"]["dry_run"]:
        return None
    return load(lake(), books_db(), published["subject"])


@task
def report(published: Any, loaded: Any) -> None:
    """One readable screen, in this log."""
    from include.subject_books.report import render

    show(render(lake(), published, loaded), log)
    if loaded and published["outcome"] != "overtaken":
        measure("subject_books", published)


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=DEFAULTS,
    on_failure_callback=alert,
    description=(__doc__ or "").partition("\n")[0],
    doc_md=__doc__,
    tags=["books"],
)
def subject_books() -> None:
    published = publish(shape(read()))
    report(published, load(published))


subject_books()

"""Subject books: the books of a subject at Open Library and their authors, every week.

Makes three tables of the subject, `authors`, `books` and `authors_books`, as CSV and Parquet in
`subject_books/{subject}/`, and loads them into the database of the connection `books_db`. The three
come from one table, so they agree.

**Backfill**: there is none, because Open Library only has today's books. For another subject,
trigger with its name; subjects are kept side by side, in the bucket and in the database.

**When a check fails but the change is right**: trigger again with `waive`, the name of the check
and the reason, such as `{"books that stayed": "the subject was split in two"}`.

**When it is red**: the last line of the failed task says what happened, to which thing, and what to
do. A run can always be cleared or triggered again: a read is committed once, and the next `load`
brings the database to the current version. A load changes all or nothing.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
    waive_param,
)

PARAMS = {
    "subject": Param(
        "data_mining",
        type="string",
        title="Subject",
        description=(
            "As in the address of its page on openlibrary.org: lower case, words joined by _, "
            "such as data_mining, children's_fiction or place:london."
        ),
    ),
    "limit": Param(
        500,
        type="integer",
        minimum=100,
        maximum=1000,
        title="Books",
        description=("The most books to read: those with the most editions first, then by key."),
    ),
    "dry_run": dry_run_param("Read and compare, but publish and load nothing."),
    "waive": waive_param('{"books that stayed": "the subject was split in two"}'),
}


@task(pool="open_library_api")
def extract() -> Any:
    """Land the pages of the subject and the records of its authors, at a polite pace."""
    from include.subject_books import pipeline
    from plugins.hooks.open_library_hook import OpenLibraryHook

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    params = context["params"]
    api = OpenLibraryHook().get_conn()
    return pipeline.extract(api, store(), context["run_id"], params["subject"], params["limit"])


@task
def transform(raw: Any) -> Any:
    """Follow merged authors, count what is odd, and write the candidate file."""
    from include.subject_books import pipeline

    return pipeline.transform(store(), raw)


@task
def publish(raw: Any, batch: Any) -> Any:
    """Check, and commit the next version if the books differ; then refresh the plain files."""
    from include.subject_books import pipeline

    params = get_current_context()["params"]
    return pipeline.publish(store(), raw, batch, dry_run=params["dry_run"], waive=params["waive"])


@task
def load(_: Any) -> Any:
    """Bring the database to the current version of the lake, in one transaction."""
    from include.subject_books import pipeline
    from plugins.hooks.books_db_hook import BooksDbHook

    params = get_current_context()["params"]
    if params["dry_run"]:
        return None
    return pipeline.load(store(), BooksDbHook().get_conn(), params["subject"])


@task
def report(receipt: Any, loaded: Any) -> str:
    """Show what was read, what changed, where the files are, and a few rows."""
    from include.subject_books.report import report

    shown = show(report(store(), receipt, loaded))
    if loaded:
        measure("subject_books", receipt)
    return shown


@dag(schedule="@weekly", tags=["books"], params=PARAMS, **dag_options(__doc__))
def subject_books() -> None:
    raw = extract()
    receipt = publish(raw, transform(raw))
    report(receipt, load(receipt))


subject_books()
